"""Writes docs/findings.md from the catalogue; a test fails when the two disagree."""

import sys
from pathlib import Path

from ctlctl.explanations import EXPLANATIONS
from ctlctl_trust.codes import Code, Severity, severity_of

HEAD = """# Findings

Every reason code that `ctlctl verify` prints, in JSON as `findings[].code`. A code never changes its meaning and is
never renamed. An **error** makes a file invalid (exit code 1) or, where it says so, undecided (exit code 3); a
**warning** and an **info** change no verdict. The same text: `ctlctl finding explain CODE`.

*This page is made by `make findings-doc`.*
"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for severity in Severity:
        parts.append(f"\n## {severity.value.capitalize()}s\n")
        for code in Code:
            if severity_of(code) is severity:
                means, so_what, do = EXPLANATIONS[code]
                parts.append(f"\n### {code.value}\n\n{means}\n\n*So what:* {so_what}\n\n*Do:* {do}\n")
    return "".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/findings.md").write_text(page(), encoding="utf-8")
