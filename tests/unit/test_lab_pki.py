"""Every certificate of the lab says LAB, is the same each time, and has what a genuine one has."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from ctlctl_lab.dirs import LabDir
from ctlctl_lab.model import CALLMANAGER, CAPF, ITL_RECOVERY, LAB_ORGANIZATION, TOMCAT, TVS, Credential, Identity
from ctlctl_lab.phonemodels import MicCa
from ctlctl_lab.pki import EC_KEYS, MODERN_KEYS, OLD_KEYS, Pki, certificate_pem, distinguished_name, key_pem
from ctlctl_trust import read_certificate
from ctlctl_trust.certificate import describe_key
from support.labworld import BORN, DAY, Factory, shared_directory

UNITS = (TOMCAT, CALLMANAGER, TVS, CAPF, ITL_RECOVERY)
HOST = ("lab-pub", "127.0.7.1")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: Factory) -> LabDir:
    return shared_directory(tmp_path_factory)


@pytest.fixture
def pki(directory: LabDir) -> Pki:
    return Pki(directory)


def everything(pki: Pki) -> Iterator[Identity]:
    for unit in UNITS:
        for generation in (1, 2):
            yield pki.node(unit, *HOST, generation)
    yield from (pki.manufacturing(which) for which in MicCa)
    yield pki.token(1)
    yield pki.expired(pki.node(TOMCAT, *HOST))


def phone_credentials(pki: Pki) -> Iterator[Credential]:
    capf, maker = pki.node(CAPF, *HOST), pki.manufacturing(MicCa.OLD)
    for kind, label, issuer in (("LSC", "RSA-2048", capf), ("MIC", "RSA-1024", maker), ("LSC", "EC secp256r1", capf)):
        yield Credential(kind, issuer, 2**62 + 3, BORN, BORN + 365 * DAY, pki.pool_number(3, label))


def test_every_subject_says_lab(pki: Pki) -> None:
    for identity in everything(pki):
        for name in (identity.certificate.subject, identity.certificate.issuer):
            assert ("O", LAB_ORGANIZATION) in name
            assert ("OU", "LAB") in name
    for credential in phone_credentials(pki):
        certificate = read_certificate(pki.phone_certificate("CP-8845-SEP001122334455", credential))
        assert ("O", LAB_ORGANIZATION) in certificate.subject
        assert ("O", LAB_ORGANIZATION) in certificate.issuer


def test_the_same_directory_gives_the_same_bytes(directory: LabDir, pki: Pki) -> None:
    other = Pki(LabDir(directory.path))
    assert [each.der for each in everything(pki)] == [each.der for each in everything(other)]
    for one, two in zip(phone_credentials(pki), phone_credentials(other), strict=True):
        assert pki.phone_certificate("CP-1", one) == other.phone_certificate("CP-1", two)
        assert pki.phone_pem("CP-1", one).splitlines()[0] == b"-----BEGIN PRIVATE KEY-----"


def test_no_two_certificates_have_issuer_and_serial_in_common(pki: Pki) -> None:
    seen = [(each.common_name, each.serial) for each in everything(pki)]
    seen += [(each.common_name, each.serial) for each in (pki.node(TVS, "lab-sub1", "127.0.7.2"), pki.token(2))]
    assert len(set(seen)) == len(seen)


def test_what_was_made_is_remembered(pki: Pki) -> None:
    assert pki.node(TOMCAT, *HOST) is pki.node(TOMCAT, *HOST)
    assert pki.expired(pki.node(TOMCAT, *HOST)) is pki.expired(pki.node(TOMCAT, *HOST))


def test_lifetimes_are_those_of_release_14(pki: Pki) -> None:
    for unit, years in ((TOMCAT, 3), (CALLMANAGER, 5), (TVS, 5), (CAPF, 5), (ITL_RECOVERY, 20)):
        certificate = pki.node(unit, *HOST).certificate
        assert (certificate.not_after - certificate.not_before).days == years * 365
        assert certificate.not_before.timestamp() < BORN < certificate.not_after.timestamp()
    renewed = pki.node(TVS, *HOST, 2, BORN + 7 * DAY)
    assert renewed.certificate.not_before.timestamp() == BORN + 7 * DAY


def test_an_expired_certificate_has_the_same_name_and_key(pki: Pki) -> None:
    good = pki.node(TOMCAT, *HOST)
    bad = pki.expired(good)
    assert bad.not_after < BORN
    assert (bad.unit, bad.common_name, bad.certificate.list_key) == (TOMCAT, "lab-pub", good.certificate.list_key)
    assert bad.pin != good.pin


def test_names_are_those_of_the_field(pki: Pki) -> None:
    assert pki.node(ITL_RECOVERY, *HOST).common_name == "ITLRECOVERY_lab-pub"
    capf = pki.node(CAPF, *HOST)
    assert capf.common_name.startswith("CAPF-")
    assert len(bytes.fromhex(capf.common_name.removeprefix("CAPF-"))) == 4
    assert distinguished_name(capf.certificate) == f"CN={capf.common_name},OU=LAB,O=LAB ctlctl"


def extension(identity: Identity, kind: type[x509.ExtensionType]) -> x509.ExtensionType | None:
    extensions = x509.load_der_x509_certificate(identity.der).extensions
    return next((each.value for each in extensions if isinstance(each.value, kind)), None)


def test_only_authorities_are_authorities(pki: Pki) -> None:
    authorities = []
    for identity in everything(pki):
        constraints = extension(identity, x509.BasicConstraints)
        if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
            assert constraints.path_length == 0
            authorities.append(identity.unit)
    assert authorities == [CAPF, CAPF, "LAB Manufacturing CA SHA2", "LAB Manufacturing CA"]


def test_the_web_server_has_its_name_and_address(pki: Pki) -> None:
    names = extension(pki.node(TOMCAT, *HOST), x509.SubjectAlternativeName)
    assert isinstance(names, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["lab-pub"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.7.1"]


def test_a_phones_certificate_is_its_issuers(pki: Pki) -> None:
    for credential in phone_credentials(pki):
        name = "CP-7962G-SEP001122334455"
        pem = pki.phone_pem(name, credential)
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.verify_directly_issued_by(x509.load_der_x509_certificate(credential.issuer.der))
        assert certificate.serial_number == credential.serial
        assert certificate.not_valid_after_utc.timestamp() == credential.not_after
        key = load_pem_private_key(pem, None)
        assert key.public_key() == certificate.public_key()
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.digital_signature
        assert usage.key_encipherment
        assert not usage.key_cert_sign
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert ExtendedKeyUsageOID.CLIENT_AUTH in purposes


def test_phones_share_a_few_keys(pki: Pki) -> None:
    assert {pki.pool_number(draw) for draw in range(100)} == set(range(MODERN_KEYS))
    assert len({pki.pool_number(draw, "RSA-1024") for draw in range(100)}) == OLD_KEYS
    assert len({pki.pool_number(draw, "EC secp256r1") for draw in range(100)}) == EC_KEYS


@pytest.mark.parametrize("label", ["RSA-1024", "RSA-2048", "EC secp256r1", "EC secp384r1", "EC secp521r1"])
def test_the_pool_has_every_kind_of_key(pki: Pki, label: str) -> None:
    for draw in range(10):
        assert describe_key(pki.phone_key(pki.pool_number(draw, label)).public_key())[0] == label


def test_an_identity_says_the_same_in_every_way(pki: Pki) -> None:
    identity = pki.node(CALLMANAGER, *HOST)
    certificate = x509.load_pem_x509_certificate(certificate_pem(identity.der))
    assert identity.pin == certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    assert identity.serial == certificate.serial_number
    key = load_pem_private_key(key_pem(identity.key), None)
    assert key.public_key() == certificate.public_key()
    assert identity.public_key_der
    assert "RSAPrivateKey" not in repr(identity)


def test_a_directory_of_another_birth_gives_other_certificates(pki: Pki, tmp_path: Path) -> None:
    other = Pki(LabDir(tmp_path / "other"))
    assert other.token(1).der != pki.token(1).der
