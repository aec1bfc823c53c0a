"""Fuzz target: the bytes of an HTTP answer, as a node, or whoever answers in its place, sends them."""

import gzip
import socket
import zlib
from random import Random

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.ports import FetchTarget, TlsTrust
from ctlctl.connectors.soap_http import ExchangeError, HttpSession
from support.mutate import ByteMutator

NAME = "http_answer"
INSTRUMENT = ("ctlctl.connectors.soap_http", "ctlctl.connectors.http_body")
#: Bytes.
MAX_LENGTH = 2048

#: Bytes of a body.
_MOST = 1024
#: Seconds; nothing here waits, for whoever answers hangs up.
_SECONDS = 60.0
_FAULTS = frozenset({ConnectorFault.UNREACHABLE, ConnectorFault.PROTOCOL, ConnectorFault.TOO_LARGE})
_PIECES = (
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/0.9 200\r\n",
        b"\r\n\r\n",
        b"\r\n",
        b"\n",
        b"\0",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: " + b"9" * 5000 + b"\r\n"),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffff\r\n",
        b"-5\r\n",
        b"0x5\r\n",
        b"5;a=b\r\n",
    ),
    *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Content-Encoding: gzip, br\r\n"),
    *(
        b"Connection: close\r\n",
        b"a:" + b"b" * 300 + b"\r\n",
        b" folded\r\n",
        b": nothing\r\n",
        b"\xff\xfe: \xe2\x80\xae\r\n",
    ),
)


class _Session(HttpSession):
    """A session whose connection is there already."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(FetchTarget("https", "127.0.0.1", 8443, "axl"), TlsTrust(sha256_pin=bytes(32)), _MOST)
        self._there = sock

    def _connect(self, deadline: object) -> socket.socket:  # type: ignore[override]
        del deadline
        return self._there


def seeds() -> list[bytes]:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
    packed, bomb = gzip.compress(b"hello" * 9, mtime=0), gzip.compress(bytes(200_000), mtime=0)
    bare = zlib.compress(b"hello" * 9)[2:-4]

    def whole(name: str, body: bytes) -> bytes:
        return head + f"Content-Encoding: {name}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    return [
        head + b"Content-Length: 5\r\n\r\nhello",
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        head + b"\r\nuntil the end",
        *(
            whole("gzip", packed),
            whole("deflate", bare),
            whole("deflate", zlib.compress(b"hello")),
            whole("gzip", bomb),
        ),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + head + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"",
    ]


def one_input(data: bytes) -> None:
    """Ask; there is a whole answer within its bound, or the one documented error."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        session = _Session(ours)
        try:
            answer = session.post("/axl/", {"Host": "127.0.0.1"}, b"<x/>", seconds=_SECONDS, repeatable=False)
        except ExchangeError as error:
            assert error.fault in _FAULTS, (error.fault, error.detail)  # noqa: PT017 - no test runner here
            assert error.sent  # noqa: PT017
            assert error.detail.isprintable()  # noqa: PT017
            assert len(error.detail) < 4000  # noqa: PT017
            return
        finally:
            session.close()
    assert b"HTTP/" in data
    assert 0 < answer.status < 1000
    assert len(answer.content) <= _MOST


def mutate(data: bytes, limit: int, random: Random, turn: ByteMutator) -> bytes:
    """Put pieces of answers in, or leave it to ``turn``."""
    if random.random() < 0.5:
        return turn(data, limit)
    place = random.randrange(len(data) + 1)
    return (data[:place] + random.choice(_PIECES) + data[place + random.randrange(8) :])[:limit]
