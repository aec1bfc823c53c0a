"""Writes docs/findings.md from the catalogues; a test fails when they disagree."""

import sys
from pathlib import Path

from ctlctl.assess.model import ClusterCode
from ctlctl.explanations import EXPLANATIONS, Explanation
from ctlctl.explanations_cluster import CLUSTER_EXPLANATIONS
from ctlctl_trust.codes import Code, Severity, severity_of

HEAD = """# Findings

A code never changes its meaning and is never renamed. The same text: `ctlctl finding explain CODE`.

- [Files](#files): every reason code that `ctlctl verify` prints, in JSON as `findings[].code`. An **error** makes a
  file invalid (exit code 1) or, where it says so, undecided (exit code 3); a **warning** and an **info** change no
  verdict.
- [Clusters](#clusters): every reason code of what `ctld` finds wrong with a cluster. How bad it is, critical, warning,
  unknown or info, hangs on the case and stands with each finding. *Unknown* is not *in order*.

*This page is made by `make findings-doc`.*
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD, "\n# Files\n"]
    for severity in Severity:
        parts.append(f"\n## {severity.value.capitalize()}s\n")
        parts += [_entry(code.value, EXPLANATIONS[code]) for code in Code if severity_of(code) is severity]
    parts.append("\n# Clusters\n")
    parts += [_entry(code.value, CLUSTER_EXPLANATIONS[code]) for code in ClusterCode]
    return "".join(parts)


def _entry(code: str, explanation: Explanation) -> str:
    means, so_what, do = explanation
    return f"\n### {code}\n\n{means}\n\n*So what:* {so_what}\n\n*Do:* {do}\n"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/findings.md").write_text(page(), encoding="utf-8")
