"""The body of an HTTP answer: within its cap whatever it is packed in, whole or not at all."""

import http.client
import zlib
from collections.abc import Iterator
from typing import Final

from ctlctl.connectors.ports import printable

# Bytes asked of the connection at once.
READ_BYTES: Final = 64 * 1024
# zlib's window setting that reads gzip only, and zlib or raw deflate (RFC 9110 section 8.4.1).
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


class TooLargeError(Exception):
    """An answer has more bytes than it may have; the text says how many."""


class BadAnswerError(Exception):
    """An answer that is no HTTP as it should be; the text says why."""


def read_body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """Read the whole body of an answer.

    Args:
        response: The answer, its headers read.
        max_bytes: Bytes it may have, after decompression.

    Raises:
        TooLargeError: It has more.
        BadAnswerError: It ended early, or is packed in a way that was never asked for.
        OSError: The connection broke.
    """
    announced = _announced_length(response)
    if announced is not None and announced > max_bytes:
        raise TooLargeError(f"the server announces {announced} bytes, more than the {max_bytes} allowed")
    parts = _raw_parts(response, announced)
    encodings = [
        token
        for value in response.headers.get_all("Content-Encoding", [])
        for token in (word.strip().lower() for word in value.split(","))
        if token not in {"", "identity"}
    ]
    match encodings:
        case []:
            pass
        case ["gzip" | "x-gzip" | "deflate"]:
            parts = _inflated(parts, is_gzip=encodings != ["deflate"], max_bytes=max_bytes)
        case _:
            shown = printable(", ".join(encodings))
            raise BadAnswerError(f"the answer is encoded in a way never asked for: {shown}")
    content = bytearray()
    for part in parts:
        content += part
        if len(content) > max_bytes:
            raise TooLargeError(f"the answer has more than the {max_bytes} bytes allowed")
    return bytes(content)


def _announced_length(response: http.client.HTTPResponse) -> int | None:
    values = {value.strip() for value in response.headers.get_all("Content-Length", [])}
    if not values or response.chunked:  # chunks win over a length: RFC 9112 section 6.3
        return None
    text = values.pop()
    if values or not (text.isascii() and text.isdigit()):
        raise BadAnswerError(f"the answer has no usable Content-Length: {printable(text, 40)}")
    # Numbers of absurd length are too large either way, and Python refuses to read the longest.
    return int(text[:20])


def _raw_parts(response: http.client.HTTPResponse, announced: int | None) -> Iterator[bytes]:
    total = 0
    while part := response.read(READ_BYTES):
        total += len(part)
        yield part
    if announced is not None and total != announced:
        raise BadAnswerError(f"half an answer: {announced} bytes were announced and {total} came")


def _inflated(parts: Iterator[bytes], *, is_gzip: bool, max_bytes: int) -> Iterator[bytes]:
    """Decompress; a part is never larger than the file may be (plus 1), whatever a bomb would make of it."""
    inflater = None
    for part in parts:
        if inflater is None:
            inflater = zlib.decompressobj(_GZIP_WINDOW if is_gzip else _deflate_window(part))
        pending = part
        while pending and not inflater.eof:
            try:
                yield inflater.decompress(pending, max_bytes + 1)
            except zlib.error:
                raise BadAnswerError("the compressed answer is damaged") from None
            pending = inflater.unconsumed_tail
        if pending or inflater.unused_data:
            raise BadAnswerError("something follows the end of the compressed answer")
    if inflater is not None and not inflater.eof:
        raise BadAnswerError("half an answer: its compressed form ended early")


def _deflate_window(start: bytes) -> int:
    # "deflate" means zlib's format, but some servers send the bare stream; zlib's first byte says 8 in its low
    # half, and its first two are a multiple of 31 (RFC 1950 section 2.2).
    is_zlib = len(start) >= 2 and start[0] & 0x0F == 8 and int.from_bytes(start[:2], "big") % 31 == 0
    return zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS
