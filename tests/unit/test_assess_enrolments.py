"""Certificates of users, judged: how bad, and what is no finding yet."""

import pytest

from ctlctl.assess.enrolments import AT_WORK, MISSING, PASSING, EnrolmentStanding, state_of
from ctlctl.assess.model import ClusterCode
from ctlctl.enroll.errors import EnrollFault
from ctlctl.inventory.enrolments import EnrolmentFact
from support.assesscases import Case
from support.enrolmentcases import (
    ENROLMENT_CASES,
    ENROLMENT_NEAR_MISSES,
    ENROLMENT_OTHERS,
    due,
    enrolment,
    failing,
    unread,
)
from support.smallsnapshot import NOW, codes, found, healthy

ENROLMENT_CODES = set(ENROLMENT_CASES)


@pytest.mark.parametrize(("code", "case"), ENROLMENT_OTHERS)
def test_it_is_as_bad_as_it_is(code: ClusterCode, case: Case) -> None:
    findings = found(case.snapshot())
    assert [key for key in findings if ClusterCode(key[0]) in ENROLMENT_CODES] == [(code.value, case.subject)]
    finding = findings[code.value, case.subject]
    assert finding.severity is case.severity
    assert case.says in finding.summary


@pytest.mark.parametrize(("code", "case"), ENROLMENT_NEAR_MISSES)
def test_nothing_is_said_for_what_is_almost_that(code: ClusterCode, case: Case) -> None:
    assert code not in codes(case.snapshot())


def test_each_credential_has_a_finding_of_its_own() -> None:
    three = (due(-1, name="a"), due(-1, name="b"), enrolment("c"))
    assert {subject for _, subject in found(healthy(enrolments=three))} == {"a", "b"}


@pytest.mark.parametrize(
    ("fact", "standing"),
    [
        (enrolment(), EnrolmentStanding.FRESH),
        (due(60), EnrolmentStanding.DUE),
        (failing(60, "silent"), EnrolmentStanding.FAILING),
        (due(60, verdict="refused"), EnrolmentStanding.REFUSED),
        (due(0), EnrolmentStanding.EXPIRED),
        (unread("no-credential", "none"), EnrolmentStanding.MISSING),
        (unread("usage", "no"), EnrolmentStanding.UNKNOWN),
    ],
)
def test_how_it_stands(fact: EnrolmentFact, standing: EnrolmentStanding) -> None:
    assert state_of(fact, NOW) is standing


def test_the_faults_that_are_told_apart_are_those_of_enrolment() -> None:
    assert {AT_WORK, *MISSING, *PASSING} <= {fault.value for fault in EnrollFault}
