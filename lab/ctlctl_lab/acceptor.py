"""All listening sockets of the lab in one thread, and the threads that serve what they accept.

A listener is open while its node and service are up and no fault switch refuses connections; this is looked at ten
times a second, so that plain assignment to the model is enough.
"""

import selectors
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from ctlctl_lab.dirs import LabError

#: Real seconds between two looks at what should be open.
_TICK = 0.1
#: Connections served at the same time; more wait for their turn.
_WORKERS = 256
#: Connections that may wait to be accepted: a sweep over all phones comes in bursts.
_BACKLOG = 1024
_MAX_DATAGRAM = 65_535


class Connections:
    """The sockets that are being served; closing the lab ends them all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: set[socket.socket] = set()
        self.stopping = Event()

    def add(self, sock: socket.socket) -> None:
        """Put a socket into the set, for the time until somebody serves it."""
        with self._lock:
            self._open.add(sock)

    @contextmanager
    def held(self, sock: socket.socket) -> Iterator[None]:
        """Keep a socket in the set while it is served; close it then."""
        self.add(sock)
        try:
            if not self.stopping.is_set():
                yield
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def end(self) -> None:
        """Wake every thread that waits for a peer."""
        self.stopping.set()
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    # Not SSLSocket.shutdown: it would take the TLS state away under the thread that uses it.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def cut(self, address: object) -> None:
        """Wake every thread that serves a peer on one of our addresses, as `end` does."""
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    if sock.getsockname() == address:
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close those that nobody came to serve."""
        with self._lock:
            for sock in self._open:
                sock.close()
            self._open.clear()


StreamHandler = Callable[[socket.socket], None]
DatagramHandler = Callable[[bytes, tuple[str, int], socket.socket], None]


@dataclass(slots=True, eq=False)
class Listener:
    """Something that listens.

    Attributes:
        what: for messages, such as "lab-pub https".
        address: to bind.
        port: to bind; 0 for any, and then the one that was given.
        wanted: whether it should be open now.
        stream: serves one connection; None for UDP.
        datagram: serves one datagram; None for TCP.
        device: network device to bind to, or None.
        sock: the socket while it is open.
    """

    what: str
    address: str
    port: int
    wanted: Callable[[], bool]
    stream: StreamHandler | None = None
    datagram: DatagramHandler | None = None
    device: str | None = None
    sock: socket.socket | None = field(default=None, repr=False)

    def open(self) -> None:
        """Bind and listen.

        Raises:
            OSError: it cannot be done.
        """
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM)
        try:
            if self.device is not None:
                # Before the bind: at no time is the port open to another device.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.device.encode() + b"\0")
            if self.stream is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((self.address, self.port))
            if self.stream is not None:
                sock.listen(_BACKLOG)
            sock.settimeout(0)
        except OSError:
            sock.close()
            raise
        self.port = sock.getsockname()[1]
        self.sock = sock


class Acceptor:
    """Opens, watches and closes listeners."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.connections = Connections()
        self._selector = selectors.DefaultSelector()
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="lab")
        self._thread: Thread | None = None

    @property
    def broken(self) -> bool:
        """Whether the thread ended by itself; only a fault of the lab's own ends it."""
        return self._thread is not None and not self._thread.is_alive() and not self.connections.stopping.is_set()

    def start(self, listeners: list[Listener]) -> None:
        """Open everything that is wanted and begin to serve.

        Raises:
            LabError: an address or port cannot be had.
        """
        self.listeners = listeners
        for listener in listeners:
            try:
                # Also what is not wanted yet: its port must be free when it is.
                listener.open()
            except OSError as error:
                where = f"{listener.address}:{listener.port}"
                self.stop()
                raise LabError(
                    f"{listener.what}: {where} cannot be had: {error.strerror}; does another lab run? "
                    "Stop it, or give other --address, --phones-address and --phones-port"
                ) from error
            self._selector.register(_socket_of(listener), selectors.EVENT_READ, listener)
        self._adjust()
        self._thread = Thread(target=self._run, name="lab-acceptor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything and wait for the threads."""
        self.connections.end()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.connections.close()
        for listener in self.listeners:
            self._close(listener)
        self._selector.close()

    def _run(self) -> None:
        while not self.connections.stopping.is_set():
            for key, _ in self._selector.select(_TICK):
                self._serve(key.data)
            self._adjust()

    def _adjust(self) -> None:
        for listener in self.listeners:
            wanted = listener.wanted()
            if wanted and listener.sock is None:
                # Somebody else may have taken the port meanwhile; the next look tries again.
                with suppress(OSError):
                    listener.open()
                    self._selector.register(_socket_of(listener), selectors.EVENT_READ, listener)
            elif not wanted and listener.sock is not None:
                here = listener.sock.getsockname()
                self._close(listener)
                # What is off serves nobody, old connections no more than new ones.
                self.connections.cut(here)

    def _close(self, listener: Listener) -> None:
        if listener.sock is not None:
            with suppress(KeyError):
                self._selector.unregister(listener.sock)
            listener.sock.close()
            listener.sock = None

    def _serve(self, listener: Listener) -> None:
        sock = listener.sock
        if sock is None:
            return
        # Whoever asked may have left again, and one round may close what the next was to serve.
        with suppress(OSError):
            if listener.stream is not None:
                accepted, _ = sock.accept()
                self.connections.add(accepted)
                self._pool.submit(self._run_stream, listener.stream, accepted)
            elif listener.datagram is not None:
                data, peer = sock.recvfrom(_MAX_DATAGRAM)
                self._pool.submit(self._run_datagram, listener.datagram, data, peer, sock.getsockname()[0])

    def _run_stream(self, handler: StreamHandler, sock: socket.socket) -> None:
        # A peer that hangs up, or talks nonsense, ends its own connection and nothing else.
        with self.connections.held(sock), suppress(OSError):
            sock.settimeout(None)
            handler(sock)

    def _run_datagram(self, handler: DatagramHandler, data: bytes, peer: tuple[str, int], address: str) -> None:
        # Answers come from a port of their own, so that the well-known one stays free.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, suppress(OSError):
            sock.bind((address, 0))
            sock.connect(peer)
            with self.connections.held(sock):
                handler(data, peer, sock)


def _socket_of(listener: Listener) -> socket.socket:
    if listener.sock is None:
        raise AssertionError("a listener that was opened has its socket")
    return listener.sock


def abort(sock: socket.socket) -> None:
    """Close a connection with a reset, as a host does where nobody listens."""
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
