"""docs/capf-protocol.md names what there is: rules, codes, waits and states."""

import re
from dataclasses import fields
from pathlib import Path

import ctlctl_capf
from ctlctl_capf import (
    SESSION_BYTES,
    SESSION_SECONDS,
    WAITS,
    Caution,
    ClientRules,
    Command,
    Dialect,
    OriginCode,
    RenewalCode,
    ServerRules,
    State,
)
from ctlctl_capf.frame import MAX_ELEMENTS, MAX_MESSAGE

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "capf-protocol.md").read_text()


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def quoted(text: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", text))


def test_each_rule_is_told_and_nothing_else() -> None:
    rows = section("Where we are stricter") + section("What is not known")
    for kind in (ServerRules, ClientRules, Dialect):
        known = {field.name for field in fields(kind)}
        told = set(re.findall(rf"`{kind.__name__}\.(\w+)", rows))
        told |= {word for word in quoted(rows) if word in known}
        told |= set(re.findall(rf"`{kind.__name__}\((\w+)=", rows))
        assert told <= known
        # How soon a key is announced is no check.
        assert known - told <= {"announce"}


def test_each_code_of_renewal_is_told() -> None:
    text = section("When an LSC is renewed")
    table = {word for line in text.splitlines() if line.startswith("| `") for word in quoted(line.split("|")[1])}
    assert table == {code.value for code in RenewalCode}
    assert {caution.value for caution in Caution} <= quoted(text)
    assert quoted(section("LSC or MIC")) & {code.value for code in OriginCode} == {
        "unproven-manufacturer",
        "unknown-capf",
    }


def test_the_table_of_states_is_told() -> None:
    text = section("Who may say what")
    for state in set(State) - {State.BROKEN}:
        assert re.search(rf"\b{state.value}\b", text), state
    for command in (Command.AUTH_REQUEST, Command.RETRY_LATER, Command.KEY_GENERATE_RESPONSE):
        assert command.name in text


def test_each_number_is_told() -> None:
    text = section("Who may say what")
    told = {int(number) for number in re.findall(r"^\| [^|]+ \| (\d+) \|", text, re.MULTILINE)}
    assert told == {*(wait.seconds for wait in WAITS.values()), SESSION_SECONDS}
    assert f"{MAX_MESSAGE:,} bytes and {MAX_ELEMENTS} elements" in text
    assert f"{SESSION_BYTES // 1024} KiB" in text


def test_public_names_are_there() -> None:
    assert {name for name in ctlctl_capf.__all__ if not hasattr(ctlctl_capf, name)} == set()
    assert not hasattr(ctlctl_capf, "nothing")
