"""The client of TVS against the lab's service, over TLS: what it knows, who it is, and every way to get no answer."""

import pickle
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl.connectors.tvs import TvsClient, ask_each
from ctlctl.connectors.tvs_ports import TrustVerifier, TvsAnswer, TvsError, TvsSettings
from ctlctl_lab.model import CALLMANAGER, CAPF, SERVICE_TVS, TOMCAT, TVS, Identity, Node
from ctlctl_lab.tlscontexts import node_context
from ctlctl_lab.tvsservice import TvsRules, serve_tvs
from ctlctl_lab.world import World
from ctlctl_trust.names import comma_spelling, cucm_spelling
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.tlv import Role, encode_tlv
from ctlctl_trust.tvs import Dialect, QueryResponse, VerifyRequest, VerifyResponse, encode
from support.labworld import itl_report, lab_world
from support.pki import plan
from support.programs import require_program
from support.servers import TcpExchange, make_identity, tcp_server
from support.tlsservers import free_port, openssl_server, write_certificate

# Seconds for a question that must be answered, and for one that must not.
LONG, SHORT = 20.0, 0.4


@dataclass(frozen=True, slots=True)
class Served:
    """A TVS service of the lab, and the list of the cluster that it belongs to."""

    world: World
    port: int

    @property
    def node(self) -> Node:
        return self.world.cluster.publisher

    @property
    def listed(self) -> tuple[bytes, ...]:
        """What a phone would believe."""
        return tuple(one.der for one in itl_report(self.world).keys_of(Role.TVS).values())

    def own(self, unit: str) -> Identity:
        return self.node.identities[unit]

    def client(self) -> TvsClient:
        return TvsClient(settings(self.port, self.listed))


def settings(port: int, certificates: tuple[bytes, ...] | None = None, seconds: float = LONG) -> TvsSettings:
    return TvsSettings(cluster="lab", host="127.0.0.1", port=port, certificates=certificates, timeout_seconds=seconds)


@contextmanager
def service(world: World, rules: TvsRules | None = None, unit: str = TVS) -> Iterator[Served]:
    node = world.cluster.publisher

    def serve(exchange: TcpExchange) -> None:
        serve_tvs(exchange.sock, world, node, rules or TvsRules())

    with tcp_server(serve, node_context(node.identities[unit])) as port:
        yield Served(world, port)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return lab_world(tmp_path_factory)


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    with service(world) as found:
        yield found


def fault(ask: Callable[[], object]) -> TvsError:
    with pytest.raises(TvsError) as caught:
        ask()
    assert isinstance(caught.value, ConnectorError)
    assert (caught.value.cluster, caught.value.interface) == ("lab", "TVS")
    assert "\n" not in str(caught.value)
    return caught.value


def by_name(client: TrustVerifier, identity: Identity) -> TvsAnswer:
    own = identity.certificate
    return client.query(cucm_spelling(own.subject), cucm_spelling(own.issuer), serial_bytes(own.serial))


class TestTheLabsService:
    @pytest.mark.parametrize(
        ("unit", "names"),
        [
            (CALLMANAGER, ("SAST", "CCM+TFTP", "TFTP")),
            (CAPF, ("CAPF",)),
            (TOMCAT, ("APP-SERVER",)),
            (TVS, ("TVS",)),
        ],
    )
    def test_a_certificate_is_known_with_its_roles(self, served: Served, unit: str, names: tuple[str, ...]) -> None:
        found = served.client().verify(served.own(unit).der)
        assert (found.known, found.status, found.role_names, found.ttl_seconds) == (True, 0, names, 86_400)
        assert (found.node, found.identity_checked) == ("127.0.0.1", True)
        assert found.presented == served.own(TVS).fingerprint
        assert found.tls_version.startswith("TLSv1.")
        assert found.cipher

    def test_what_a_phone_would_make_of_it(self, served: Served) -> None:
        found = served.client().verify(served.own(CALLMANAGER).der)
        assert found.vouches_for(Role.SAST)
        assert found.vouches_for(Role.CAPF, Role.TFTP)
        assert not found.vouches_for(Role.CAPF)

    def test_a_stranger_is_not_known(self, served: Served) -> None:
        found = served.client().verify(plan("stranger", "rsa2048-pub").encode())
        assert (found.known, found.status, found.roles, found.ttl_seconds) == (False, 1, (), None)
        assert not found.vouches_for(*Role)

    def test_a_signer_is_found_by_its_names(self, served: Served) -> None:
        found = by_name(served.client(), served.own(CALLMANAGER))
        assert (found.known, found.certificate) == (True, served.own(CALLMANAGER).der)
        assert found.vouches_for(Role.SAST)

    def test_a_signer_by_another_spelling_is_not(self, served: Served) -> None:
        own = served.own(CALLMANAGER).certificate
        spelled = (comma_spelling(own.subject), comma_spelling(own.issuer))
        found = served.client().query(*spelled, serial_bytes(own.serial))
        assert (found.known, found.certificate) == (False, None)

    def test_one_client_asks_many_times(self, served: Served) -> None:
        client = served.client()
        assert [client.verify(served.own(unit).der).known for unit in (TVS, CAPF, TVS, TOMCAT)] == [True] * 4

    def test_garbage_in_the_reserved_byte_is_not_minded(self, world: World) -> None:
        with service(world, TvsRules(reserved=0xF7)) as served:
            assert served.client().verify(served.own(TVS).der).known
            assert by_name(served.client(), served.own(TVS)).known

    def test_a_node_that_has_forgotten(self, world: World) -> None:
        missing = world.cluster.publisher.identities[CALLMANAGER]
        with service(world, TvsRules(forgotten=frozenset({missing.fingerprint}))) as served:
            assert served.client().verify(missing.der).known is False
            assert by_name(served.client(), missing).known is False

    def test_the_bytes_as_openssl_sees_them(self, served: Served) -> None:
        """Written and read by hand here: neither our codec nor our client has a part in it."""
        openssl = require_program("openssl", "openssl")
        der = served.own(CAPF).der
        body = encode_tlv(1, b"\x01CP-8861-SEP001122334455") + encode_tlv(2, der)
        asked = bytes.fromhex("57010100 000003ea") + len(body).to_bytes(2) + body
        shown = subprocess.run(
            [openssl, "s_client", "-connect", f"127.0.0.1:{served.port}", "-quiet", "-nocommands", "-ign_eof"],
            input=asked,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert shown.stdout == bytes.fromhex("57010200 000003ea 000f 07000100 08000104 09000400015180")


class TestWhoAnswers:
    def test_nobody_is_checked_where_no_list_is_given(self, served: Served) -> None:
        found = TvsClient(settings(served.port)).verify(served.own(TVS).der)
        assert (found.known, found.identity_checked) == (True, False)

    @pytest.mark.parametrize("unit", [TOMCAT, CALLMANAGER])
    def test_another_certificate_of_the_node(self, world: World, unit: str) -> None:
        with service(world, unit=unit) as served:
            error = fault(lambda: served.client().verify(b"any"))
            assert error.fault is ConnectorFault.TLS
            assert served.own(unit).pin in error.detail
            assert "ITL" in error.advice

    def test_a_renewed_certificate_that_the_list_does_not_have(self, world: World) -> None:
        with service(world) as before:
            listed = before.listed
        world.renew(TVS, world.cluster.publisher.name)
        with service(world) as served:
            assert fault(lambda: TvsClient(settings(served.port, listed)).verify(b"any")).fault is ConnectorFault.TLS
            assert served.client().verify(served.own(TVS).der).known

    def test_a_list_without_tvs_believes_nobody(self, served: Served) -> None:
        error = fault(lambda: TvsClient(settings(served.port, ())).verify(b"any"))
        assert error.fault is ConnectorFault.TLS
        assert "the trust list has none" in error.detail

    def test_nothing_is_sent_to_a_stranger(self, tmp_path: Path) -> None:
        heard: list[bytes] = []

        def listen(exchange: TcpExchange) -> None:
            try:
                heard.append(exchange.sock.recv(100))
            except OSError:
                heard.append(b"")

        with tcp_server(listen, make_identity(tmp_path).context) as port:
            assert fault(lambda: TvsClient(settings(port, (b"other",))).verify(b"any")).fault is ConnectorFault.TLS
        assert heard == [b""]


def reply(*pieces: bytes) -> Callable[[TcpExchange], None]:
    """Make a server that hears a request and answers with these bytes, whatever it was."""

    def serve(exchange: TcpExchange) -> None:
        exchange.sock.recv(65_536)
        exchange.drip(pieces)

    return serve


def say_nothing(exchange: TcpExchange) -> None:
    exchange.stop.wait(LONG)


def drip_for_ever(exchange: TcpExchange) -> None:
    """Announce a long answer, and send it byte by byte so slowly that each wait alone is short."""
    exchange.drip([bytes.fromhex("57010200000003e9ffff"), *[b"\6"] * 10_000])


def known(session: int = 1001) -> bytes:
    return encode(VerifyResponse(session=session, status=0, roles=(4,), ttl=1))


def given(certificate: bytes | None, session: int = 1001) -> bytes:
    return encode(QueryResponse(session=session, status=0, certificate=certificate, roles=(0,), ttl=1))


class TestTrouble:
    def with_server(self, handler: Callable[[TcpExchange], None], folder: Path, seconds: float = LONG) -> TvsError:
        with tcp_server(handler, make_identity(folder).context) as port:
            return fault(lambda: TvsClient(settings(port, None, seconds)).verify(b"any"))

    def test_nobody_listens(self) -> None:
        error = fault(lambda: TvsClient(settings(free_port())).verify(b"any"))
        assert error.fault is ConnectorFault.UNREACHABLE
        assert "Trust Verification Service" in error.advice

    def test_a_name_that_stands_for_nothing(self) -> None:
        client = TvsClient(replace(settings(2445), host="no-such-host.invalid"))
        assert fault(lambda: client.verify(b"any")).fault is ConnectorFault.UNRESOLVED

    @pytest.mark.parametrize("handler", [say_nothing, drip_for_ever])
    def test_a_server_that_stalls(self, handler: Callable[[TcpExchange], None], tmp_path: Path) -> None:
        error = self.with_server(handler, tmp_path, SHORT)
        assert error.fault is ConnectorFault.TIMEOUT
        assert "0.4 seconds" in error.detail

    def test_a_handshake_that_stalls(self) -> None:
        with tcp_server(say_nothing) as port:
            error = fault(lambda: TvsClient(settings(port, None, SHORT)).verify(b"any"))
        assert error.fault is ConnectorFault.TIMEOUT

    def test_a_port_that_takes_no_more_connections(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            # Bound and not listening: refused.
            assert fault(lambda: TvsClient(settings(port)).verify(b"any")).fault is ConnectorFault.UNREACHABLE

    def test_no_tls(self) -> None:
        with tcp_server(lambda exchange: exchange.drip([b"HTTP/1.1 400 Bad Request\r\n\r\n"])) as port:
            error = fault(lambda: TvsClient(settings(port)).verify(b"any"))
        assert error.fault is ConnectorFault.TLS

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            known(session=1),
            known()[:-1],
            given(b"DER"),
            bytes.fromhex("57010200000003e90000"),
            bytes.fromhex("57010200000003e90005070002") + bytes(2),
        ],
    )
    def test_an_answer_that_is_none(self, answer: bytes, tmp_path: Path) -> None:
        assert self.with_server(reply(answer), tmp_path).fault is ConnectorFault.PROTOCOL

    def test_a_status_that_nobody_knows_is_neither_known_nor_not(self, tmp_path: Path) -> None:
        strange = encode(VerifyResponse(session=1001, status=9))
        with tcp_server(reply(strange), make_identity(tmp_path).context) as port:
            found = TvsClient(settings(port)).verify(b"any")
        assert (found.known, found.status) == (None, 9)
        assert not found.vouches_for(*Role)

    def test_an_answer_in_pieces_with_junk_behind_it(self, tmp_path: Path) -> None:
        pieces = [known()[index : index + 1] for index in range(len(known()))]
        with tcp_server(reply(*pieces, b"junk"), make_identity(tmp_path).context) as port:
            assert TvsClient(settings(port)).verify(b"any").roles == (4,)

    def test_a_certificate_that_is_refused(self, tmp_path: Path) -> None:
        error = self.with_server(reply(), tmp_path)
        assert error.fault is ConnectorFault.REFUSED
        assert "without an answer" in error.detail

    @pytest.mark.parametrize("rules", [TvsRules(verify_only=True), TvsRules(query_not_found=None)])
    def test_a_server_that_answers_no_questions_by_name(self, world: World, rules: TvsRules) -> None:
        """The independent tvsd, against which a phone can never learn who signed a list."""
        stranger = world.pki.node(CALLMANAGER, "stranger", "127.9.9.9")
        with service(world, rules) as served:
            assert fault(lambda: by_name(served.client(), stranger)).fault is ConnectorFault.UNSUPPORTED

    @pytest.mark.parametrize("certificate", [None, b"DER", plan("other", "rsa2048-pub", serial=0x77).encode()])
    def test_a_signer_that_is_not_the_one_asked_for(self, certificate: bytes | None, tmp_path: Path) -> None:
        with tcp_server(reply(given(certificate)), make_identity(tmp_path).context) as port:
            error = fault(lambda: TvsClient(settings(port)).query("CN=a", "CN=b", b"\x12\x34"))
        assert error.fault is ConnectorFault.PROTOCOL

    def test_a_signer_by_a_reversed_serial_number(self, tmp_path: Path) -> None:
        token = plan("token", "rsa2048-pub", serial=0x0102).encode()
        with tcp_server(reply(given(token)), make_identity(tmp_path).context) as port:
            assert TvsClient(settings(port)).query("CN=a", "CN=b", b"\x02\x01").certificate == token

    def test_one_node_in_trouble_does_not_keep_the_next_from_being_asked(self, served: Served) -> None:
        nodes = [TvsClient(settings(free_port())), served.client()]
        first, second = ask_each(nodes, served.own(TVS).der)
        assert isinstance(first, TvsError)
        assert first.fault is ConnectorFault.UNREACHABLE
        assert isinstance(second, TvsAnswer)
        assert second.known

    def test_a_service_that_stops_meanwhile(self, served: Served) -> None:
        served.node.stopped.add(SERVICE_TVS)
        assert fault(lambda: served.client().verify(b"any")).fault is ConnectorFault.REFUSED

    def test_the_error_survives_a_trip_to_another_process(self) -> None:
        error = fault(lambda: TvsClient(settings(free_port())).verify(b"any"))
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert (type(again), again.fault, str(again)) == (TvsError, error.fault, str(error))


class TestPeersOfTheService:
    """What is no TVS gets the connection closed, and the service goes on."""

    @pytest.mark.parametrize(
        "data",
        [
            b"GET / HTTP/1.1\r\n\r\n",
            bytes.fromhex("570101f7000000070000"),
            encode(VerifyResponse(session=1, status=0)),
            bytes.fromhex("5701"),
            b"",
        ],
    )
    def test_junk(self, served: Served, data: bytes) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", served.port), LONG) as sock,
            context.wrap_socket(sock) as tls,
        ):
            tls.sendall(data)
            if len(data) < 10:
                # Gone without TLS's own end mark, which OpenSSL complains of.
                socket.socket.shutdown(tls, socket.SHUT_WR)
                with suppress(ssl.SSLError):
                    assert tls.recv(100) == b""
            else:
                assert tls.recv(100) == b""
        assert served.client().verify(served.own(TVS).der).known

    def test_several_requests_on_one_connection(self, world: World) -> None:
        """Whether a genuine server closes after one is not known; the lab can be told not to."""
        with service(world, TvsRules(dialect=Dialect(requests_per_connection=None))) as served:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with (
                socket.create_connection(("127.0.0.1", served.port), LONG) as sock,
                context.wrap_socket(sock) as tls,
            ):
                for session in (5, 6):
                    tls.sendall(encode(VerifyRequest(session=session, device="x", certificate=b"no")))
                    got = tls.recv(14)
                    assert got == encode(VerifyResponse(session=session, status=1))


class TestOldNodes:
    """CUCM 10.5: TLS 1.0, AES256-SHA, SHA-1 (the cipher is that of the genuine trace)."""

    def test_only_where_the_settings_allow_it(self, tmp_path: Path) -> None:
        old = plan("pub-tvs", "rsa1024-a", digest="sha1")
        files = write_certificate(tmp_path, old)
        # It echoes what it hears, which is a request: no answer, but the handshake was done.
        with openssl_server(files, "-tls1", "-cipher", "AES256-SHA:@SECLEVEL=0", "-rev") as port:
            plain = settings(port, (old.encode(),))
            assert fault(lambda: TvsClient(plain).verify(b"any\n")).fault is ConnectorFault.TLS
            legacy = replace(plain, legacy_tls=True, timeout_seconds=SHORT)
            assert fault(lambda: TvsClient(legacy).verify(b"any\n")).fault in {
                ConnectorFault.PROTOCOL,
                ConnectorFault.TIMEOUT,
            }

    def test_the_cipher_of_the_genuine_trace_in_tls_12(self, tmp_path: Path) -> None:
        certificate, key = write_certificate(tmp_path, plan("pub-tvs", "rsa2048-pub"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES256-SHA")
        context.load_cert_chain(certificate, key)
        with tcp_server(reply(known()), context) as port:
            assert TvsClient(settings(port)).verify(b"any").cipher == "AES256-SHA"


class TestClientCertificate:
    def wanting(self, folder: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
        identity = make_identity(folder / "node")
        identity.context.verify_mode = ssl.CERT_REQUIRED
        identity.context.maximum_version = version
        identity.context.load_verify_locations(self.phone(folder)[0])
        return identity.context

    def phone(self, folder: Path) -> tuple[Path, Path]:
        certificate, key = write_certificate(folder, plan("phone", "rsa2048-pub"))
        both = folder / "both.pem"
        with both.open("wb") as out:
            for one in (certificate, key):
                with one.open("rb") as part:
                    shutil.copyfileobj(part, out)
        return certificate, both

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_a_node_that_wants_one(self, tmp_path: Path, version: ssl.TLSVersion) -> None:
        with tcp_server(reply(known()), self.wanting(tmp_path, version)) as port:
            error = fault(lambda: TvsClient(settings(port)).verify(b"any"))
            assert error.fault is ConnectorFault.TLS
            assert "client_certificate" in error.advice
            own = self.phone(tmp_path)[1]
            assert TvsClient(replace(settings(port), client_certificate=own)).verify(b"any").known

    def test_what_it_said_is_read_though_it_has_hung_up_before_we_ask(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        exchange: Callable[..., object] = TvsClient._exchange

        def later(*words: Any) -> object:  # noqa: ANN401 - they are handed on
            # In TLS 1.3 our handshake is over before the node has seen that there is no certificate.
            time.sleep(0.5)
            return exchange(*words)

        monkeypatch.setattr(TvsClient, "_exchange", later)
        with tcp_server(reply(known()), self.wanting(tmp_path, ssl.TLSVersion.TLSv1_3)) as port:
            error = fault(lambda: TvsClient(settings(port)).verify(b"any"))
        assert error.fault is ConnectorFault.TLS
        assert "certificate required" in error.detail
        assert "client_certificate" in error.advice

    @pytest.mark.parametrize("content", [None, b"", b"junk"])
    def test_one_that_cannot_be_used(self, tmp_path: Path, content: bytes | None) -> None:
        path = tmp_path / "own.pem"
        if content is not None:
            path.write_bytes(content)
        error = fault(lambda: TvsClient(replace(settings(2445), client_certificate=path)))
        assert error.fault is ConnectorFault.INVALID


class TestSettings:
    @pytest.mark.parametrize(
        "wrong", [{"timeout_seconds": 0.0}, {"device_name": ""}, {"device_name": "CP\n"}, {"device_name": "x" * 129}]
    )
    def test_what_makes_no_sense(self, wrong: dict[str, object]) -> None:
        with pytest.raises(ValueError, match="must be"):
            TvsSettings(cluster="lab", host="127.0.0.1", **wrong)  # type: ignore[arg-type]

    @pytest.mark.parametrize("changed", [{"host": "not a host"}, {"port": 0}])
    def test_a_place_that_cannot_be(self, changed: dict[str, object]) -> None:
        wrong = TvsSettings(**{"cluster": "lab", "host": "127.0.0.1", **changed})  # type: ignore[arg-type]
        assert fault(lambda: TvsClient(wrong)).fault is ConnectorFault.INVALID

    def test_what_cannot_be_asked(self) -> None:
        client = TvsClient(settings(free_port()))
        for ask in (
            lambda: client.verify(b""),
            lambda: client.verify(bytes(65_536)),
            lambda: client.query("CN=a\0", "CN=b", b"1"),
            lambda: client.query("CN=a", "CN=b", b""),
        ):
            assert fault(ask).fault is ConnectorFault.INVALID

    def test_certificates_stay_out_of_a_repr(self) -> None:
        shown = repr(settings(2445, (b"DER" * 1000,)))
        assert "DER" not in shown
        assert sha256(b"").hexdigest() not in shown
