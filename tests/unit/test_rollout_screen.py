"""What `ctlctl rollout status` draws has its place in 80 columns, however large, long and late a rollout is."""

import re
from typing import Any

import pytest

from ctlctl.fleet.rollouttext import rollout_lines
from ctlctl.service.rolloutdocs import about_rows
from ctlctl_capf.rollout.reasons import Reason
from ctlctl_capf.rollout.rows import PhoneRow, PhoneState

NOW = 1_795_392_000
COLOUR = re.compile(r"\x1b\[\d+m")


def document(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    made: dict[str, Any] = {
        "plan": "27e654",
        "cluster": "headquarters-frankfurt",
        "mode": "running",
        "mode_since": NOW - 900,
        "halt": None,
        "words": "",
        "started_at": NOW - 9999,
        "ended_at": None,
        "stage": 3,
        "canaries": [10, 50, 200],
        "batches": [{"number": 114, "size": 250, "failures": 3, "absent": 0}],
        "bake_until": NOW,
        "window_closes": NOW + 9 * 86_400,
        "counts": {
            "done": 20_412,
            "waiting": 640,
            "to-person": 160,
            "retry-next-window": 1222,
            "overdue": 333,
            "planned": 16_400,
            "cancelled": 112,
        },
        "phones": 40_000,
        "pace": 2.5,
        "throttled": 12_340,
        "baseline": 41_000,
        "registered": 40_990,
        "live": True,
        "hold": "window-ends",
        "trouble": "",
        "deadline": NOW - 1,
        "per_minute": 25.0,
        "measured": True,
        "finish": NOW + 99_999,
        "behind": True,
        "next_window": {"opens": NOW + 5 * 3600, "closes": NOW + 11 * 3600},
        "reasons": {"to-person": {"invalid-authentication-string": 90, "not-registered-again": 40, "same-expiry": 30}},
        "proofs": {"certificate+expiry+registered+status": 20_000},
    }
    return made | changes


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mode": "halted", "halt": "failures", "words": "batch 114: 12 of 250 failed"},
        {"mode": "paused", "words": f"uid 1000 (kim): {'lunch' * 40}"},
        {"trouble": f"AXL cannot be written to (rights): {'x' * 190}"},
        {"finish": None, "behind": False, "cluster": "c" * 40},
        {"hold": "no-window", "window_closes": NOW - 60, "next_window": None},
        {"hold": "preflight", "preflight": f"source-stale {'x' * 90}"},
        {"mode": "halted", "halt": "approval", "words": "older than 14 days", "next_window": None},
    ],
)
def test_no_line_is_too_long(changes: dict[str, Any], colour: bool) -> None:
    lines = [COLOUR.sub("", line) for line in rollout_lines(document(**changes), NOW, colour=colour)]
    assert max(map(len, lines)) <= 80, lines
    text = "\n".join(lines)
    for part in ("20,412 done", "16,400 to go", "12,340 answers throttled", f"· {document(**changes)['mode']}"):
        assert part in text


def test_who_failed_is_named_and_the_next_step_too() -> None:
    rows = tuple(
        PhoneRow(f"SEP{number:04}", state, reason=reason)
        for number, (state, reason) in enumerate(
            [
                (PhoneState.PLANNED, Reason.KEY_GENERATION),
                (PhoneState.PLANNED, None),
                *[(PhoneState.TO_PERSON, Reason.INVALID_LSC)] * 5,
            ]
        )
    )
    halted = {
        "mode": "halted",
        "halt": "failures",
        "words": "6 of 10 failed",
        "stage": 0,
        "phones": 57,
        "counts": {"planned": 52, "to-person": 5},
    }
    *_, last, then, end = lines = list(rollout_lines(document(**halted, **about_rows(rows)), NOW, colour=False))
    text = "\n".join(lines)
    assert "to be tried again  1 key-generation (SEP0000)" in text
    assert "to a person        5 invalid-lsc (SEP0002, SEP0003, SEP0004, …)" in text
    assert "canary 1 of 2" in text
    assert last == "Next: find the cause: ctlctl phone show headquarters-frankfurt SEP0002"
    assert then == "      then ctlctl rollout resume 27e654"
    assert end == "      or   ctlctl rollout abort 27e654"
    assert max(map(len, lines)) <= 80


def test_colour_only_repeats_the_word() -> None:
    (first, *_) = rollout_lines(document(cluster="running"), NOW, colour=True)
    assert first.startswith("27e654  running · \x1b[32mrunning\x1b[0m")


OPENS = r"opens 2026-11-23 05:00Z \(in 5 h\), until 2026-11-23 11:00Z"


def shown(**changes: Any) -> str:  # noqa: ANN401 - any field
    """Return what is drawn, as one line."""
    return " ".join(" ".join(rollout_lines(document(**changes), NOW, colour=False)).split())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hold": "no-window", "window_closes": NOW - 60}, f"waits for the next window, which {OPENS}"),
        ({"hold": "window-ends"}, f"by the end of the window; the next {OPENS}"),
        ({"hold": "full"}, f"next window {OPENS}"),
        ({"mode": "paused", "window_closes": NOW - 60}, f"window the next {OPENS}"),
        ({"mode": "paused"}, r"window ends 2026-12-02 00:00Z \(9 d\)"),
        ({"hold": "full", "next_window": None}, "next window after midnight, by the cluster's clock"),
        ({"mode": "paused", "next_window": None}, "window never closes to a person"),
        (
            {"hold": "no-window", "window_closes": None, "next_window": None},
            r"which is not known: ctlctl plan show FILE .* \[clusters.headquarters-frankfurt.rollout\] windows",
        ),
    ],
)
def test_whatever_waits_for_a_window_says_when_it_opens(changes: dict[str, Any], said: str) -> None:
    assert re.search(said, shown(**changes)), shown(**changes)


@pytest.mark.parametrize(
    ("changes", "waits", "command"),
    [
        ({"mode": "paused", "words": "uid 1000 (kim)"}, "a person", "ctlctl rollout resume 27e654"),
        ({"mode": "halted", "halt": "failures", "words": "12 of 250"}, "a person", "ctlctl rollout resume 27e654"),
        ({"mode": "halted", "halt": "approval"}, "a new approval of the same plan", "ctlctl plan approve FILE"),
        ({"mode": "halted", "halt": "deadline"}, "nothing any more", "or ctlctl rollout abort 27e654"),
        ({"mode": "aborted", "operation": "renew"}, "973 phones at work; no command makes it go on", "plan lsc renew"),
    ],
)
def test_what_stands_still_has_no_end_but_says_what_makes_it_go_on(
    changes: dict[str, Any], waits: str, command: str
) -> None:
    text = shown(**changes)
    assert "finish" not in text
    assert f"waits for {waits}" in text
    assert command in text
    # Whoever carries nothing out obeys nobody either.
    left = shown(**changes, live=False, idle="no thread")
    assert "resume" not in left
    assert "finish" not in left


def test_an_end_that_hangs_on_something_else_says_so() -> None:
    assert "if it goes on now" in shown(hold="preflight", preflight="source-stale lab/ris")
    assert "waits for the preflight: source-stale lab/ris" in shown(hold="preflight", preflight="source-stale lab/ris")
    assert "if it goes on now" not in shown(hold="full")
