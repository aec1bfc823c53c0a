"""Phones that go to CAPF over real sockets, with the client's machine of `ctlctl_capf`.

As firmware does it: the certificate that CAPF presents must be in the CTL or ITL, or TVS must know it; the key is made
after the server has asked for it (here it comes from a pool, and the time is waited for); then the phone stores what it
is given. One event loop has them all, so that thousands may wait for their keys.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ctlctl_capf import (
    SESSION_BYTES,
    SESSION_SECONDS,
    CapfClient,
    CapfPeerError,
    CertificateKind,
    ClientRules,
    Delete,
    Finished,
    HandOver,
    KeyOrder,
    MakeKey,
    NeedData,
    Outcome,
    Result,
    Send,
    State,
    StoreCertificate,
    signer,
)
from ctlctl_capf import Credential as Proof
from ctlctl_lab.capfservice import GOODBYE_SECONDS
from ctlctl_lab.capfsession import RECEIVE_BYTES
from ctlctl_lab.capfwork import Left, capf_identity, key_seconds
from ctlctl_lab.loops import LoopThread, Stream
from ctlctl_lab.model import BY_LSC, BY_MIC, BY_STRING, Credential, Node, Phone
from ctlctl_lab.phonemodels import MicCa
from ctlctl_lab.phones import believes_capf, capf_nodes
from ctlctl_lab.tlscontexts import phone_client_context
from ctlctl_lab.world import World
from ctlctl_trust import Certificate, CertificateError, read_certificate

#: Phones that are at CAPF at the same time; more wait for their turn.
MOST_AT_ONCE: Final = 250
#: Lab seconds for connection and handshake.
_CONNECT_SECONDS: Final = 15


class _GoneError(Exception):
    """The phone was reset, or its power was taken away, under the session."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """A phone on its way to CAPF.

    Attributes:
        phone: the phone.
        epoch: its life; when it has another one, this visit is void.
        left: told when it is over.
    """

    phone: Phone
    epoch: int
    left: Left

    @property
    def void(self) -> bool:
        """Whether the phone has begun another life."""
        return self.phone.epoch != self.epoch


class CapfPhones:
    """Takes phones to CAPF; a `ctlctl_lab.capfwork.CapfWay`."""

    def __init__(self, world: World, port: int) -> None:
        """Begin.

        Args:
            world: the world.
            port: number of CAPF's port on every node that has one.
        """
        self._world = world
        self._port = port
        self._loop = LoopThread("lab-capf-phones")
        self._waiting: deque[_Visit] = deque()
        self._there = 0

    @property
    def broken(self) -> bool:
        """Whether a visit ended by a fault of the lab's own."""
        return self._loop.broken

    def start(self) -> None:
        """Begin to take phones there."""
        self._loop.start()

    def stop(self) -> None:
        """End every session."""
        self._loop.stop()

    def visit(self, phone: Phone, left: Left) -> None:
        """Let a phone go to CAPF: see `CapfWay`."""
        world = self._world
        seconds = world.random.uniform(*world.timing.capf) * world.faults.phones_slow

        def go(each: Phone) -> None:
            visit = _Visit(each, each.epoch, left)
            self._loop.spawn(lambda: self._enter(visit))

        world.schedule.after(seconds, go, phone)

    async def _enter(self, visit: _Visit) -> None:
        """Take a phone there, or let it wait; whoever leaves takes the next along."""
        self._waiting.append(visit)
        if self._there >= MOST_AT_ONCE:
            return
        self._there += 1
        try:
            while self._waiting:
                await self._go(self._waiting.popleft())
        finally:
            self._there -= 1

    async def _go(self, visit: _Visit) -> None:
        done = False
        try:
            async with asyncio.timeout(self._world.patience(SESSION_SECONDS)):
                for node in capf_nodes(self._world):
                    outcome = await _PhoneSession(self._world, visit, node).run(self._port)
                    done = outcome is not None and outcome.result is not Result.RETRY_LATER
                    if done:
                        break
        except _GoneError:
            return
        except TimeoutError:
            pass
        world, phone = self._world, visit.phone
        with world.cluster.lock:
            # A scenario may have put another phone of the same name in its place.
            if not visit.void and world.cluster.phones.get(phone.name) is phone:
                if done:
                    phone.typed = ""
                visit.left(phone, done)


class _PhoneSession:
    """One session of one phone with one node."""

    def __init__(self, world: World, visit: _Visit, node: Node) -> None:
        self._world = world
        self._visit = visit
        self._phone = visit.phone
        self._node = node
        self._state: State | None = None
        self._deadline = 0.0
        self._received = 0
        self._key = 0

    async def run(self, port: int) -> Outcome | None:
        """Connect and talk.

        Returns:
            What came of it; None where CAPF cannot be reached, is not believed, or breaks off.

        Raises:
            _GoneError: the phone has gone.
        """
        world, phone = self._world, self._phone
        context = phone_client_context(tls10_only=phone.kind.tls10_only)
        seconds = world.patience(_CONNECT_SECONDS)
        try:
            stream = await Stream.connect((self._node.address, port), phone.address, context, seconds, GOODBYE_SECONDS)
        except OSError:
            return None
        try:
            client = self._client(stream.peer_certificate)
            return None if client is None else await self._talk(client, stream)
        except (CapfPeerError, OSError):
            return None
        finally:
            await stream.close(GOODBYE_SECONDS)

    def _client(self, presented: bytes) -> CapfClient | None:
        """Return the machine that knows what this phone knows; None where it does not believe what is presented."""
        world, phone = self._world, self._phone
        try:
            capf = read_certificate(presented)
        except CertificateError:
            return None
        with world.cluster.lock:
            if self._visit.void:
                raise _GoneError
            if not believes_capf(world, phone, capf):
                return None
            mode = world.cluster.profiles[phone.profile].authentication_mode
            existing = phone.lsc or phone.mic if mode == BY_LSC else phone.mic or phone.lsc
            # Phones with a newer MIC also sign the session with it, where the MIC is what counts (assumed).
            bound = mode == BY_MIC and phone.kind.mic is MicCa.SHA2
            typed, mic, now = phone.typed, phone.mic, datetime.fromtimestamp(world.now(), UTC)
        proves = mode in {BY_LSC, BY_MIC}
        return CapfClient(
            phone.name,
            now,
            password=typed if mode == BY_STRING else "",
            existing=self._proof(existing) if proves and existing is not None else None,
            sudi=self._proof(mic) if bound and mic is not None else None,
            issuers=[capf],
            # Where time runs fast, the two sides of one session read the clock at instants that are far apart.
            rules=ClientRules(
                tolerance=timedelta(seconds=300 + world.cluster.clock.speed * world.timing.capf_patience)
            ),
        )

    def _proof(self, credential: Credential) -> Proof:
        pki = self._world.pki
        kind = CertificateKind.LSC if credential.kind == "LSC" else CertificateKind.MIC
        certificate = pki.phone_certificate(self._phone.certificate_name, credential)
        return Proof(certificate, signer(pki.phone_key(credential.key)), kind)

    async def _talk(self, client: CapfClient, stream: Stream) -> Outcome:
        while True:
            step = client.next_step()
            if self._visit.void:
                raise _GoneError
            match step:
                case Send(data):
                    await stream.send(data)
                    self._state = None
                case NeedData(state, wait):
                    client.receive_data(await self._receive(stream, state, wait.seconds))
                case MakeKey(order):
                    client.key_made(await self._make_key(order))
                case StoreCertificate(certificate):
                    self._store(certificate)
                    client.stored()
                case HandOver():
                    client.handed_over(*self._shown())
                case Delete():
                    client.deleted(done=self._delete())
                case Finished(outcome):
                    return outcome
                case _:
                    assert_never(step)

    async def _receive(self, stream: Stream, state: State, seconds: int) -> bytes:
        if state is not self._state:
            self._state = state
            self._deadline = asyncio.get_running_loop().time() + self._world.patience(seconds)
        async with asyncio.timeout_at(self._deadline):
            data = await stream.reader.read(RECEIVE_BYTES)
        self._received += len(data)
        if self._received > SESSION_BYTES:
            raise ConnectionAbortedError("more than any session takes")
        return data

    async def _make_key(self, order: KeyOrder) -> bytes:
        world = self._world
        with world.cluster.lock:
            self._key = world.pki.pool_number(world.random.getrandbits(16), order.label)
            seconds = key_seconds(world, self._phone, order)
        # The first of a kind is made, or read from a file.
        key = await asyncio.get_running_loop().run_in_executor(None, world.pki.phone_key, self._key)
        await asyncio.sleep(world.cluster.clock.real_seconds(seconds))
        return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    # What is in the phone.

    def _store(self, certificate: Certificate) -> None:
        world, phone = self._world, self._phone
        with world.cluster.lock:
            if self._visit.void:
                raise _GoneError
            phone.lsc = Credential(
                "LSC",
                capf_identity(world, self._node),
                certificate.serial,
                int(certificate.not_before.timestamp()),
                int(certificate.not_after.timestamp()),
                self._key,
                certificate.der,
            )

    def _shown(self) -> tuple[bytes | None, CertificateKind]:
        with self._world.cluster.lock:
            credential = self._phone.credential
        if credential is None:
            return None, CertificateKind.LSC
        proof = self._proof(credential)
        return proof.certificate, proof.kind

    def _delete(self) -> bool:
        with self._world.cluster.lock:
            had, self._phone.lsc = self._phone.lsc is not None, None
        return had
