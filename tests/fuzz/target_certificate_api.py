"""Fuzz target: what the certificate API of a node answers."""

from json import dumps
from random import Random

from ctlctl.connectors.certificate_api_json import MAX_UNREAD, ShapeError, read_message, read_snapshot
from ctlctl_lab.certapi import pem
from support.mutate import ByteMutator
from support.pki import plan

NAME = "certificate_api"
INSTRUMENT = ("ctlctl.connectors.certificate_api_json",)
#: Bytes; two certificates with what stands round them have some 4,000.
MAX_LENGTH = 6000

_PEM = pem(plan("pub", "rsa2048-pub").read().der)
_PIECES = tuple(
    piece.encode()
    for piece in (
        *(
            '{"service": "tomcat", ',
            '"certificate": ',
            '"certificate_data": [',
            '"certificates": ',
            '"csr": ""',
            "null",
        ),
        *(
            '{"filename": "a.pem"}',
            '"-trust"',
            "[[[[[[",
            "]]",
            "}",
            ",",
            "\\n",
            '"',
            "\\",
            "1e999",
            "\ud7ff",
            "9" * 400,
        ),
        *("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE REQUEST-----"),
        dumps(_PEM),
    )
)


def seeds() -> list[bytes]:
    whole = {
        "trackingId": "x",
        "server": "cucm-pub",
        "identities": [{"service": "tomcat", "certificate": _PEM, "csr": ""}, {"service": "CAPF", "certificate": ""}],
        "trusts": [{"service": "tomcat", "certificate_data": [{"filename": "a.pem", "certificate": _PEM}]}],
        "revokedCertificates": [],
    }
    other = {"identities": [], "trusts": [{"service": "TVS-trust", "certificates": [_PEM + _PEM, None, 7]}]}
    return [
        dumps(whole).encode(),
        dumps(other, indent=1).encode("utf-8-sig"),
        b'{"messages": [{"message": "no"}]}',
        b'{"message": "no"}',
    ]


def one_input(data: bytes) -> None:
    """Read; whatever came, it is a snapshot or the one documented error."""
    assert isinstance(read_message(data), str)
    try:
        found = read_snapshot(data)
    except ShapeError:
        return
    assert len(set(found.certificates)) == len(found.certificates)
    assert len(found.unread) <= MAX_UNREAD + 1
    for one in found.certificates:
        assert one.der
        assert one.store.isprintable()
        assert (one.place == "trust") == one.store.lower().endswith("-trust")
    assert all(one.reason.isprintable() for one in found.unread)


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Put pieces of answers in, or leave it to ``turn``."""
    if random.random() < 0.5:
        return turn(data, limit)
    place = random.randrange(len(data) + 1)
    return (data[:place] + random.choice(_PIECES) + data[place + random.randrange(8) :])[:limit]
