"""TFTP as a node serves it: reads only (RFC 1350), with the options blksize, timeout and tsize (RFC 2347 to 2349)."""

import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_RRQ, _WRQ, _DATA, _ACK, _ERROR, _OACK = 1, 2, 3, 4, 5, 6
_NOT_FOUND, _REFUSED, _ILLEGAL = 1, 2, 4
#: Bytes of a block where nothing was agreed (RFC 1350), and what may be agreed (RFC 2348).
_BLOCK, _LEAST_BLOCK, _MOST_BLOCK = 512, 8, 65_464
#: Real seconds until a packet is sent again where nothing was agreed, and how often it is.
_AGAIN_SECONDS, _TRIES = 1.0, 6
_MAX_DATAGRAM = 65_535


@dataclass(frozen=True, slots=True)
class _Request:
    name: str
    mode: str
    options: dict[str, str] = field(default_factory=dict)


class _Refused(Exception):  # noqa: N818 - an answer, not a failure of ours
    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


def serve_tftp(
    request: bytes, sock: socket.socket, read: Callable[[str], bytes | None], lost: Callable[[], bool]
) -> None:
    """Carry out one request.

    Args:
        request: the datagram that came to the well-known port.
        sock: a socket of the transfer's own, connected to the client.
        read: gives a file by its name, or None.
        lost: decides for each datagram, of either side, whether it gets lost.

    Raises:
        OSError: the client has gone.
    """
    try:
        asked = _parse(request)
    except _Refused as refusal:
        _refuse(sock, refusal.code, str(refusal))
        return
    data = read(asked.name.lstrip("/"))
    if data is None:
        _refuse(sock, _NOT_FOUND, "File not found")
        return
    if asked.mode == "netascii":
        data = data.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")
    _Transfer(sock, lost).send(data, asked.options)


def _refuse(sock: socket.socket, code: int, words: str) -> None:
    sock.send(struct.pack(">HH", _ERROR, code) + words.encode() + b"\0")


def _parse(request: bytes) -> _Request:
    if len(request) < 2:
        raise _Refused(_ILLEGAL, "Illegal TFTP operation")
    code = int.from_bytes(request[:2], "big")
    if code == _WRQ:
        raise _Refused(_REFUSED, "Access violation")
    words = request[2:].split(b"\0")
    if code != _RRQ or len(words) < 3 or words[-1] or not all(word.isascii() for word in words):
        raise _Refused(_ILLEGAL, "Illegal TFTP operation")
    texts = [word.decode() for word in words[:-1]]
    mode = texts[1].lower()
    if mode not in {"octet", "netascii"}:
        raise _Refused(_ILLEGAL, "Illegal TFTP operation")
    options = {name.lower(): value for name, value in zip(texts[2::2], texts[3::2], strict=False)}
    return _Request(texts[0], mode, options)


def _number(options: dict[str, str], name: str, least: int, most: int) -> int | None:
    text = options.get(name, "")
    # An option that makes no sense is left out of the answer, and so not agreed (RFC 2347).
    number = int(text) if text.isdecimal() and len(text) <= 6 else -1
    return number if least <= number <= most else None


class _Transfer:
    def __init__(self, sock: socket.socket, lost: Callable[[], bool]) -> None:
        self._sock = sock
        self._lost = lost

    def send(self, data: bytes, options: dict[str, str]) -> None:
        block = _number(options, "blksize", _LEAST_BLOCK, 999_999)
        seconds = _number(options, "timeout", 1, 255)
        agreed: dict[str, int] = {}
        if block is not None:
            block = agreed["blksize"] = min(block, _MOST_BLOCK)
        if seconds is not None:
            agreed["timeout"] = seconds
        if "tsize" in options:
            agreed["tsize"] = len(data)
        self._sock.settimeout(seconds or _AGAIN_SECONDS)
        if agreed:
            words = b"".join(f"{name}\0{value}\0".encode() for name, value in agreed.items())
            if not self._until_acknowledged(struct.pack(">H", _OACK) + words, 0):
                return
        for number, piece in _blocks(data, block or _BLOCK):
            if not self._until_acknowledged(struct.pack(">HH", _DATA, number) + piece, number):
                return

    def _until_acknowledged(self, packet: bytes, number: int) -> bool:
        for _ in range(_TRIES):
            if not self._lost():
                self._sock.send(packet)
            try:
                if self._acknowledged(number):
                    return True
            except TimeoutError:
                continue
            else:
                return False
        return False

    def _acknowledged(self, number: int) -> bool:
        while True:
            answer = self._sock.recv(_MAX_DATAGRAM)
            if self._lost() or len(answer) < 4:
                continue
            code, block = struct.unpack(">HH", answer[:4])
            if code == _ERROR:
                return False
            # A late acknowledgement of an earlier block calls for nothing (RFC 1123 section 4.2.3.1).
            if code == _ACK and block == number:
                return True


def _blocks(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Give the blocks with their numbers; the last one is shorter than the others, and empty if need be."""
    for index in range(len(data) // size + 1):
        yield (index + 1) & 0xFFFF, data[index * size : (index + 1) * size]
