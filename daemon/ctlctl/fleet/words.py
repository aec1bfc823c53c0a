"""Numbers and instants as a person reads them; unknown is written out."""

from datetime import UTC, datetime
from typing import Final

_STEPS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


def span(seconds: float) -> str:
    """Return a length of time: "2 min", "5 h", "47 d"; what is shorter than a second counts as one."""
    for size, unit in _STEPS:
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{int(seconds // size)} {unit}"
    return f"{max(1, int(seconds))} s"


def ago(then: int | None, now: float) -> str:
    """Return how long ago something was, "never" for None."""
    if then is None:
        return "never"
    return f"{span(max(0.0, now - then))} ago"


def left(then: int | None, now: float) -> str:
    """Return how long something lasts: "47 d", "ended 3 d ago"."""
    if then is None:
        return "unknown"
    return span(then - now) if then > now else f"ended {span(now - then)} ago"


def day(then: int | None) -> str:
    """Return a day, "unknown" for None."""
    return "unknown" if then is None else f"{datetime.fromtimestamp(then, UTC):%Y-%m-%d}"


def minute(then: int | None) -> str:
    """Return an instant to the minute, UTC; "unknown" for None."""
    return "unknown" if then is None else f"{datetime.fromtimestamp(then, UTC):%Y-%m-%d %H:%MZ}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: "1 phone", "4,107 phones"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
