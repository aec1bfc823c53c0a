"""HTTP/1.1 on a socket that is there already, plain or TLS: what nodes and phones answer with."""

import re
import socket
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import cast

from ctlctl_lab.model import App

#: Real seconds after which an idle connection is closed.
_IDLE_SECONDS = 60
#: Bytes of a request's body; what is larger is not read.
_MAX_BODY = 32 * 1024 * 1024
#: Bytes of a line between two chunks.
_MAX_LINE = 1024
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,8}")
_NODE_HEADER = "x-lab-node"


class _Site:
    """What a handler needs to know; `http.server` calls it the server."""

    def __init__(self, app: App, node: str, now: float) -> None:
        self.app = app
        self.node = node
        self.now = now


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = ""
    sys_version = ""
    timeout = _IDLE_SECONDS
    # Else the last part of an answer waits 40 ms for the client's word that the first has come.
    disable_nagle_algorithm = True
    # One packet for status and headers together: each answer costs one round, as from a genuine server.
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """Tell a client that waits for it to send its body, now and not together with the answer."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def _body(self) -> bytes | None:
        """Read the body of a request, of a known length or in chunks; None where it is too large or neither."""
        if "transfer-encoding" in self.headers:
            chunked = self.headers["transfer-encoding"].strip().lower() == "chunked"
            return self._chunks() if chunked else None
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            return None
        return self.rfile.read(int(length))

    def _chunks(self) -> bytes | None:
        body = bytearray()
        while True:
            # What may stand behind the size has no meaning here.
            size = self.rfile.readline(_MAX_LINE).partition(b";")[0].strip()
            if not _HEXADECIMAL.fullmatch(size) or len(body) + int(size, 16) > _MAX_BODY:
                return None
            if int(size, 16) == 0:
                break
            body += self.rfile.read(int(size, 16))
            if self.rfile.read(2) != b"\r\n":
                return None
        while self.rfile.readline(_MAX_LINE).strip():
            pass  # trailers
        return bytes(body)

    def _serve(self) -> None:
        site = cast("_Site", self.server)
        body = self._body()
        if body is None:
            self.close_connection = True
            self.send_error(413)
            return
        headers = {name.lower(): value for name, value in self.headers.items()} | {_NODE_HEADER: site.node}
        status, answer, pieces = site.app(self.command, self.path, headers, body)
        self.send_response_only(status)
        self.send_header("Date", format_datetime(datetime.fromtimestamp(site.now, UTC), usegmt=True))
        promised = 0
        for name, value in answer:
            self.send_header(name, value)
            if name == "content-length":
                promised = int(value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in pieces:
            self.wfile.write(piece)
            promised -= len(piece)
        # Half an answer ends with the connection; a client that waits for the rest would wait for ever.
        self.close_connection = self.close_connection or promised != 0

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


def serve_http(sock: socket.socket, app: App, node: str = "", now: float = 0.0) -> None:
    """Serve the requests of one connection until the client leaves it idle.

    Args:
        sock: the connection; closed by the caller.
        app: what answers.
        node: name of the node that was addressed.
        now: the server's idea of the time, seconds since 1970.

    Raises:
        OSError: the client left in the middle of something.
    """
    _Handler(sock, sock.getpeername(), cast("socket.socket", _Site(app, node, now)))  # type: ignore[arg-type]


def one_answer(status: int, content_type: str, body: bytes) -> tuple[int, list[tuple[str, str]], list[bytes]]:
    """Return an answer that is there as a whole."""
    return status, [("content-type", content_type), ("content-length", str(len(body)))], [body]
