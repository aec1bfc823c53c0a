"""Our TVS against another one, both ways: `support.tvs_peer`, which was written from the published facts alone.

Each way of using the freedom that the facts leave is tried; docs/tvs.md tells what is taken and what is not.
"""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.x509 import load_der_x509_certificate

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.tvs import TvsAnswer, TvsClient, TvsError, TvsSettings
from ctlctl.inventory.collect_tvs import read_tvs
from ctlctl.inventory.readings import TvsReading
from ctlctl_config.model import NodeSettings
from ctlctl_trust.names import cucm_spelling
from ctlctl_trust.recordcheck import serial_bytes
from support import tvs_peer
from support.pki import CertificatePlan, cucm_name, plan
from support.runninglab import small_lab
from support.tlsservers import write_certificate
from support.tvs_peer import (
    CERTIFICATE,
    DEVICE_NAME,
    ISSUER,
    ROLES,
    SERIAL,
    STATUS,
    SUBJECT,
    TTL,
    Entry,
    Manner,
    Server,
)

SECONDS = 20.0
#: A TVS certificate, and a signer whose serial number begins with a set bit and ends in a zero byte.
OWN = plan("pub-tvs", "rsa2048-tvs").encode()
SIGNER = CertificatePlan(cucm_name("pub"), "rsa2048-pub", serial=0x81A3_9500)
STRANGER = plan("stranger", "rsa2048-stranger")
ENTRIES = [Entry(SIGNER.encode(), (0, 3)), Entry(OWN, (21,), 3600)]

UNKNOWN = (STATUS, b"\x01")
WAYS = {
    "as in the traces": Manner(),
    "garbage in the reserved byte": Manner(reserved=0xF7),
    "elements backwards": Manner(order=lambda elements: elements[::-1]),
    "elements nobody knows": Manner(extra=((6, b"?"), (200, b""), (6, b"again"))),
    "a TLS record for every byte": Manner(cut=1),
    "open for more": Manner(keep_open=True),
    "no close_notify": Manner(keep_open=True, abrupt=True),
    "empty elements where nothing is found": Manner(
        not_found=(UNKNOWN, (CERTIFICATE, b""), (ROLES, b""), (TTL, bytes(4)))
    ),
}


class Asked(NamedTuple):
    """A client of ours, and the server that it asks."""

    client: TvsClient
    server: Server


@contextmanager
def asking(folder: Path, manner: Manner) -> Iterator[Asked]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(folder, plan("pub-tvs", "rsa2048-tvs")))
    with tvs_peer.serving(context, ENTRIES, manner) as server:
        settings = TvsSettings(
            cluster="lab", host="127.0.0.1", port=server.port, certificates=(OWN,), timeout_seconds=SECONDS
        )
        yield Asked(TvsClient(settings), server)


def by_name(client: TvsClient, wanted: CertificatePlan, *, backwards: bool = False) -> TvsAnswer:
    certificate = wanted.read()
    serial = serial_bytes(certificate.serial)
    return client.query(
        cucm_spelling(certificate.subject), cucm_spelling(certificate.issuer), serial[::-1] if backwards else serial
    )


class TestOurClient:
    @pytest.mark.parametrize("way", WAYS)
    def test_each_way_to_answer_says_the_same(self, tmp_path: Path, way: str) -> None:
        with asking(tmp_path, WAYS[way]) as (client, server):
            verified, found = client.verify(SIGNER.encode()), by_name(client, SIGNER)
            reversed_serial = by_name(client, SIGNER, backwards=True)
            strange, not_found = client.verify(STRANGER.encode()), by_name(client, STRANGER)
        assert server.faults == []
        for known in (verified, found, reversed_serial):
            assert (known.known, known.roles, known.ttl_seconds) == (True, (0, 3), 86_400)
        assert (found.certificate, reversed_serial.certificate) == (SIGNER.encode(), SIGNER.encode())
        for unknown in (strange, not_found):
            assert (unknown.known, unknown.roles, unknown.certificate) == (False, (), None)
        assert [(command, session) for command, session, _ in server.received] == list(
            zip((1, 3, 3, 1, 3), range(1001, 1006), strict=True)
        )

    @pytest.mark.parametrize(("gone", "roles", "seconds"), [((ROLES,), (), 86_400), ((TTL,), (0, 3), None)])
    def test_what_is_missing_is_not_made_up(
        self, tmp_path: Path, gone: tuple[int, ...], roles: tuple[int, ...], seconds: int | None
    ) -> None:
        with asking(tmp_path, Manner(without=frozenset(gone))) as (client, _):
            answers = [client.verify(SIGNER.encode()), by_name(client, SIGNER)]
        assert [(each.known, each.roles, each.ttl_seconds) for each in answers] == [(True, roles, seconds)] * 2

    @pytest.mark.parametrize(
        "manner",
        [
            Manner(without=frozenset({STATUS})),
            Manner(without=frozenset({CERTIFICATE})),
            Manner(session_offset=1),
            # The genuine answer has both roles in one element.
            Manner(roles_repeated=True),
        ],
        ids=["no status", "no certificate", "another session", "roles twice"],
    )
    def test_what_is_no_answer_is_not_believed(self, tmp_path: Path, manner: Manner) -> None:
        with asking(tmp_path, manner) as (client, server), pytest.raises(TvsError) as caught:
            by_name(client, SIGNER)
        assert (caught.value.fault, server.faults) == (ConnectorFault.PROTOCOL, [])

    def test_a_status_that_nobody_has_published_is_neither(self, tmp_path: Path) -> None:
        with asking(tmp_path, Manner(not_found=((STATUS, b"\x02"),))) as (client, _):
            assert (client.verify(STRANGER.encode()).known, by_name(client, STRANGER).known) == (None, None)

    def test_a_server_may_close_instead_of_answering(self, tmp_path: Path) -> None:
        with asking(tmp_path, Manner(not_found=None)) as (client, _):
            with pytest.raises(TvsError) as verify:
                client.verify(STRANGER.encode())
            with pytest.raises(TvsError) as query:
                by_name(client, STRANGER)
        assert (verify.value.fault, query.value.fault) == (ConnectorFault.REFUSED, ConnectorFault.UNSUPPORTED)

    def test_the_round_over_the_nodes(self, tmp_path: Path) -> None:
        wanted = (SIGNER.encode(), STRANGER.encode())
        with asking(tmp_path, Manner()) as (_, server):
            node = NodeSettings.model_validate({"name": "pub", "host": "127.0.0.1", "ports": {"tvs": server.port}})
            rows = list(read_tvs("lab", [node], [OWN], wanted))
        prints = [sha256(each).hexdigest() for each in wanted]
        assert rows == [("pub", (TvsReading(prints[0], True, (0, 3)), TvsReading(prints[1], False, ())))]


def client_context(version: ssl.TLSVersion | None = None, ciphers: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        context.set_ciphers(ciphers)
    return context


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_lab(tmp_path_factory.mktemp("lab"), phones=8, nodes=1) as running:
        yield running.world.cluster.publisher.address


class TestTheLab:
    """The other client against the lab's port 2445."""

    def signer(self, lab: str) -> bytes:
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((lab, 5061)))

    @pytest.mark.parametrize(
        "manner",
        [
            Manner(),
            Manner(reserved=0xF7),
            Manner(order=lambda elements: elements[::-1]),
            Manner(extra=((6, b"?"), (200, b""))),
            Manner(cut=1),
            Manner(name_prefix=b"\x00"),
            Manner(name_end=b"\x00"),
        ],
        ids=["plain", "reserved byte", "backwards", "unknown", "pieces", "other first byte", "NUL"],
    )
    def test_each_way_to_ask(self, lab: str, manner: Manner) -> None:
        signer = self.signer(lab)
        certificate = load_der_x509_certificate(signer)
        names = tvs_peer.cucm_name(certificate.subject), tvs_peer.cucm_name(certificate.issuer)
        trust = [(ROLES, b"\x00\x02\x03"), (TTL, (86_400).to_bytes(4))]
        for serial in (tvs_peer.serial_bytes(certificate.serial_number), serial_bytes(certificate.serial_number)):
            with tvs_peer.connected(client_context(), lab, 2445, manner) as client:
                assert client.query(*names, serial) == [(STATUS, b"\0"), (CERTIFICATE, signer), *trust]
        with tvs_peer.connected(client_context(), lab, 2445, manner) as client:
            assert client.verify(signer) == [(STATUS, b"\0"), *trust]
        for unknown in (STRANGER.encode(), sha256(signer).digest()):
            with tvs_peer.connected(client_context(), lab, 2445, manner) as client:
                assert client.verify(unknown) == [UNKNOWN]

    @pytest.mark.parametrize("gone", [DEVICE_NAME, SUBJECT, ISSUER, SERIAL])
    def test_half_a_question_is_closed_on(self, lab: str, gone: int) -> None:
        manner = Manner(without=frozenset({gone}))
        with tvs_peer.connected(client_context(), lab, 2445, manner) as client, pytest.raises(EOFError):
            client.query(b"CN=a\0", b"CN=b\0", b"\x01")

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2])
    def test_phones_as_old_as_the_genuine_trace(self, lab: str, version: ssl.TLSVersion) -> None:
        """AES256-SHA in the trace; the 7945 and 7965 ask TVS and know nothing newer than TLS 1.0."""
        context = client_context(version, "AES256-SHA:@SECLEVEL=0")
        with tvs_peer.connected(context, lab, 2445) as client:
            assert client.verify(self.signer(lab))[0] == (STATUS, b"\0")
