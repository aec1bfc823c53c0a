"""Patience after a renewal that failed, also of a clock that was wrong for a while."""

from datetime import UTC, datetime, timedelta

import pytest

from ctlctl.enroll.renewing import LONGEST_WAIT, History, is_turn
from ctlctl_capf.renewal import Decision, RenewalCode, Verdict

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
END = NOW + timedelta(days=30)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("retry_at", "turn"),
    [
        (None, True),
        (NOW, True),
        (NOW + SECOND, False),
        (NOW + LONGEST_WAIT, False),
        # Nobody waits that long: it was written while the clock was years ahead.
        (NOW + LONGEST_WAIT + SECOND, True),
        (NOW + timedelta(days=3650), True),
    ],
)
def test_an_attempt_waits_for_its_time_and_for_no_time_of_a_wrong_clock(
    retry_at: datetime | None, *, turn: bool
) -> None:
    due = Decision(Verdict.DUE, RenewalCode.IN_WINDOW, "it ends soon", end=END)
    assert is_turn(due, END, History(failures=1, retry_at=retry_at), NOW) is turn
