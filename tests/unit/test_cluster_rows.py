"""The verdict on a cluster: unknown is never folded into works."""

import pytest

from ctlctl.cluster.rows import EXIT_CODES, LABELS, WITHOUT, Interface, Row, Status, Verdict, judge


def row(status: Status, *, reachable: bool | None = True) -> Row:
    return Row(interface=Interface.AXL, status=status, message="", reachable=reachable)


@pytest.mark.parametrize(
    ("rows", "verdict", "code"),
    [
        ([row(Status.OK)], Verdict.WORKS, 0),
        ([row(Status.OK), row(Status.WARNING), row(Status.ABSENT, reachable=False)], Verdict.WORKS, 0),
        ([row(Status.OK), row(Status.FAILED, reachable=False)], Verdict.TROUBLE, 1),
        ([row(Status.OK), row(Status.FAILED), row(Status.UNKNOWN)], Verdict.TROUBLE, 1),
        ([row(Status.OK), row(Status.UNKNOWN)], Verdict.UNDECIDED, 3),
        ([row(Status.FAILED, reachable=False), row(Status.UNKNOWN, reachable=None)], Verdict.UNDECIDED, 3),
        ([row(Status.FAILED, reachable=True)], Verdict.TROUBLE, 1),
        ([], Verdict.UNDECIDED, 3),
    ],
)
def test_the_verdict(rows: list[Row], verdict: Verdict, code: int) -> None:
    assert judge(rows) is verdict
    assert EXIT_CODES[verdict] == code


def test_every_interface_has_its_words() -> None:
    assert set(LABELS) == set(WITHOUT) == set(Interface)


def test_what_is_lost_is_said_where_something_is_lost() -> None:
    assert row(Status.OK).to_json()["without"] is None
    assert row(Status.FAILED).to_json()["without"] == WITHOUT[Interface.AXL]
