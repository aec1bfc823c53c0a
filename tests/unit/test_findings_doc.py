import runpy

import pytest

from ctlctl.assess.model import ClusterCode
from ctlctl.explanations_cluster import CLUSTER_EXPLANATIONS
from ctlctl_trust.codes import Code
from support.command import ctlctl
from support.vectors import ROOT


def test_every_cluster_code_is_explained() -> None:
    assert list(CLUSTER_EXPLANATIONS) == list(ClusterCode)
    texts = [text for explanation in CLUSTER_EXPLANATIONS.values() for text in explanation]
    assert all(text.endswith(".") and (text[0] == "`" or text[0].isupper()) for text in texts)


def test_no_code_means_two_things() -> None:
    assert not {code.value for code in Code} & {code.value for code in ClusterCode}


def test_the_page_has_every_code_once() -> None:
    page = runpy.run_path(str(ROOT / "scripts" / "findings_doc.py"))["page"]()
    for code in (*Code, *ClusterCode):
        assert page.count(f"\n### {code.value}\n") == 1
    assert (ROOT / "docs" / "findings.md").read_text(encoding="utf-8") == page, "run `make findings-doc`"


@pytest.mark.parametrize("code", [code.value for code in ClusterCode])
def test_a_cluster_code_is_explained_on_the_command_line(code: str) -> None:
    done = ctlctl("finding", "explain", code)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{code} (cluster)\n")
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_a_code_that_is_almost_right_is_met_with_the_right_one() -> None:
    done = ctlctl("finding", "explain", "stale-clt")
    assert done.code == 2
    assert "stale-ctl" in done.err
