"""Serial numbers and names read by our own few lines, against cryptography's reading of the same bytes."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from ctlctl_trust.certificate import CertificateError, read_certificate
from ctlctl_trust.certificatename import read_name, read_outline, short_name
from ctlctl_trust.trustlist import scan_trust_list
from support.pki import plan
from support.vectors import own, own_index

OIDS = (
    NameOID.COMMON_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.LOCALITY_NAME,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.SERIAL_NUMBER,
    NameOID.DOMAIN_COMPONENT,
    NameOID.USER_ID,
    NameOID.EMAIL_ADDRESS,
    NameOID.PSEUDONYM,
    ObjectIdentifier("1.3.6.1.4.1.99999.16384.1"),
)

#: What every string type may hold; cryptography writes a serialNumber as PrintableString and reads no other then.
PRINTABLE = "ABCXYZabcxyz0189 '()+,-./:=?"


def pairs(name: x509.Name) -> tuple[tuple[str, str], ...]:
    return tuple((short_name(attribute.oid.dotted_string), str(attribute.value)) for attribute in name)


@given(
    st.lists(
        st.tuples(st.sampled_from(OIDS), st.text(PRINTABLE, min_size=1, max_size=60)),
        max_size=8,
    ),
    st.booleans(),
)
def test_names(values: list[tuple[ObjectIdentifier, str]], multi: bool) -> None:
    attributes = [x509.NameAttribute(oid, value) for oid, value in values]
    if multi and len({oid for oid, _ in values}) == len(values) and attributes:
        name = x509.Name([x509.RelativeDistinguishedName(attributes)])
    else:
        name = x509.Name(attributes)
    encoded = name.public_bytes()
    # A SET is sorted when it is encoded, so the order is that of the bytes.
    assert sorted(read_name(encoded)) == sorted(pairs(name))


@given(st.integers(min_value=1, max_value=(1 << 159) - 1))
def test_serial_numbers(serial: int) -> None:
    der = plan("serial.example.com", "rsa1024-a", serial=serial).read().der
    assert read_outline(der).serial == x509.load_der_x509_certificate(der).serial_number == serial


@pytest.mark.parametrize("vector", [v for v in own_index() if v.name.startswith("good/")], ids=str)
def test_every_certificate_of_the_corpus(vector: object) -> None:
    trust_list = scan_trust_list(own(str(vector))).trust_list
    assert trust_list is not None
    for record in trust_list.records:
        if record.certificate is None:
            continue
        mine, other = read_certificate(record.certificate), x509.load_der_x509_certificate(record.certificate)
        assert (mine.subject, mine.issuer) == (pairs(other.subject), pairs(other.issuer))
        assert (mine.serial, mine.not_after) == (other.serial_number, other.not_valid_after_utc)


@given(st.binary(max_size=60))
def test_what_is_no_certificate_for_one_is_none_for_the_other(data: bytes) -> None:
    with pytest.raises(CertificateError):
        read_certificate(data)
    with pytest.raises(ValueError, match=r"."):
        x509.load_der_x509_certificate(data)
