"""How findings speak: numbers before adjectives, names first, an age beside every fact."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

DAY: Final = 86_400
#: Names that a sentence lists before it only counts.
_NAMES_LISTED: Final = 4
#: A round takes a few seconds until what it saw is judged.
_FIRST_SEEN_SECONDS: Final = 10


def moment(instant: int) -> datetime:
    """Return an instant as an aware datetime; one that no calendar has becomes the nearest that one has."""
    try:
        return datetime.fromtimestamp(instant, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC) if instant > 0 else datetime.min.replace(tzinfo=UTC)


def day(instant: int) -> str:
    """Return an instant as "2027-03-01"."""
    found = moment(instant)
    return f"{found.year:04d}-{found.month:02d}-{found.day:02d}"


def minute(instant: int) -> str:
    """Return an instant as "2027-03-01 09:14Z"."""
    found = moment(instant)
    return f"{day(instant)} {found.hour:02d}:{found.minute:02d}Z"


def month(instant: int) -> str:
    """Return the month of an instant as "2027-03"."""
    return day(instant)[:7]


def span(seconds: int) -> str:
    """Return a length of time as a person says it: "40 s", "2 h 10 min", "47 d"."""
    seconds = abs(seconds)
    if not seconds:
        return "less than 1 s"
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    if hours < 48:
        rest = minutes % 60
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{seconds // DAY:,} d"


def ago(now: int, then: int) -> str:
    """Return how long ago something was; an instant ahead of the clock is said to be."""
    if then == now:
        return "just now"
    return f"{span(now - then)} ago" if then <= now else f"{span(then - now)} ahead of this clock"


def lasting(now: int, since: int) -> str:
    """Return for how long something is so, "for 2 h", or that nobody saw it before: it may have begun long ago."""
    return f"for {span(now - since)}" if abs(now - since) >= _FIRST_SEEN_SECONDS else "first seen just now"


def ends(now: int, end: int) -> str:
    """Return "ends 2027-01-09 (47 d)" or "ended 2026-11-01 (22 d ago)"."""
    if end < now:
        return f"ended {day(end)} ({span(now - end)} ago)"
    return f"ends {day(end)} ({span(end - now) if end > now else 'now'})"


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 phone" or "3,912 phones"."""
    if number == 1:
        return f"1 {one}"
    return f"{number:,} {many or one + 's'}"


def listed(names: Iterable[str], limit: int = _NAMES_LISTED) -> str:
    """Return "a, b and c", or the first few and how many more there are."""
    found = list(names)
    if not found:
        return "nothing"
    if len(found) > limit:
        return f"{', '.join(found[:limit])} and {len(found) - limit:,} more"
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def shares(counts: Iterable[tuple[str, int]], limit: int = _NAMES_LISTED) -> str:
    """Return "7962: 180, 8841: 32", the largest first, and how many kinds more there are."""
    found = sorted(counts, key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name}: {number:,}" for name, number in found[:limit])
    return shown if len(found) <= limit else f"{shown} and {len(found) - limit:,} more kinds"
