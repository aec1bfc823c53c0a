"""TLS servers that tests of probes look at: genuine OpenSSL of any age, and ones that stop in the middle."""

import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from secrets import randbelow

from support.pki import CertificatePlan
from support.programs import require_program
from support.servers import TcpExchange
from support.vectors import OWN

# Seconds in which a program must have opened its port.
_START = 20.0


# Ports that no kernel gives out by itself, so that nobody takes one meanwhile; other ones in each process of a run.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_MANY = 500
_PORTS = (10_000 + _WORKER % 40 * _MANY + each % _MANY for each in count(randbelow(_MANY)))


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on, and that no other test is going to have."""
    for port in islice(_PORTS, _MANY):
        with socket.socket() as sock, suppress(OSError):
            sock.bind((host, port))
            return port
    raise AssertionError("no port is free")


def write_certificate(folder: Path, certificate: CertificatePlan) -> tuple[Path, Path]:
    """Write a certificate as PEM; returns the files of certificate and key."""
    file = folder / f"{certificate.serial:x}.pem"
    file.write_text(ssl.DER_cert_to_PEM_cert(certificate.encode()))
    return file, OWN / "keys" / f"{certificate.key_name}.pem"


@contextmanager
def openssl_server(files: tuple[Path, Path], *options: str) -> Iterator[int]:
    """Run `openssl s_server`; yields its port."""
    openssl = require_program("openssl", "openssl")
    port = free_port()
    certificate, key = files
    process = subprocess.Popen(
        [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-quiet", "-cert", certificate, "-key", key, *options],
        # Its standard input ends a connection when it ends, so it must stay open.
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.communicate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _START
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            assert process.poll() is None, "openssl s_server ended at once"
            assert time.monotonic() < end, "openssl s_server does not start"
            time.sleep(0.02)
        else:
            return


def half_handshake(context: ssl.SSLContext, count: int | None, *, hang_up: bool) -> Callable[[TcpExchange], None]:
    """Make a handler that sends the first ``count`` bytes of its first flight (None: all) and goes no further."""

    def handle(exchange: TcpExchange) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        exchange.sock.settimeout(5)
        incoming.write(exchange.sock.recv(65536))
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            exchange.send(outgoing.read()[:count])
        if not hang_up:
            exchange.stop.wait(30)

    return handle


@contextmanager
def everywhere(context: ssl.SSLContext) -> Iterator[int]:
    """Serve TLS on every address of 127/8, from one socket that only device `lo` reaches; yields its port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        listener.bind(("0.0.0.0", 0))  # noqa: S104 - see above
        with _serving(listener, context, threads=4):
            yield listener.getsockname()[1]


@contextmanager
def serving_at(host: str, port: int, context: ssl.SSLContext) -> Iterator[None]:
    """Serve TLS on a port that is known beforehand."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        with _serving(listener, context, threads=1):
            yield


@contextmanager
def _serving(listener: socket.socket, context: ssl.SSLContext, threads: int) -> Iterator[None]:
    listener.listen(512)
    running = [threading.Thread(target=_serve, args=(listener, context), daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        # Wakes every thread that waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
        for thread in running:
            thread.join(10)


def _serve(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock:
            sock.settimeout(10)
            try:
                with context.wrap_socket(sock, server_side=True) as tls:
                    tls.recv(1)
            except OSError:
                continue
