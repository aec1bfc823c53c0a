"""Phones' pages and every node's TVS, read from a running lab: what is read is what the lab knows."""

import dataclasses
from collections.abc import Iterator
from hashlib import sha1

import pytest
from lxml import etree, html

from ctlctl.connectors.phone_web import PhoneWebError, PhoneWebSettings, visit
from ctlctl.inventory.collect_pages import read_pages
from ctlctl.inventory.collect_tvs import read_tvs
from ctlctl.inventory.nodevalues import PhonePage
from ctlctl.inventory.readings import TvsReading
from ctlctl.inventory.words import Fault
from ctlctl_config.loading import load_settings
from ctlctl_config.model import NodeSettings, PhoneSettings
from ctlctl_lab import phonemodels
from ctlctl_lab.model import CALLMANAGER, TVS, Phone
from ctlctl_lab.phonepage import Form, form_of, serial_number
from ctlctl_lab.run import RunningLab
from ctlctl_lab.trustheld import HeldList
from support.programs import curl
from support.runninglab import small_lab

AT = 1_795_440_000


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with small_lab(tmp_path_factory.mktemp("lab"), phones=120) as running:
        for phone in running.world.cluster.phones.values():
            if form_of(phone) is Form.LEGACY:
                # There is one, and chance has switched its web server off.
                phone.httpd = True
        yield running


def phone_settings(lab: RunningLab, **changed: object) -> PhoneSettings:
    table: dict[str, object] = {"https_port": lab.phones_port, "http_port": lab.phones_http_port}
    return PhoneSettings.model_validate({**table, "probe_timeout_seconds": 20, **changed})


def places(lab: RunningLab) -> list[tuple[str, str]]:
    return [(phone.name, phone.address) for phone in lab.world.cluster.phones.values()]


def held(phone: Phone, which: HeldList | None) -> str:
    if which is None:
        return ""
    return sha1(which.data, usedforsecurity=False).hexdigest() if phone.kind.short == "CP-8832" else which.md5


def expected(phone: Phone, mode: str) -> PhonePage:
    return PhonePage(
        at=AT,
        ctl_hash=held(phone, phone.ctl),
        # The oldest phones know no ITL, and their pages do not speak of one.
        itl_hash=held(phone, phone.itl) if phone.kind.security_by_default else None,
        security_mode=mode,
        serial=serial_number(phone),
        load=phone.load,
    )


class TestPages:
    def test_every_phone_says_what_it_holds(self, lab: RunningLab) -> None:
        world = lab.world
        found = dict(read_pages("lab", places(lab), phone_settings(lab), AT))
        assert set(found) == set(world.cluster.phones)
        forms = set()
        for name, page in found.items():
            phone = world.cluster.phones[name]
            if not phone.httpd:
                assert page == PhonePage(AT, fault="unreachable")
                continue
            mode = world.cluster.profiles[phone.profile].device_security_mode
            assert page == expected(phone, mode.replace("Non Secure", "Non secure")), phone.kind.short
            forms.add((form_of(phone), page.ctl_hash != "", phone.kind.short == "CP-8832"))
        assert {form for form, _, _ in forms} == {Form.MODERN, Form.JAVA, Form.LEGACY}
        assert (Form.MODERN, True, True) in forms

    def test_pages_over_tls_say_the_same_where_plain_ones_are_closed(self, lab: RunningLab) -> None:
        plain = dict(read_pages("lab", places(lab), phone_settings(lab), AT))
        # Nothing listens on port 1 of any phone.
        secure = dict(read_pages("lab", places(lab), phone_settings(lab, http_port=1), AT))
        for name, page in plain.items():
            phone = lab.world.cluster.phones[name]
            # Phones without a certificate have no pages over TLS; TLS 1.0 phones are read like all others.
            same = page if phone.credential is not None else PhonePage(AT, fault="unreachable")
            assert secure[name] == same, phone.kind.short

    def test_a_reset_takes_the_new_list(self, lab: RunningLab) -> None:
        phone = next(
            one for one in lab.world.cluster.phones.values() if one.httpd and one.ctl and form_of(one) is Form.MODERN
        )
        here = [(phone.name, phone.address)]
        ((_, before),) = read_pages("lab", here, phone_settings(lab), AT)
        held_before, phone.ctl = phone.ctl, None
        ((_, without),) = read_pages("lab", here, phone_settings(lab), AT)
        phone.ctl = held_before
        assert (without.ctl_hash, without.itl_hash) == ("", before.itl_hash)
        assert before.ctl_hash

    def test_an_address_that_another_phone_has_now(self, lab: RunningLab) -> None:
        one, other = [each for each in lab.world.cluster.phones.values() if each.httpd][:2]
        ((_, page),) = read_pages("lab", [(one.name, other.address)], phone_settings(lab), AT)
        assert page == PhonePage(AT, fault="wrong-device")
        settings = PhoneWebSettings("lab", lab.phones_http_port, lab.phones_port)
        with pytest.raises(PhoneWebError, match=rf"those of {other.name}, not of {one.name}.*DHCP"):
            visit(one.name, other.address, settings)

    def test_others_read_the_pages_too(self, lab: RunningLab) -> None:
        """The XML is XML to a parser that forgives nothing, and curl needs no options for the plain pages."""
        seen = set()
        for phone in lab.world.cluster.phones.values():
            if not phone.httpd or phone.kind.short == "CP-8832" or phone.model in seen:
                continue
            seen.add(phone.model)
            address = f"http://{phone.address}:{lab.phones_http_port}"
            page = etree.fromstring(curl(f"{address}/DeviceInformationX"))
            assert (page.tag, page.findtext("HostName")) == ("DeviceInformation", phone.name)
            assert page.findtext("serialNumber") == serial_number(phone)
            shown = html.fromstring(curl(f"{address}/"))
            cells = [[cell.text_content() for cell in row.iter("td", "TD")] for row in shown.iter("tr")]
            said = {row[0]: row[-1] for row in cells}
            assert said["CTL File"] == ("Not Installed" if phone.ctl is None else phone.ctl.md5)
        assert len(seen) >= 7

    def test_https_only_phones_point_there(self, lab: RunningLab) -> None:
        phone = next(one for one in lab.world.cluster.phones.values() if one.httpd and one.kind.short == "CP-8832")
        address = f"http://{phone.address}:{lab.phones_http_port}/DeviceInformationX"
        head = curl("--head", address).decode()
        assert head.startswith("HTTP/1.1 301")
        assert f"location: https://{phone.address}/DeviceInformationX" in head

    def test_local_menus(self, lab: RunningLab, monkeypatch: pytest.MonkeyPatch) -> None:
        """No phone of the lab is a 6900 by itself; one that becomes one is read like all others."""
        phone = next(one for one in lab.world.cluster.phones.values() if one.httpd and one.ctl and one.itl)
        old = dataclasses.replace(phone.kind, name="Cisco 6921", short="CP-6921")
        monkeypatch.setitem(phonemodels.MODELS, "Cisco 6921", old)
        monkeypatch.setattr(phone, "model", "Cisco 6921")
        assert form_of(phone) is Form.LOCAL_MENUS
        ((_, page),) = read_pages("lab", [(phone.name, phone.address)], phone_settings(lab), AT)
        assert phone.ctl is not None
        assert phone.itl is not None
        assert (page.fault, page.ctl_hash, page.itl_hash) == (None, phone.ctl.md5, phone.itl.md5)
        assert (page.serial, page.load) == (serial_number(phone), phone.load)


def nodes_of(lab: RunningLab) -> tuple[NodeSettings, ...]:
    return load_settings(lab.settings).clusters["lab"].nodes


def identities(lab: RunningLab, unit: str) -> list[bytes]:
    return [node.identities[unit].der for node in lab.world.cluster.nodes.values()]


class TestTvs:
    def test_every_node_knows_every_certificate_in_use(self, lab: RunningLab) -> None:
        wanted = identities(lab, CALLMANAGER)
        rows = dict(read_tvs("lab", nodes_of(lab), identities(lab, TVS), [*wanted, wanted[0]]))
        assert set(rows) == {node.name for node in lab.world.cluster.nodes.values()}
        for readings in rows.values():
            assert isinstance(readings, tuple)
            assert len(readings) == len(set(wanted))
            assert all(one.known and one.roles for one in readings)

    def test_a_certificate_that_nobody_knows(self, lab: RunningLab) -> None:
        stranger = lab.world.pki.manufacturing(phonemodels.MicCa.OLD)
        for _, readings in read_tvs("lab", nodes_of(lab), identities(lab, TVS), [stranger.der]):
            assert isinstance(readings, tuple)
            assert readings == (TvsReading(stranger.fingerprint.hex(), known=False, roles=()),)

    def test_one_node_in_trouble_does_not_keep_the_others_from_answering(self, lab: RunningLab) -> None:
        first, *others = (node.name for node in lab.world.cluster.nodes.values())
        world = lab.world
        wanted = identities(lab, CALLMANAGER)
        world.faults.swapped[first, "tvs"] = CALLMANAGER
        try:
            rows = dict(read_tvs("lab", nodes_of(lab), identities(lab, TVS), wanted))
        finally:
            world.faults.clear()
        trouble = rows[first]
        assert isinstance(trouble, Fault)
        assert trouble.kind == "tls"
        assert "is not any of the TVS certificates" in trouble.detail
        for name in others:
            readings = rows[name]
            assert isinstance(readings, tuple)
            assert len(readings) == len(wanted)

    def test_nobody_is_believed_without_lists_and_nobody_asked_without_questions(self, lab: RunningLab) -> None:
        assert list(read_tvs("lab", nodes_of(lab), identities(lab, TVS), [])) == []
        for _, fault in read_tvs("lab", nodes_of(lab), [], identities(lab, CALLMANAGER)):
            assert isinstance(fault, Fault)
            assert fault.kind == "tls"
