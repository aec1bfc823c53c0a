"""The words of `ctlctl audit` that leave entries out: since when, and about which phones."""

import re
from datetime import UTC, datetime
from typing import Final

from ctlctl.fleet.answers import AnswerError

_SECONDS: Final = {"min": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"([0-9]{1,6})(min|h|d|w)")
#: Device names of CUCM have letters, digits, dots, dashes and underscores.
_NAME: Final = re.compile(r"[A-Za-z0-9._*?-]{1,128}")
#: Names with commas between them: each is held against every entry.
_MAX_NAMES: Final = 200


def since(text: str, now: float) -> int:
    """Return from which instant on entries are meant, seconds since 1970; 0 for what is before that.

    Args:
        text: an instant as ISO 8601 has it, in UTC where it names no zone, or how long ago: 30min, 2h, 7d, 2w.
        now: the clock, seconds since 1970.

    Raises:
        AnswerError: it is neither.
    """
    ago = _DURATION.fullmatch(text)
    if ago is not None:
        return max(0, int(now) - int(ago[1]) * _SECONDS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return max(0, int(moment.timestamp()))
    except (ValueError, OverflowError):
        raise AnswerError(
            f"--since: {text!r} is neither an instant (2026-11-23T21:00Z, 2026-11-23; UTC where it names no zone) "
            "nor how long ago (30min, 2h, 7d, 2w)"
        ) from None


def phone_patterns(text: str) -> tuple[str, ...]:
    """Return the names that were given, each perhaps with wildcards.

    Raises:
        AnswerError: one of them can be no device's name.
    """
    names = tuple(word.strip() for word in text.split(","))
    if len(names) > _MAX_NAMES:
        raise AnswerError(f"--phone: {len(names)} names; {_MAX_NAMES} at most")
    for name in names:
        if not _NAME.fullmatch(name):
            raise AnswerError(
                f"--phone: {name[:40]!r} is no device name, such as SEP001122334455; it may have * and ?, and several "
                "stand with commas"
            )
    return names
