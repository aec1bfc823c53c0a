"""The lab's Trust Verification Service: one node's answers about every certificate that the cluster has now.

It compares whole certificates in a VERIFY ("Certificate found and equal" in CUCM's trace, Cisco document 118893), and
in a QUERY looks up serial number and issuer, the issuer by its exact text in CUCM's spelling (the same document). It
closes after one answer, and closes without one on what it does not understand, as the independent tvsd does.

Assumed, because no source says it: the roles of tomcat's (application server) and of TVS's own certificates, and that
a QUERY for what is not there is answered with status 1 and nothing else.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ctlctl_lab.model import SERVICE_TVS, TOMCAT, TVS, Identity, Node
from ctlctl_lab.phones import list_key
from ctlctl_lab.pki import TOKEN
from ctlctl_lab.world import World
from ctlctl_trust.names import cucm_spelling
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.tlv import Role
from ctlctl_trust.tvs import (
    DIALECT,
    STATUS_KNOWN,
    STATUS_UNKNOWN,
    Dialect,
    QueryRequest,
    QueryResponse,
    Request,
    Response,
    Signal,
    TvsPeerError,
    TvsServerMachine,
    VerifyRequest,
    VerifyResponse,
)

#: Seconds for which phones remember an answer ("expires in 24 hours", document 213407).
DAY_TTL: Final = 86_400
#: What the genuine response of that document has in the reserved byte of its header: garbage, that readers must not
#: mind. The lab writes 0 unless told otherwise.
GENUINE_GARBAGE: Final = 0xF7
_RECEIVE_BYTES: Final = 16_384
_ROLES_BY_UNIT: Final = {TOMCAT: frozenset({Role.APP_SERVER}), TVS: frozenset({Role.TVS})}


@dataclass(frozen=True, slots=True)
class TvsRules:
    """How a node's TVS behaves; what may go wrong with it, and what nobody knows for sure.

    Attributes:
        ttl: seconds for which an answer may be remembered.
        forgotten: SHA-256 fingerprints of certificates that this node's TVS does not know, though it should.
        verify_only: whether a QUERY gets the connection closed, as by the independent tvsd.
        query_not_found: status of the answer to a QUERY for what is not there; None closes instead.
        reserved: reserved byte of every answer's header.
        dialect: tags, requests on one connection, and whether unknown elements are refused.
    """

    ttl: int = DAY_TTL
    forgotten: frozenset[bytes] = field(default=frozenset(), repr=False)
    verify_only: bool = False
    query_not_found: int | None = STATUS_UNKNOWN
    reserved: int = 0
    dialect: Dialect = DIALECT


#: A healthy node.
HEALTHY: Final = TvsRules()


def serve_tvs(tls_socket: socket.socket, world: World, node: Node, rules: TvsRules = HEALTHY) -> None:
    """Serve one connection, from its first byte to its end; the caller closes the socket.

    Args:
        tls_socket: a connection whose handshake is done; its time-out is how long a silent peer is waited for.
        world: whose certificates are known.
        node: which node is asked; one whose service stops meanwhile answers no more.
        rules: how it behaves.

    Raises:
        OSError: the connection broke.
    """
    machine = TvsServerMachine(rules.dialect)
    with suppress(TimeoutError, TvsPeerError):
        while (event := machine.next_event()) is not Signal.CLOSED:
            if event is Signal.NEED_DATA:
                machine.receive_data(_receive(tls_socket))
            elif isinstance(event, VerifyRequest | QueryRequest):
                response = answer(world, node, event, rules)
                if response is None:
                    break
                tls_socket.sendall(machine.send(response))
            else:
                raise AssertionError(f"a server that answers at once is never told {event}")
    _say_goodbye(tls_socket)


def answer(world: World, node: Node, request: Request, rules: TvsRules = HEALTHY) -> Response | None:
    """Answer one request; None where the connection is closed instead."""
    if not node.runs(SERVICE_TVS):
        return None
    if isinstance(request, VerifyRequest):
        roles = vouched(world, rules).get(request.certificate)
        if roles is None:
            return VerifyResponse(session=request.session, status=STATUS_UNKNOWN, reserved=rules.reserved)
        return VerifyResponse(
            session=request.session, status=STATUS_KNOWN, roles=_codes(roles), ttl=rules.ttl, reserved=rules.reserved
        )
    if rules.verify_only:
        return None
    found = _find(world, request, rules)
    if found is None:
        if rules.query_not_found is None:
            return None
        return QueryResponse(session=request.session, status=rules.query_not_found, reserved=rules.reserved)
    der, roles = found
    return QueryResponse(
        session=request.session,
        status=STATUS_KNOWN,
        certificate=der,
        roles=_codes(roles),
        ttl=rules.ttl,
        reserved=rules.reserved,
    )


def vouched(world: World, rules: TvsRules = HEALTHY) -> dict[bytes, frozenset[Role]]:
    """Return every certificate that TVS knows, DER, with its roles."""
    return {identity.der: roles for identity, roles in _known(world, rules)}


def _known(world: World, rules: TvsRules) -> Iterator[tuple[Identity, frozenset[Role]]]:
    cluster = world.cluster
    with cluster.lock:
        everything = {
            identity.der: identity
            for identity in (
                cluster.itl_recovery,
                *(each for store in cluster.trust.values() for each in store),
                *(each for node in cluster.nodes.values() for each in node.identities.values()),
            )
        }
        # The world speaks of keys; a certificate of the same key that is not the cluster's own is not in here.
        judged = [
            (each, world.tvs_roles(list_key(each)) | _ROLES_BY_UNIT.get(each.unit, frozenset()))
            for each in everything.values()
        ]
    for identity, roles in judged:
        if roles and sha256(identity.der).digest() not in rules.forgotten:
            yield identity, roles


def _find(world: World, request: QueryRequest, rules: TvsRules) -> tuple[bytes, frozenset[Role]] | None:
    serial = request.serial.lstrip(b"\0")
    for identity, roles in _known(world, rules):
        own = serial_bytes(identity.serial).lstrip(b"\0")
        # Lists made with hardware tokens store the serial number byte-reversed, and so phones ask for it (D118893).
        spelled = (own, own[::-1]) if identity.unit == TOKEN else (own,)
        if serial in spelled and cucm_spelling(identity.certificate.issuer) == request.issuer:
            return identity.der, roles
    return None


def _codes(roles: frozenset[Role]) -> tuple[int, ...]:
    return tuple(sorted(map(int, roles)))


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(_RECEIVE_BYTES)
    except (ssl.SSLEOFError, ConnectionError):
        # Phones hang up without TLS's own end mark.
        return b""


def _say_goodbye(sock: socket.socket) -> None:
    """Tell a TLS peer that this was all, without waiting for its answer."""
    if isinstance(sock, ssl.SSLSocket):
        with suppress(OSError, ValueError):
            sock.settimeout(0)
            sock.unwrap()
