"""Filters: a word that can mean nothing is a mistake, and no empty list."""

import pytest

from ctlctl.assess.enrolments import EnrolmentStanding
from ctlctl.assess.model import CredentialState, FindingSeverity
from ctlctl.fleet.answers import AnswerError, answer
from ctlctl.fleet.files import SnapshotFiles
from ctlctl.fleet.filters import VOCABULARY, mistake
from ctlctl.metrics.collector import STATUSES


def test_the_words_are_those_that_are_used() -> None:
    assert set(VOCABULARY["phone-list"]["credential"]) == set(CredentialState)
    assert set(VOCABULARY["phone-list"]["registration"]) == {*STATUSES, "none"}
    assert set(VOCABULARY["finding-list"]["severity"]) == set(FindingSeverity)
    assert set(VOCABULARY["capf-enrolments"]["state"]) == set(EnrolmentStanding)


@pytest.mark.parametrize(
    ("ask", "name", "word"),
    [
        ("phone-list", "credential", "mic,None"),
        ("phone-list", "credential", "lsc*"),
        ("phone-list", "registration", "unregistered, Rejected"),
        ("phone-list", "device_pool", "whatever"),
        ("finding-list", "code", "stale-*,lsc-expired"),
        ("finding-list", "severity", ""),
    ],
)
def test_what_can_mean_something(ask: str, name: str, word: str) -> None:
    assert mistake(ask, {name: word}) == ""


@pytest.mark.parametrize(
    ("ask", "name", "word", "said"),
    [
        ("phone-list", "credential", "mic,lcs", "--credential: 'lcs' is none of lsc, lsc-expiring"),
        ("phone-list", "not_taken", "ctls", "--not-taken: 'ctls' is none of ctl, itl"),
        ("finding-list", "severity", "crit", "--severity: 'crit' is none of critical, warning, unknown, info"),
        ("finding-list", "code", "stale-clt", "--code: 'stale-clt' is no code (is stale-ctl meant?)"),
        ("trustlist-list", "verdict", "bad*", "--verdict: 'bad*' is none of valid"),
    ],
)
def test_what_cannot(ask: str, name: str, word: str, said: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert mistake(ask, {name: word}).startswith(said)
    with pytest.raises(AnswerError, match="is no"):
        answer(SnapshotFiles(tmp_path_factory.mktemp("none")), ask, {"cluster": "hq", name: word}, 0)
