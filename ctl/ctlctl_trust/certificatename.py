"""Serial number and names of a certificate, read from its DER bytes.

cryptography would give them too, but it warns of serial numbers that are not positive and of attributes longer or
shorter than X.520 allows (a CN over 64 characters, an empty OU). A warning reaches the terminal or, where warnings are
errors, the caller, and it cannot be kept back without changing a setting of the whole process.
"""

from typing import NamedTuple

from ctlctl_trust.names import NamePairs

_INTEGER, _SEQUENCE, _SET, _OID, _VERSION = 0x02, 0x30, 0x31, 0x06, 0xA0
_PRINTABLE_STRING = 0x13
#: Python codec of each string type; T.61 is in practice Latin-1.
_CODECS = {
    0x0C: "utf-8",
    0x12: "ascii",
    _PRINTABLE_STRING: "ascii",
    0x14: "latin-1",
    0x16: "ascii",
    0x1A: "ascii",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
_PRINTABLE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"

_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "T",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
}


class Outline(NamedTuple):
    """Where what stands in a certificate.

    Attributes:
        serial: serial number.
        issuer: issuer name, DER.
        subject: subject name, DER.
    """

    serial: int
    issuer: bytes
    subject: bytes


def read_outline(der: bytes) -> Outline:
    """Read a certificate's serial number, and find its names.

    Raises:
        ValueError: it does not begin as a certificate does.
    """
    _, start, _ = _element(der, 0, _SEQUENCE)
    _, start, _ = _element(der, start, _SEQUENCE)
    if der[start : start + 1] == bytes((_VERSION,)):
        _, _, start = _element(der, start, _VERSION)
    _, content, after = _element(der, start, _INTEGER)
    serial = int.from_bytes(der[content:after], "big", signed=True)
    _, _, issuer = _element(der, after, _SEQUENCE)
    _, _, validity = _element(der, issuer, _SEQUENCE)
    _, _, subject = _element(der, validity, _SEQUENCE)
    _, _, end = _element(der, subject, _SEQUENCE)
    return Outline(serial, der[issuer:validity], der[subject:end])


def read_name(der: bytes) -> NamePairs:
    """Return a Name's attributes in order.

    Args:
        der: the Name, DER.

    Returns:
        (short name or dotted OID, value) pairs; a value that is no text stands in hexadecimal.

    Raises:
        ValueError: it is no Name, or a text is not of its type.
    """
    _, place, end = _element(der, 0, _SEQUENCE)
    pairs: list[tuple[str, str]] = []
    while place < end:
        _, place, after = _element(der, place, _SET, end)
        if place == after:
            raise ValueError("a relative distinguished name is empty")
        while place < after:
            _, content, place = _element(der, place, _SEQUENCE, after)
            _, oid, value = _element(der, content, _OID, place)
            tag, text, stop = _element(der, value, None, place)
            if stop != place:
                raise ValueError("an attribute of a name has more than a type and a value")
            pairs.append((_attribute(der[oid:value]), _text(tag, der[text:stop])))
    return tuple(pairs)


def short_name(dotted: str) -> str:
    """Return the usual short name of an attribute's OID, or the OID."""
    return _SHORT.get(dotted, dotted)


def _element(data: bytes, start: int, wanted: int | None, limit: int | None = None) -> tuple[int, int, int]:
    """Return tag, start of the content and end of the DER element at ``start``."""
    limit = len(data) if limit is None else limit
    if start + 2 > limit:
        raise ValueError("DER ends where an element should begin")
    tag, length = data[start], data[start + 1]
    content = start + 2
    if length & 0x80:
        count = length & 0x7F
        # Four bytes hold any length that MAX_INPUT allows; 0x80 alone is BER.
        if not 1 <= count <= 4:
            raise ValueError("a DER length that is none")
        content += count
        length = int.from_bytes(data[start + 2 : content], "big")
    if content + length > limit:
        raise ValueError("a DER element runs past its container")
    if wanted is not None and tag != wanted:
        raise ValueError(f"DER tag 0x{tag:02x} stands where 0x{wanted:02x} must")
    return tag, content, content + length


def _text(tag: int, value: bytes) -> str:
    codec = _CODECS.get(tag)
    if codec is None:
        return value.hex()
    if tag == _PRINTABLE_STRING and value.translate(None, _PRINTABLE):
        raise ValueError("a PrintableString holds characters that it may not")
    return value.decode(codec)


def _attribute(oid: bytes) -> str:
    known = _KNOWN_OIDS.get(oid)
    return known if known is not None else _dotted(oid)


def _dotted(oid: bytes) -> str:
    # An arc is seldom over 32 bits; one that fills a certificate would take quadratic time to print.
    if not oid or oid[-1] & 0x80 or len(oid) > 64:
        raise ValueError("an object identifier that is none")
    arcs: list[int] = []
    arc = 0
    for byte in oid:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))


def _encoded(dotted: str) -> bytes:
    first, second, *arcs = map(int, dotted.split("."))
    out = bytearray((first * 40 + second,))
    for arc in arcs:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        out += bytes(reversed(septets))
    return bytes(out)


_KNOWN_OIDS = {_encoded(dotted): short for dotted, short in _SHORT.items()}
