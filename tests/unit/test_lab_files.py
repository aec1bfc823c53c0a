"""What TFTP nodes of the lab serve is what the trust library, with an anchor, calls valid."""

from hashlib import md5

import pytest
from lxml import etree

from ctlctl_lab.build import WorldPlan
from ctlctl_lab.files import SIGNATURE_PARAMETER
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_NULL,
    BY_STRING,
    CALLMANAGER,
    CAPF,
    ENCRYPTED,
    INSTALL,
    NON_SECURE,
    SERVICE_TFTP,
    TVS,
    Identity,
    Phone,
)
from ctlctl_lab.world import World
from ctlctl_trust import Code, Kind, TrustAnchors, check_agreement, verify_signed_file, verify_trust_list
from ctlctl_trust.tlv import Role
from support.labworld import (
    BORN,
    OLD_RELEASE,
    SMALL,
    Factory,
    ctl_report,
    instant,
    is_secure,
    itl_report,
    lab_world,
    pass_time,
    phones_where,
)

#: What a list of the lab may be warned of: SHA-1 is what clusters sign with, and the anchor serves two roles.
USUAL = {Code.WEAK_DIGEST, Code.SAST_ALSO_CCM_TFTP}


@pytest.fixture
def world(tmp_path_factory: Factory) -> World:
    return lab_world(tmp_path_factory)


def anchored(*identities: Identity) -> TrustAnchors:
    return TrustAnchors(tuple(each.certificate for each in identities))


def signer(world: World) -> Identity:
    cluster = world.cluster
    return cluster.publisher.identities[CALLMANAGER] if cluster.major < 12 else cluster.itl_recovery


@pytest.mark.parametrize("plan", [SMALL, OLD_RELEASE, WorldPlan(phones=1, nodes=1), WorldPlan(phones=1, nodes=12)])
@pytest.mark.parametrize("mode", [0, 1])
def test_lists_verify_with_the_anchor_of_their_release(plan: WorldPlan, mode: int, tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, plan)
    world.set_security_mode(mode)
    cluster = world.cluster
    served = [node for node in cluster.nodes.values() if SERVICE_TFTP in node.services]
    assert len(served) == min(2, plan.nodes)
    for node in served:
        for name, other in (("CTLFile.tlv", "CTLSEP001122334455.tlv"), ("ITLFile.tlv", "ITLSEP001122334455.tlv")):
            data = world.files.get(node, name)
            assert data is not None
            assert world.files.get(node, other) == data
            own = node if name == "ITLFile.tlv" else cluster.publisher
            anchor = own.identities[CALLMANAGER] if cluster.major < 12 else cluster.itl_recovery
            report = verify_trust_list(data, instant(world), anchors=anchored(anchor))
            assert report.anchored
            assert report.trust_list is not None
            assert report.trust_list.header.filename == name
            assert report.findings.codes <= USUAL | {Code.CERTIFICATE_LESS_RECORD}
            assert (Code.CERTIFICATE_LESS_RECORD in report.findings.codes) is (mode == 0 and name == "CTLFile.tlv")
            assert len(report.keys_of(Role.SAST)) == 2
            strangers = anchored(cluster.publisher.identities[TVS])
            assert verify_trust_list(data, instant(world), anchors=strangers).findings.invalid


def test_each_list_has_the_roles_that_documents_name(world: World) -> None:
    names = {node.name for node in world.cluster.nodes.values()}
    ctl, itl = ctl_report(world), itl_report(world)
    assert {each.common_name for each in ctl.keys_of(Role.CCM_TFTP).values()} == names
    assert not ctl.keys_of(Role.TVS)
    assert {each.common_name for each in itl.keys_of(Role.TVS).values()} == names
    assert {each.common_name for each in itl.keys_of(Role.CCM_TFTP).values()} == {"lab-pub"}
    for report in (ctl, itl):
        assert len(report.keys_of(Role.CAPF)) == 1
        assert report.trust_list is not None
        assert report.trust_list.header.signer_version == (1, 0)


def test_each_node_has_an_itl_of_its_own(world: World) -> None:
    first, second, third = (world.files.itl(node) for node in world.cluster.nodes.values())
    assert first
    assert second
    assert first != second
    assert third is None
    agreed = check_agreement(itl_report(world, "lab-sub1"), ctl_report(world))
    assert agreed is not None
    assert not agreed.codes


@pytest.mark.parametrize("plan", [SMALL, OLD_RELEASE])
def test_the_other_anchor_can_sign(plan: WorldPlan, tmp_path_factory: Factory) -> None:
    world = lab_world(tmp_path_factory, plan)
    usual = signer(world)
    other = ({world.cluster.itl_recovery, world.cluster.publisher.identities[CALLMANAGER]} - {usual}).pop()
    for kind, report in ((Kind.CTL, ctl_report), (Kind.ITL, itl_report)):
        world.reset_local_key(kind)
        found = report(world).signer
        assert found is not None
        assert found.verified
        assert found.candidate is not None
        assert found.candidate.certificate is not None
        assert found.candidate.certificate.list_key == other.certificate.list_key
    world.update_ctl()
    found = ctl_report(world).signer
    assert found is not None
    assert found.candidate is not None
    assert found.candidate.certificate == usual.certificate


@pytest.mark.parametrize(("parameter", "digest"), [("SHA-1", "sha1"), ("SHA-512", "sha512"), ("", "sha1")])
def test_the_digest_is_the_parameters(parameter: str, digest: str, world: World) -> None:
    world.cluster.service_parameters[SIGNATURE_PARAMETER] = parameter
    before = world.files.ctl
    world.parameter_changed(*SIGNATURE_PARAMETER)
    assert world.files.ctl == before, "a CTL changes only when somebody says so"
    world.update_ctl()
    for report in (ctl_report(world), itl_report(world), itl_report(world, "lab-sub1")):
        assert report.signer is not None
        assert report.signer.digest is not None
        assert report.signer.digest.name == digest
        assert (Code.WEAK_DIGEST in report.findings.codes) is (digest == "sha1")


def test_what_there_is_not_is_not_served(world: World) -> None:
    node, last = world.cluster.publisher, list(world.cluster.nodes.values())[-1]
    for name in ("", "CTLFile", "ctlfile.tlv", "CTLSEP00112233445g.tlv", "../CTLFile.tlv", "SEP001122334455.cnf.xml"):
        assert world.files.get(node, name) is None
    assert world.files.get(last, "ITLFile.tlv") is None
    world.files.clear()
    assert world.files.get(node, "CTLFile.tlv") is None
    assert world.files.get(node, "ITLFile.tlv") is None


def test_a_held_list_prints_the_sum_that_the_console_prints(world: World) -> None:
    assert world.files.ctl is not None
    held = world.read_list(world.files.ctl)
    assert held is not None
    assert held.md5 == md5(world.files.ctl, usedforsecurity=False).hexdigest()
    assert held.timestamp == BORN
    assert world.read_list(world.files.ctl) is held, "what thousands download is read once"


# Configurations.


def config(world: World, phone: Phone) -> etree._Element:
    data = world.files.get(world.cluster.publisher, f"{phone.name}.cnf.xml")
    assert data is not None
    return etree.fromstring(data)


def test_a_configuration_is_signed_by_the_node_that_serves_it(world: World) -> None:
    phone = phones_where(world, lambda each: is_secure(world, each))[0]
    for name in ("lab-pub", "lab-sub1"):
        node = world.cluster.nodes[name]
        data = world.files.get(node, f"{phone.name}.cnf.xml.sgn")
        assert data is not None
        assert world.files.get(node, f"{phone.name}.cnf.xml.sgn") == data, "the same each time"
        report = verify_signed_file(data, instant(world), encrypted=False, lists=[itl_report(world, name)])
        assert not report.findings.invalid
        assert report.signer is not None
        assert report.signer.verified
        assert data.endswith(world.files.get(node, f"{phone.name}.cnf.xml") or b"?")


def test_a_configuration_follows_the_certificate_and_the_record(world: World) -> None:
    phone = phones_where(world, lambda each: is_secure(world, each))[0]
    name = f"{phone.name}.cnf.xml.sgn"
    node = world.cluster.publisher
    first = world.files.get(node, name)
    pass_time(world, 60)
    world.renew(CALLMANAGER, node.name)
    second = world.files.get(node, name)
    assert second != first
    phone.httpd = not phone.httpd
    assert world.files.get(node, name) != second
    assert second is not None
    # The list from before does not vouch for the new signer, the one of now does.
    report = verify_signed_file(second, instant(world), encrypted=False, lists=[itl_report(world, node.name)])
    assert not report.findings.invalid
    assert verify_signed_file(second, instant(world), encrypted=False, lists=[ctl_report(world)]).findings.invalid


@pytest.mark.parametrize(("mode", "number"), [(BY_STRING, "1"), (BY_NULL, "2"), (BY_LSC, "3"), (BY_MIC, "4")])
def test_a_configuration_sends_the_phone_to_capf_when_something_is_pending(
    mode: str, number: str, world: World
) -> None:
    phone = phones_where(world, lambda each: is_secure(world, each))[0]
    world.cluster.profiles[phone.profile].authentication_mode = mode
    assert config(world, phone).findtext("capfAuthMode") == "0"
    world.order_capf(phone.name, INSTALL)
    assert config(world, phone).findtext("capfAuthMode") == number
    assert config(world, phone).findtext("capfList/capf/processNodeName") == "127.0.7.1"
    assert CAPF in world.cluster.publisher.identities


def test_a_configuration_has_the_security_mode_and_the_servers_in_order(world: World) -> None:
    secure = phones_where(world, lambda each: world.cluster.profiles[each.profile].device_security_mode == ENCRYPTED)[0]
    plain = phones_where(world, lambda each: world.cluster.profiles[each.profile].device_security_mode == NON_SECURE)[0]
    for phone, mode, transport in ((secure, "3", "3"), (plain, "1", "1")):
        document = config(world, phone)
        assert document.findtext("deviceSecurityMode") == mode
        assert document.findtext("transportLayerProtocol") == transport
        names = [each.text for each in document.iterfind(".//callManager/name")]
        pool = world.cluster.device_pools[phone.device_pool]
        assert names == list(world.cluster.callmanager_groups[pool.callmanager_group])
        assert document.findtext("vendorConfig/webAccess") == ("0" if phone.httpd else "1")
    world.set_security_mode(0)
    assert config(world, secure).findtext("deviceSecurityMode") == "1"
