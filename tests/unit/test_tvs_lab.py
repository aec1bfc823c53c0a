"""What the lab's TVS knows: the cluster's certificates as they are now, each by its roles."""

from dataclasses import replace
from hashlib import sha256

import pytest

from ctlctl_lab.model import CALLMANAGER, CAPF, SERVICE_TVS, TOMCAT, TVS, Identity, Node
from ctlctl_lab.tvsservice import GENUINE_GARBAGE, TvsRules, answer, vouched
from ctlctl_lab.world import World
from ctlctl_trust.names import comma_spelling, cucm_spelling
from ctlctl_trust.recordcheck import serial_bytes
from ctlctl_trust.tlv import Role
from ctlctl_trust.tvs import QueryRequest, QueryResponse, VerifyRequest, VerifyResponse
from support.labworld import lab_world

DEVICE = "CP-8861-SEP001122334455"


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return lab_world(tmp_path_factory)


def first(world: World) -> Node:
    return world.cluster.publisher


def verify(world: World, der: bytes, rules: TvsRules | None = None) -> VerifyResponse:
    request = VerifyRequest(session=7, device=DEVICE, certificate=der)
    found = answer(world, first(world), request, rules or TvsRules())
    assert isinstance(found, VerifyResponse)
    assert found.session == 7
    return found


def ask(identity: Identity) -> QueryRequest:
    own = identity.certificate
    return QueryRequest(
        session=8,
        device=DEVICE,
        subject=cucm_spelling(own.subject),
        issuer=cucm_spelling(own.issuer),
        serial=serial_bytes(own.serial),
    )


def query(world: World, request: QueryRequest, rules: TvsRules | None = None) -> QueryResponse:
    found = answer(world, first(world), request, rules or TvsRules())
    assert isinstance(found, QueryResponse)
    assert found.session == 8
    return found


@pytest.mark.parametrize(
    ("unit", "roles"),
    [
        (CALLMANAGER, {Role.SAST, Role.CCM_TFTP, Role.TFTP}),
        (CAPF, {Role.CAPF}),
        (TOMCAT, {Role.APP_SERVER}),
        (TVS, {Role.TVS}),
    ],
)
def test_a_certificate_of_the_cluster(world: World, unit: str, roles: set[Role]) -> None:
    identity = first(world).identities[unit]
    by_certificate = verify(world, identity.der)
    assert (by_certificate.known, by_certificate.roles, by_certificate.ttl) == (True, tuple(sorted(roles)), 86_400)
    by_name = query(world, ask(identity))
    assert (by_name.known, by_name.certificate, by_name.roles) == (True, identity.der, by_certificate.roles)


def test_the_recovery_certificate(world: World) -> None:
    assert verify(world, world.cluster.itl_recovery.der).roles == (Role.SAST,)


def test_what_it_does_not_know(world: World) -> None:
    stranger = world.pki.node(CALLMANAGER, "stranger", "127.9.9.9")
    # The same key in another certificate: whole certificates are compared.
    expired = world.pki.expired(first(world).identities[CALLMANAGER])
    for identity in (stranger, expired):
        unknown = verify(world, identity.der)
        assert (unknown.known, unknown.roles, unknown.ttl) == (False, None, None)
        assert query(world, ask(identity)) == QueryResponse(session=8, status=1)
    assert verify(world, b"no certificate").known is False


def test_a_renewed_certificate(world: World) -> None:
    before = first(world).identities[CALLMANAGER]
    world.renew(CALLMANAGER, first(world).name)
    assert verify(world, before.der).known is False
    assert verify(world, first(world).identities[CALLMANAGER].der).known is True


def test_an_issuer_is_looked_up_by_its_exact_text(world: World) -> None:
    identity = first(world).identities[CALLMANAGER]
    asked = ask(identity)
    assert query(world, replace(asked, issuer=comma_spelling(identity.certificate.issuer))).known is False
    assert query(world, replace(asked, serial=asked.serial + b"\1")).known is False
    assert query(world, replace(asked, serial=b"\0" + asked.serial)).known is True


def test_a_hardware_token_by_its_reversed_serial_number(world: World) -> None:
    token = world.pki.token(1)
    world.cluster.trust["Phone-SAST-trust"] = [token]
    asked = ask(token)
    for serial in (asked.serial, asked.serial[::-1]):
        found = query(world, replace(asked, serial=serial))
        assert (found.certificate, found.roles) == (token.der, (Role.SAST,))


class TestRules:
    def test_a_certificate_that_a_node_has_forgotten(self, world: World) -> None:
        identity = first(world).identities[CALLMANAGER]
        rules = TvsRules(forgotten=frozenset({sha256(identity.der).digest()}))
        assert verify(world, identity.der, rules).known is False
        assert query(world, ask(identity), rules).known is False
        assert identity.der not in vouched(world, rules)
        assert identity.der in vouched(world)

    def test_a_service_that_verifies_only(self, world: World) -> None:
        identity = first(world).identities[CALLMANAGER]
        assert answer(world, first(world), ask(identity), TvsRules(verify_only=True)) is None

    @pytest.mark.parametrize("status", [1, 5])
    def test_what_a_query_gets_that_finds_nothing(self, world: World, status: int) -> None:
        asked = replace(ask(first(world).identities[CALLMANAGER]), serial=b"\1")
        assert query(world, asked, TvsRules(query_not_found=status)).status == status
        assert answer(world, first(world), asked, TvsRules(query_not_found=None)) is None

    def test_garbage_in_the_reserved_byte(self, world: World) -> None:
        """As in the genuine response."""
        rules = TvsRules(reserved=GENUINE_GARBAGE)
        identity = first(world).identities[CALLMANAGER]
        assert verify(world, identity.der, rules) == replace(verify(world, identity.der), reserved=GENUINE_GARBAGE)
        assert verify(world, b"no certificate", rules).reserved == GENUINE_GARBAGE
        assert query(world, ask(identity), rules).reserved == GENUINE_GARBAGE

    def test_a_service_that_stops(self, world: World) -> None:
        node = first(world)
        node.stopped.add(SERVICE_TVS)
        asked = VerifyRequest(session=7, device=DEVICE, certificate=node.identities[TVS].der)
        assert answer(world, node, asked) is None
