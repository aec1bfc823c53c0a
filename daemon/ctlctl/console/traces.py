"""Lines of logs that are pasted beside console output: phone consoles and the trace of TVS.

Forms: phones of the 79xx family (``8074: NOT 23:00:22.335499 SECD: words``, the colon or the time may be missing) and
of the 88xx family, and the trace of TVS (``17:10:35.825 | debug words``). Sources: Cisco documents 118893, 118699,
200860 and 213407.
"""

import re
from dataclasses import dataclass

from ctlctl.console.text import ConsoleError, Line, Mismatch, raw_lines, whole

_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{1,9}"
_PHONE = re.compile(rf"\s*([0-9]{{1,9}}):? +([A-Z]{{3}}) +(?:({_TIME}) +)?(\S.*)")
_TVS = re.compile(rf"\s*({_TIME}) +\| +([a-z]{{1,12}}) +(\S.*)")
_CACHE_KEY = " Unique Key used for Caching :: "


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of a log.

    Attributes:
        number: the log's own number (phones), or None.
        level: as printed, such as ``NOT`` or ``debug``.
        time: time of day as printed, or None.
        words: the rest.
        line: number of the line.
    """

    number: int | None
    level: str
    time: str | None
    words: str
    line: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Lines of a log, lines that are none, and lengths that contradict what they are of."""

    lines: tuple[TraceLine, ...]
    unread: tuple[Line, ...]
    mismatches: tuple[Mismatch, ...]


def parse_trace(text: str) -> Trace:
    """Read an excerpt of a phone's console log or of the trace of TVS.

    Raises:
        ConsoleError: the text is too large or holds no line of such a log; nothing else.
    """
    lines: list[TraceLine] = []
    unread: list[Line] = []
    mismatches: list[Mismatch] = []
    for line in raw_lines(text):
        if found := _PHONE.fullmatch(line.text):
            lines.append(TraceLine(int(found[1]), found[2], found[3], found[4], line.number))
        elif found := _TVS.fullmatch(line.text):
            lines.append(TraceLine(None, found[2], found[1], found[3], line.number))
            mismatches.extend(_cache_key(line.number, found[3]))
        elif line.text:
            unread.append(line)
    if not lines:
        if unread:
            raise ConsoleError("a line of a phone's or TVS's log", unread[0].number, unread[0].text)
        raise ConsoleError("a line of a phone's or TVS's log")
    return Trace(tuple(lines), tuple(unread), tuple(mismatches))


def _cache_key(line: int, words: str) -> list[Mismatch]:
    """Hold the length of a cache key (serial number and issuer) against the key; pages fold it behind a semicolon."""
    key, _, stated = words.partition(_CACHE_KEY)[2].rpartition(", length : ")
    length = whole(stated.strip())
    if not key or length is None:
        return []
    lengths = (len(key), len(key.replace("; ", ";")))
    return [] if length in lengths else [Mismatch(line, "the length of the key", length, lengths[0])]
