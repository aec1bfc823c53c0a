"""Which certificate a node has for a unit, where several say so: the certificate API, the platform CLI, the database.

The node itself is believed before the database, which learns of a renewal later. But a reading from before a renewal
does not contradict one from after it: then the newer one counts, and nobody is wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ctlctl.assess.seen import Seen
from ctlctl.inventory.words import Source

#: Who is believed first.
_TRUST: Final = (Source.CERTIFICATE_API, Source.PLATFORM_CLI, Source.AXL)
#: Seconds for which two sources must have differed, both looking: Cisco Certificate Change Notification takes minutes
#: to bring a renewal into the database.
SETTLES_SECONDS: Final = 900


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two sources that looked at the same time and saw different certificates of one unit.

    Attributes:
        believed: what the source that is believed first has.
        other: what the other has.
    """

    believed: Seen
    other: Seen


@dataclass(frozen=True, slots=True)
class Choice:
    """What a node has installed, by everybody who says so.

    Attributes:
        installed: the certificate.
        disagreements: with whom it is contested.
        superseded: what others still have from before, and what is therefore not shown.
    """

    installed: Seen
    disagreements: tuple[Disagreement, ...] = ()
    superseded: tuple[Seen, ...] = ()


def choose(rows: Sequence[Seen]) -> Choice:
    """Choose among everything that is listed as a node's own certificate of one unit.

    Args:
        rows: at least one; none from a port.
    """
    by_source: dict[Source, list[Seen]] = {}
    for row in rows:
        by_source.setdefault(row.fact.source, []).append(row)
    # An old row may linger in a source while a new one is replicated.
    words = [_newest(by_source[source]) for source in _TRUST if source in by_source]
    chosen = words[0]
    for word in words[1:]:
        holds = {one.sha256 for one in by_source[word.fact.source]}
        if chosen.sha256 not in holds and not _looked_together(chosen, word) and _is_later(word, chosen):
            chosen = word
    own = by_source[chosen.fact.source]
    contested, superseded = [], []
    for word in words:
        others = by_source[word.fact.source]
        if others is own or any(one.sha256 == chosen.sha256 for one in others):
            superseded += [one for one in others if others is not own and one.sha256 != chosen.sha256]
        elif _looked_together(chosen, word):
            contested.append(Disagreement(chosen, word))
            superseded += [one for one in others if one is not word]
        else:
            superseded += others
    return Choice(chosen, tuple(contested), tuple(superseded))


def _newest(rows: Iterable[Seen]) -> Seen:
    return max(rows, key=lambda one: (one.certificate.not_before, one.fact.last_seen))


def _looked_together(one: Seen, other: Seen) -> bool:
    """Tell whether both were seen during the same time, for long enough to be no renewal under way."""
    return _overlap(one, other) >= SETTLES_SECONDS


def _overlap(one: Seen, other: Seen) -> int:
    return min(one.fact.last_seen, other.fact.last_seen) - max(one.fact.first_seen, other.fact.first_seen)


def _is_later(one: Seen, other: Seen) -> bool:
    return one.fact.first_seen > other.fact.first_seen
