"""What must hold of any result, whatever the bytes."""

from functools import cache

from ctlctl_trust import Findings, ListReport, severity_of, verify_trust_list
from support.lists import small_draft
from support.vectors import NOW


@cache
def small_report() -> ListReport:
    """Return the report on the small good list; its third record may sign files."""
    return verify_trust_list(small_draft().encode(), NOW)


def hold_findings(findings: Findings, size: int) -> None:
    """Hold what must be true of any findings about a file of ``size`` bytes."""
    assert len(findings.listed) <= 200
    assert findings.total >= len(findings.listed)
    order = [f.severity for f in findings.listed]
    assert order == sorted(order, key=["error", "warning", "info"].index)
    codes = findings.codes
    for finding in findings.listed:
        assert finding.message
        assert len(finding.message) <= 1000
        assert finding.offset is None or 0 <= finding.offset <= size
        assert finding.tag is None or 0 <= finding.tag <= 255
        assert finding.code in codes
    errors = sum(count for code, count in findings.counts if severity_of(code) == "error")
    assert errors <= 200 or all(f.severity == "error" for f in findings.listed)
