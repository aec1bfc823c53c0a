"""Which phones are meant: the filters of `ctlctl phone list`, and names from a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ctlctl.assess.words import count
from ctlctl.fleet.answers import AnswerError, answer
from ctlctl.plan.facts import Document
from ctlctl.plan.model import Selection

#: Filters of `ctlctl phone list` that a plan takes.
FILTERS: Final = (
    "name",
    "credential",
    "credential_issuer",
    "security_mode",
    "model",
    "family",
    "device_pool",
    "security_profile",
    "registration",
    "node",
    "capf_status",
    "not_taken",
    "within",
)


class SelectionError(Exception):
    """The selection is refused, or makes no sense; the text says why and what to write instead.

    Attributes:
        usage: whether a word makes no sense; else the selection is refused.
    """

    def __init__(self, words: str, *, usage: bool = False) -> None:
        super().__init__(words)
        self.usage = usage


@dataclass(frozen=True, slots=True)
class Selected:
    """What was selected.

    Attributes:
        phones: documents of the phones that are meant.
        missing: names from the file that no phone has.
        selection: for the plan.
    """

    phones: tuple[Document, ...]
    missing: tuple[str, ...]
    selection: Selection


class _Recorded:
    """The documents as a `ctlctl.fleet.answers.Fleet`, so that filters mean here what they mean there."""

    def __init__(self, cluster: Document, phones: Sequence[Document]) -> None:
        self._cluster = dict(cluster)
        self._phones = phones

    def clusters(self) -> list[dict[str, Any]]:
        return [self._cluster]

    def cluster(self, name: str) -> dict[str, Any] | None:
        return self._cluster if self._cluster.get("name") == name else None

    def phones(self, name: str) -> Iterator[dict[str, Any]]:
        del name
        return (dict(phone) for phone in self._phones)

    def phone(self, name: str, device: str) -> dict[str, Any] | None:
        return next((one for one in self.phones(name) if one.get("name") == device), None)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which phones an operator means.

    Attributes:
        words: filters; those that are not given let every phone through.
        names: device names from a file; None for no file.
        everything: whether all phones of the cluster may be meant.
    """

    words: Mapping[str, str]
    names: tuple[str, ...] | None = None
    everything: bool = False


def select(cluster: Document, phones: Sequence[Document], wanted: Wanted, now: float) -> Selected:
    """Return the phones that are meant.

    Args:
        cluster: its document.
        phones: documents of all of its phones.
        wanted: which.
        now: this instant.

    Raises:
        SelectionError: nothing or everything is meant, or a word makes no sense.
    """
    words = wanted.words
    try:
        found = answer(_Recorded(cluster, phones), "phone-list", {**words, "cluster": str(cluster["name"])}, now)
    except AnswerError as error:
        raise SelectionError(str(error), usage=True) from None
    rows: list[Document] = found["rows"]
    names = None if wanted.names is None else {name.upper(): name for name in wanted.names}
    missing: tuple[str, ...] = ()
    if names is not None:
        rows = [row for row in rows if str(row.get("name")).upper() in names]
        there = {str(phone.get("name")).upper() for phone in phones}
        missing = tuple(sorted(name for upper, name in names.items() if upper not in there))
    if not rows:
        said = ", ".join(f"{name} = {value}" for name, value in sorted(words.items())) or "no filter"
        said += "" if names is None else f", {count(len(names), 'name')} from the file"
        raise SelectionError(f"not one of {count(len(phones), 'phone')} is meant ({said}): see ctlctl phone list")
    if len(rows) == len(phones) and not wanted.everything:
        raise SelectionError(
            f"all {count(len(phones), 'phone')} of the cluster are meant: say so with --all, or filter"
        )
    selection = Selection(
        words=dict(sorted(words.items())),
        listed=None if names is None else len(names),
        everything=wanted.everything,
        matched=len(rows) + len(missing),
        cluster_phones=len(phones),
    )
    return Selected(tuple(rows), missing, selection)
