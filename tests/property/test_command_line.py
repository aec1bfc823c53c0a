"""The quick reading of a `verify` command line never disagrees with click's."""

import click
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ctlctl.cli import verify as command
from ctlctl.verify.options import VERIFY_OPTIONS, VerifyArguments, parse_quickly

FLAGS = [flag for option in VERIFY_OPTIONS for flag in option.flags]
VALUES = ["text", "json", "sha256", "x.tlv", "-", "", "--", "2026-11-23", "-x", "a b"]


def words() -> SearchStrategy[list[str]]:
    flag = st.sampled_from(FLAGS)
    value = st.sampled_from(VALUES) | st.text(max_size=4)
    joined = st.builds(lambda f, v: f"{f}={v}", flag, value)
    glued = st.builds(lambda f, v: f"{f}{v}", flag, value)
    return st.lists(flag | value | joined | glued | st.just("--help"), max_size=7)


def by_click(line: list[str]) -> VerifyArguments | None:
    """Return what click reads, or None when it refuses or prints help."""
    try:
        context = command.verify.make_context("verify", list(line))
    except (click.ClickException, click.exceptions.Exit):
        return None
    with context:
        # Click alone knows --against: it needs the settings, and so is never read quickly.
        assert context.params.pop("against") is None
        return VerifyArguments(**context.params)


@given(words())
def test_quick_reading_is_clicks_reading(line: list[str]) -> None:
    quick = parse_quickly(line)
    if quick is not None:
        assert quick == by_click(line)


@given(
    st.lists(st.sampled_from(["a.tlv", "b.sgn", "tftp://h/x", "-"]), min_size=1, max_size=3),
    st.sampled_from(VALUES[3:4]),
)
def test_plain_lines_are_read_quickly(targets: list[str], value: str) -> None:
    line = [*targets, "--previous", value, "-o", "json"]
    assert parse_quickly(line) == by_click(line) is not None
