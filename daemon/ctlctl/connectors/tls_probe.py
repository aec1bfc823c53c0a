"""Looking at what ports present in TLS, collected and not trusted: nodes and phones of any age, one or many thousands.

A handshake is all that is ever done. What comes out of it is a claim of whoever answered, until it is compared with
something that is known otherwise.
"""

import asyncio
import errno
import ipaddress
import os
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from ctlctl.connectors.errors import Place
from ctlctl.connectors.network import Address, Deadline, SocketAddress, connect
from ctlctl.connectors.tls_presented import (
    Look,
    Presented,
    ProbeFault,
    ProbeTarget,
    TlsProbeError,
    say_goodbye,
    wrap,
)

__all__ = [
    "DEFAULT_CONCURRENCY",
    "DEFAULT_PROBE_SECONDS",
    "MAX_CONCURRENCY",
    "Presented",
    "ProbeFault",
    "ProbeTarget",
    "Swept",
    "TlsProbeError",
    "probe",
    "resolves",
    "sweep",
]

# Seconds for one port: a phone's little processor needs one or two (auditors of phone certificates allow 3 to 5).
DEFAULT_PROBE_SECONDS: Final = 5.0
# Ports asked at the same time; what those auditors do.
DEFAULT_CONCURRENCY: Final = 20
# Each costs a descriptor, of which a process has 1,024 unless told otherwise.
MAX_CONCURRENCY: Final = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """The outcome for one port of a sweep.

    Attributes:
        target: The port.
        result: What it presented, or why it did not.
    """

    target: ProbeTarget
    result: Presented | TlsProbeError


_Outcomes: TypeAlias = "queue.SimpleQueue[Swept | BaseException | None]"


def probe(
    host: str, port: int, timeout_seconds: float = DEFAULT_PROBE_SECONDS, *, place: Place | None = None
) -> Presented:
    """Look at one port. Blocks.

    Args:
        host: Name or address.
        port: TCP port.
        timeout_seconds: For connecting and handshake together; looking a name up is not counted.
        place: What an error says about where it comes from.

    Returns:
        What the port presented.

    Raises:
        TlsProbeError: It presented nothing.
    """
    result = _look(ProbeTarget(host, port, place), timeout_seconds)
    if isinstance(result, TlsProbeError):
        raise result
    return result


def resolves(host: str) -> bool:
    """Tell whether a name stands for an address on this machine; an address does."""
    try:
        return bool(_resolve(host, 0))
    except OSError:
        return False


def _look(target: ProbeTarget, seconds: float) -> Presented | TlsProbeError:
    look = Look(target, seconds)
    try:
        addresses = _resolve(target.host, target.port)
        deadline = Deadline(seconds)
        with connect(addresses, deadline) as sock:
            look.connected = True
            with wrap(sock) as tls:
                try:
                    # One time-out for all messages of the handshake together (Python's ssl module).
                    tls.settimeout(deadline.remaining())
                    tls.do_handshake()
                except OSError:
                    look.read(tls)
                    raise
                result = look.completed(tls)
                say_goodbye(tls)
                return result
    except OSError as error:
        return look.ended(error)


def _literal(host: str, port: int) -> tuple[Address, ...]:
    """Return the address where the host is one; no resolver need be asked then."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ()
    if address.version == 4:
        return (Address(socket.AF_INET, (host, port)),)
    # A zone (fe80::1%eth0) is the resolver's to translate.
    return () if "%" in host else (Address(socket.AF_INET6, (host, port, 0, 0)),)


def _resolve(host: str, port: int) -> tuple[Address, ...]:
    if literal := _literal(host, port):
        return literal
    try:
        found: list[tuple[Any, ...]] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a name that IDNA refuses
        raise socket.gaierror(str(error)) from None
    return tuple(dict.fromkeys(Address(family, sockaddr) for family, _, _, _, sockaddr in found))


def sweep(
    targets: Iterable[ProbeTarget],
    *,
    concurrency: int = DEFAULT_CONCURRENCY,
    timeout_seconds: float = DEFAULT_PROBE_SECONDS,
) -> Generator[Swept]:
    """Look at many ports, each once, and give each outcome as soon as it is there, in any order.

    Handshakes go on in a thread of their own while the caller is busy with an outcome, but never far ahead: no more
    than twice ``concurrency`` are under way or wait to be taken. Closing the generator ends every handshake under way
    and closes every connection before it returns.

    Args:
        targets: The ports; taken one by one as they are needed, in that thread, so they may be millions but should not
            be long in coming. Addresses rather than names: a name's look-up counts against its time, and blocks a
            thread.
        concurrency: Connections at the same time.
        timeout_seconds: For each port.

    Yields:
        One outcome for each target.

    Raises:
        ValueError: The concurrency is not 1 to `MAX_CONCURRENCY`, or the time not more than 0.
    """
    if not 1 <= concurrency <= MAX_CONCURRENCY:
        raise ValueError(f"concurrency must be 1 to {MAX_CONCURRENCY}, not {concurrency}")
    if not timeout_seconds > 0:
        raise ValueError(f"timeout_seconds must be more than 0, not {timeout_seconds}")
    return _drain(iter(targets), concurrency, timeout_seconds)


def _drain(targets: Iterator[ProbeTarget], concurrency: int, seconds: float) -> Generator[Swept]:
    work = _Sweep(targets, concurrency, seconds)
    work.start()
    try:
        while (outcome := work.outcomes.get()) is not None:
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
            work.taken()
    finally:
        work.stop()


class _Sweep:
    """A sweep's thread, with an event loop in it that nothing outside ever sees."""

    def __init__(self, targets: Iterator[ProbeTarget], concurrency: int, seconds: float) -> None:
        self.outcomes: _Outcomes = queue.SimpleQueue()
        self._targets = targets
        self._concurrency = concurrency
        self._seconds = seconds
        self._room = asyncio.Semaphore(2 * concurrency)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._main = self._loop.create_task(self._all())
        self._thread = threading.Thread(target=self._run, name="tls-sweep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def taken(self) -> None:
        """Make room for one more."""
        with suppress(RuntimeError):  # the loop is closed: all outcomes are there already
            self._loop.call_soon_threadsafe(self._room.release)

    def stop(self) -> None:
        """End what is under way, and wait until everything is closed."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join()

    def _run(self) -> None:
        last: BaseException | None = None
        try:
            with self._runner:
                self._runner.run(_end_of(self._main))
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the caller takes the next outcome
            last = error
        self.outcomes.put(last)

    async def _all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._concurrency):
                group.create_task(self._work())

    async def _work(self) -> None:
        # All workers share the iterator, in one thread, so it need not be safe for several.
        for target in self._targets:
            await self._room.acquire()
            self.outcomes.put(Swept(target, await _look_async(target, self._seconds)))


async def _end_of(task: "asyncio.Task[None]") -> None:
    try:
        await task
    except BaseExceptionGroup as group:
        # The iterator of targets failed, or this is a bug: one of either is what the caller is told.
        raise group.exceptions[0] from None


async def _look_async(target: ProbeTarget, seconds: float) -> Presented | TlsProbeError:
    look = Look(target, seconds)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            sock = await _connect_async(loop, target)
            look.connected = True
            with sock, wrap(sock) as tls:
                try:
                    await _shake_hands(loop, tls)
                except (OSError, asyncio.CancelledError):  # the latter is how time runs out here
                    look.read(tls)
                    raise
                result = look.completed(tls)
                say_goodbye(tls)
                return result
    except OSError as error:
        return look.ended(error)


async def _connect_async(loop: asyncio.AbstractEventLoop, target: ProbeTarget) -> socket.socket:
    addresses = _literal(target.host, target.port)
    if not addresses:
        addresses = await loop.run_in_executor(None, _resolve, target.host, target.port)
    for index, address in enumerate(addresses, 1):
        sock = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await _greet(loop, sock, address.sockaddr)
        except BaseException as error:
            sock.close()
            if index == len(addresses) or not isinstance(error, OSError):
                raise
        else:
            return sock
    raise socket.gaierror("the name stands for no address")


async def _greet(loop: asyncio.AbstractEventLoop, sock: socket.socket, address: SocketAddress) -> None:
    number = sock.connect_ex(address)
    if number == errno.EINPROGRESS:
        await _ready(loop, sock.fileno(), loop.add_writer, loop.remove_writer)
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        # OSError itself picks the class that belongs to the number.
        raise OSError(number, os.strerror(number))


async def _shake_hands(loop: asyncio.AbstractEventLoop, tls: ssl.SSLSocket) -> None:
    # By number: asyncio would write the socket itself out in words, system calls included, for errors it then drops.
    number = tls.fileno()
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(loop, number, loop.add_reader, loop.remove_reader)
        except ssl.SSLWantWriteError:
            await _ready(loop, number, loop.add_writer, loop.remove_writer)
        else:
            return


async def _ready(
    loop: asyncio.AbstractEventLoop, number: int, add: Callable[..., Any], remove: Callable[..., Any]
) -> None:
    future: asyncio.Future[None] = loop.create_future()
    add(number, _wake, future)
    try:
        await future
    finally:
        # However the wait ends: the number of a closed descriptor is soon another connection's.
        remove(number)


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
