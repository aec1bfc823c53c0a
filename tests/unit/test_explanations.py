from pathlib import Path

import pytest

from ctlctl.explanations import EXPLANATIONS
from ctlctl_trust.codes import Code
from support.command import ctlctl
from support.vectors import ROOT


def test_every_code_is_explained() -> None:
    assert EXPLANATIONS.keys() == set(Code)
    assert all(text.endswith((".", "`.")) for explanation in EXPLANATIONS.values() for text in explanation)


def test_the_page_is_what_the_catalogue_says(tmp_path: Path) -> None:
    import runpy  # noqa: PLC0415 - only here

    page = runpy.run_path(str(ROOT / "scripts" / "findings_doc.py"))["page"]()
    written = tmp_path / "findings.md"
    written.write_text(page, encoding="utf-8")
    assert (ROOT / "docs" / "findings.md").read_text(encoding="utf-8") == page, "run `make findings-doc`"


@pytest.mark.parametrize("code", [code.value for code in Code])
def test_finding_explain(code: str) -> None:
    done = ctlctl("finding", "explain", code)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{code} (")
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_an_unknown_code_is_a_usage_error() -> None:
    done = ctlctl("finding", "explain", "no-such-code")
    assert (done.code, done.out) == (2, "")
