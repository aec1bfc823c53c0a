"""What the settings say about rollouts, and what they refuse."""

from pathlib import Path

import pytest

from ctlctl_config import SettingsError, make_cluster
from ctlctl_config.rollout import RolloutSettings, minutes_of_day


def rollout(**table: object) -> RolloutSettings:
    axl = {"host": "h", "username": "u", "password_file": "p", "tls_pin": "AB" * 32}
    cluster = {"timezone": "UTC", "axl": axl, "rollout": table}
    return make_cluster(Path("/x/ctld.toml"), "hq", cluster).rollout


def test_the_defaults_are_those_of_the_documentation() -> None:
    made = rollout()
    assert [(one.days, one.opens, one.closes) for one in made.windows] == [
        (("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "22:00", "04:00")
    ]
    assert (made.canary_sizes, made.batch_size, made.in_flight) == ((10, 50, 200), 250, 64)
    assert (made.approval_days, made.drift_percent, made.second_approver, made.approvers) == (14, 5, False, ())
    assert (made.off_air_seconds, made.capf_rest_days, made.do_not_touch) == ((40, 90), 365, None)


def test_windows_and_files_are_read() -> None:
    made = rollout(
        windows=[{"days": ["sat"], "opens": "00:00", "closes": "24:00"}, {"opens": "23:30", "closes": "05:15"}],
        do_not_touch="hands-off.txt",
    )
    assert [(one.days[0], minutes_of_day(one.opens), minutes_of_day(one.closes)) for one in made.windows] == [
        ("sat", 0, 1440),
        ("mon", 1410, 315),
    ]
    assert made.do_not_touch == Path("/x/hands-off.txt")


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"windows": []}, "windows"),
        ({"windows": [{"opens": "22:00"}]}, "closes: is missing"),
        ({"windows": [{"opens": "24:00", "closes": "04:00"}]}, 'no time of day such as "22:00"'),
        ({"windows": [{"opens": "9:00", "closes": "10:00"}]}, "no time of day"),
        ({"windows": [{"opens": "22:00", "closes": "22:00"}]}, "at the same time of day"),
        ({"windows": [{"days": ["sunday"], "opens": "22:00", "closes": "23:00"}]}, "days"),
        ({"windows": [{"days": [], "opens": "22:00", "closes": "23:00"}]}, "days"),
        ({"canary_sizes": [0]}, "canary_sizes"),
        ({"off_air_seconds": [90, 40]}, "the least is more than the most"),
        ({"drift_percent": 5.5}, "drift_percent"),
        ({"in_flight": 0}, "in_flight"),
        ({"approvers": ["a b"]}, "approvers"),
        ({"batchsize": 3}, "did you mean batch_size?"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(table: dict[str, object], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        rollout(**table)
    assert "clusters.hq.rollout" in str(caught.value)
    assert expected in str(caught.value)
