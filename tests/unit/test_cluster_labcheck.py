"""Certificates of a lab are known as such, by the mark that the lab really makes."""

import pytest

from ctlctl.cluster.labcheck import LAB_ORGANIZATION, is_lab, is_lab_der
from ctlctl_lab.model import LAB_ORGANIZATION as MARK_OF_THE_LAB
from support.pki import der_name, plan


def test_the_mark_is_the_labs_own() -> None:
    assert LAB_ORGANIZATION == MARK_OF_THE_LAB


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (der_name(("O", "LAB ctlctl"), ("CN", "lab-pub")), True),
        (der_name(("CN", "x"), ("O", "Example"), ("O", "LAB ctlctl")), True),
        (der_name(("OU", "LAB"), ("O", "Example")), False),  # a company's own test cluster
        (der_name(("CN", "LAB ctlctl")), False),
    ],
)
def test_organization_alone_counts(name: bytes, expected: bool) -> None:
    certificate = plan("x", "rsa1024-a", subject=name)
    assert is_lab(certificate.read()) is expected
    assert is_lab_der(certificate.encode()) is expected


def test_what_a_lab_has_issued_is_a_labs() -> None:
    issuer = der_name(("O", "LAB ctlctl"), ("CN", "CAPF-1a2b3c4d"))
    phone = plan("SEP001122334455", "rsa1024-a", issuer=issuer, issuer_key="rsa1024-b")
    assert is_lab(phone.read())


def test_what_cannot_be_read_is_none() -> None:
    assert not is_lab_der(b"LAB ctlctl")
