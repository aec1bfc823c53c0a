"""What changed between two lists, by certificate and role."""

from collections import Counter
from dataclasses import dataclass

from ctlctl_trust.verify import ListReport


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One record as a comparison sees it: the order of records does not matter, nor their spelling.

    Attributes:
        role_code: FUNCTION code; -1 when missing.
        dns_name: DNSNAME, or "".
        certificate: DER bytes, or b"" for a record without one.
    """

    role_code: int
    dns_name: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class ListDiff:
    """The difference between two lists.

    Attributes:
        removed: records only the first has, each as often as it lacks in the second.
        added: records only the second has.
        kept: how many records both have.
        same_bytes: whether the files are equal byte for byte.
    """

    removed: tuple[Entry, ...]
    added: tuple[Entry, ...]
    kept: int
    same_bytes: bool


def _entries(report: ListReport) -> Counter[Entry]:
    records = () if report.trust_list is None else report.trust_list.records
    return Counter(
        Entry(
            -1 if record.role_code is None else record.role_code,
            record.dns_name or "",
            record.certificate or b"",
        )
        for record in records
    )


def diff_lists(first: ListReport, second: ListReport) -> ListDiff:
    """Compare two verified lists record by record.

    Args:
        first: report on the one list.
        second: report on the other.

    Returns:
        What the second lacks, what it has more, and how many records both have.
    """
    one, other = _entries(first), _entries(second)
    same = (
        first.trust_list is not None
        and second.trust_list is not None
        and first.trust_list.encode() == second.trust_list.encode()
    )
    return ListDiff(
        tuple(sorted((one - other).elements())),
        tuple(sorted((other - one).elements())),
        (one & other).total(),
        same,
    )
