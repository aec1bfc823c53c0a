"""What the certificate API answers, in every shape that is known and in some that are not."""

import json

import pytest

from ctlctl.connectors.certificate_api_json import (
    MAX_CERTIFICATES,
    MAX_DEPTH,
    MAX_MARKS,
    MAX_UNREAD,
    ShapeError,
    read_json,
    read_message,
    read_snapshot,
)
from ctlctl.connectors.certificate_api_ports import CertificateSnapshot, ListedCertificate, Unread
from ctlctl_lab.certapi import pem
from support.pki import plan

OWN, CA, OTHER = (
    plan(name, key).read().der
    for name, key in (("pub", "rsa2048-pub"), ("ca", "rsa2048-capf"), ("sub", "rsa2048-sub1"))
)
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"


def read(identities: object = None, trusts: object = None, **more: object) -> CertificateSnapshot:
    answer = {"identities": identities or [], "trusts": trusts or []} | more
    return read_snapshot(json.dumps(answer).encode())


def own(**changes: object) -> dict[str, object]:
    return {"service": "tomcat", "certificate": pem(OWN), "csr": ""} | changes


def test_the_shape_that_public_programs_read() -> None:
    found = read(
        [own(), own(service="CallManager", csr=CSR), own(service="ipsec", certificate="", csr=None)],
        [
            {
                "service": "tomcat",
                "certificate_data": [
                    {"filename": "ca.pem", "certificate": pem(CA)},
                    {"filename": "sub.pem", "certificate": pem(OTHER)},
                ],
            },
            {"service": "CallManager-trust", "certificate_data": [{"filename": "ca.pem", "certificate": pem(CA)}]},
        ],
        trackingId="x",
        server="cucm-pub",
        revokedCertificates=[],
    )
    assert found == CertificateSnapshot(
        server="cucm-pub",
        certificates=(
            ListedCertificate("tomcat", "own", "", OWN),
            ListedCertificate("CallManager", "own", "", OWN),
            ListedCertificate("tomcat-trust", "trust", "ca.pem", CA),
            ListedCertificate("tomcat-trust", "trust", "sub.pem", OTHER),
            ListedCertificate("CallManager-trust", "trust", "ca.pem", CA),
        ),
        requests=("CallManager",),
        unread=(),
    )


@pytest.mark.parametrize(
    "content",
    [
        {"certificate_data": [{"filename": "ca.pem", "certificate": pem(CA)}]},
        {"certificate_data": [{"filename": "ca.pem", "certificateData": pem(CA)}]},
        {"certificates": [{"filename": "ca.pem", "certificate": pem(CA), "more": 1}]},
        {"filename": "ca.pem", "certificate": pem(CA)},
        # Line ends that were escaped twice, or are another system's.
        {"certificates": [{"filename": "ca.pem", "certificate": pem(CA).replace("\n", "\\n")}]},
        {
            "certificates": [
                {"filename": "ca.pem", "certificate": "\ufeffSubject: x\r\n" + pem(CA).replace("\n", "\r\n")}
            ]
        },
        # The same twice is one.
        {"certificates": [{"filename": "ca.pem", "certificate": pem(CA) + pem(CA)}]},
    ],
)
def test_the_shapes_that_programs_disagree_about(content: dict[str, object]) -> None:
    found = read(trusts=[{"service": "tomcat"} | content])
    assert (found.certificates, found.unread) == ((ListedCertificate("tomcat-trust", "trust", "ca.pem", CA),), ())


def test_a_bundle_is_several_trusted_ones_but_one_own_with_its_chain() -> None:
    found = read([own(certificate=pem(OWN) + pem(CA))], [{"service": "TVS", "certificates": [pem(CA) + pem(OTHER)]}])
    assert [(one.store, one.der) for one in found.certificates] == [
        ("tomcat", OWN),
        ("TVS-trust", CA),
        ("TVS-trust", OTHER),
    ]


def test_own_certificates_that_cannot_be_read_are_said() -> None:
    broken = pem(OWN[:-7])
    found = read(
        [own(certificate=broken), own(service="TVS", certificate="not a certificate"), own(service="CAPF", csr=7)]
    )
    assert [(one.store, one.place) for one in found.unread] == [("tomcat", "own"), ("TVS", "own"), ("CAPF", None)]
    assert "cannot be read" in found.unread[0].reason
    assert "no PEM" in found.unread[1].reason
    assert [one.store for one in found.certificates] == ["CAPF"]


@pytest.mark.parametrize(
    ("identities", "trusts", "reason"),
    [
        ({}, [], "its identities are no list"),
        (None, [], "the answer has no identities"),
        ([], "x", "its trusts are no list"),
        (["x"], [], "an element of identities is no object"),
        ([{"certificate": pem(OWN)}], [], "no usable service"),
        ([own(service="a\nb")], [], "no usable service"),
        ([own(service="x" * 200)], [], "no usable service"),
        ([own(service=7)], [], "no usable service"),
        # An own certificate in a trust store is a contradiction.
        ([own(service="tomcat-trust")], [], "no usable service"),
        ([own(certificate=["x"])], [], "no PEM"),
        ([own(certificate=pem(OWN).replace("M", "!"))], [], "cannot be read"),
        ([], [{"certificates": []}], "no usable service"),
        ([], [{"service": "tomcat"}], "names the store and no certificates"),
        ([], [{"service": "tomcat", "certificates": {}}], "are no list"),
        ([], [{"service": "tomcat", "certificates": [{"filename": "a.pem"}]}], "is empty"),
        ([], [{"service": "tomcat", "certificates": [None]}], "is empty"),
        ([], [{"service": "tomcat", "certificates": [7]}], "no PEM"),
    ],
)
def test_what_is_not_as_it_should_be_is_said(identities: object, trusts: object, reason: str) -> None:
    found = read_snapshot(json.dumps({"identities": identities, "trusts": trusts}).encode())
    assert (found.certificates, len(found.unread)) == ((), 1)
    assert reason in found.unread[0].reason


def test_what_is_missing_is_said_beside_what_is_there() -> None:
    found = read_snapshot(json.dumps({"identities": [own()]}).encode())
    assert len(found.certificates) == 1
    assert found.unread == (Unread("", None, "", "the answer has no trusts"),)


def test_a_flood_of_things_that_cannot_be_read_is_counted() -> None:
    found = read(["x"] * (MAX_UNREAD + 5))
    assert len(found.unread) == MAX_UNREAD + 1
    assert found.unread[-1].reason == "5 more parts cannot be read"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"identities"',
        b'{"identities": [], "trusts": []',
        b"<html></html>",
        b"\xff\xfe",
        b'{"identities": [' + b"1" * 5000 + b"]}",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" * 500_000,
        b'{"identities": [' + b"[]," * MAX_MARKS + b"[]]}",
        # Quotes that would make a careless reader look at every byte many times.
        b'"' + b'\\"' * 400_000,
    ],
    ids=lambda content: f"{content[:16]!r} {len(content)}",
)
def test_what_is_no_answer_is_refused(content: bytes) -> None:
    with pytest.raises(ShapeError, match=r"\w"):
        read_snapshot(content)


@pytest.mark.parametrize("certificate", [pem(CA), pem(b"no certificate")])
def test_more_certificates_than_a_node_has_are_refused(certificate: str) -> None:
    many = [{"filename": f"{number}.pem", "certificate": certificate} for number in range(MAX_CERTIFICATES + 1)]
    with pytest.raises(ShapeError, match="more than 2,000 certificates"):
        read(trusts=[{"service": "tomcat", "certificates": many}])


def test_brackets_in_texts_are_no_levels() -> None:
    assert read_json(json.dumps({"a": "[" * 100 + '"\\' + "{" * 100}).encode()) == {"a": "[" * 100 + '"\\' + "{" * 100}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"message": " no such service "}, "no such service"),
        ({"messages": ["first", "second"]}, "first"),
        ({"messages": [{"message": "inner"}]}, "inner"),
        ({"message": None, "messages": []}, ""),
        ({"message": {}}, ""),
        ([], ""),
    ],
)
def test_what_an_error_says(content: object, message: str) -> None:
    assert read_message(json.dumps(content).encode()) == message
    assert read_message(b"<html>") == ""
