"""Answers of port 8443 that are no SOAP, and how every answer is put together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus

from ctlctl_lab.model import AppAnswer

_XML = "text/xml;charset=utf-8"
_HTML = "text/html;charset=utf-8"
#: Bytes of one piece of a body.
_PIECE = 64 * 1024


@dataclass(slots=True)
class Answer:
    """An answer whose size is known.

    Attributes:
        status: HTTP status.
        pieces: the body.
        content_type: its type.
        headers: others than type and length.
        keep: something that must live until the body is sent.
    """

    status: int
    pieces: list[bytes]
    content_type: str = _XML
    headers: list[tuple[str, str]] = field(default_factory=list)
    keep: object = None

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return sum(map(len, self.pieces))

    def app(self, *, half: bool = False) -> AppAnswer:
        """Return it as the HTTPS server wants it.

        Args:
            half: whether the body is to end halfway, after a header that promises all of it.
        """
        size = self.size
        headers = [("content-type", self.content_type), ("content-length", str(size)), *self.headers]
        return self.status, headers, _send(self.pieces, size // 2 if half else size, self.keep)


def _send(pieces: Iterable[bytes], size: int, _keep: object) -> Iterator[bytes]:
    """Give the first ``size`` bytes, in pieces that a server can write at once."""
    for piece in pieces:
        for start in range(0, len(piece), _PIECE):
            if size <= 0:
                return
            part = piece[start : start + min(_PIECE, size)]
            size -= len(part)
            yield part


def page(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Return one of Tomcat's pages in HTML.

    Args:
        status: HTTP status; 599 is CUCM's own.
        text: what stands behind the status.
        headers: further headers.
    """
    title = f"HTTP Status {status} - {escape(text)}"
    body = (
        f"<!-- custom Cisco error page --><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    )
    return Answer(status, [body.encode()], _HTML, list(headers))


def plain_page(text: str) -> Answer:
    """Return a page that is no error."""
    return Answer(HTTPStatus.OK, [f"<html><body><p>{escape(text)}</p></body></html>".encode()], _HTML)
