"""Plans as files: what is written is what is read, and not one byte can be edited without showing."""

import json
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ctlctl.plan.checking import expected_guards
from ctlctl.plan.codec import from_plain, to_plain
from ctlctl.plan.document import PlanFileError, file_name, read_plan, seal
from ctlctl.plan.model import (
    Exclusion,
    ExclusionCode,
    FrozenPhone,
    Guard,
    GuardCode,
    GuardVerdict,
    Plan,
    PlannedWindow,
    SealedPlan,
)
from ctlctl_capf.rollout.model import Limits, Operation, PlannedPhone
from ctlctl_capf.rollout.reasons import Reason, Retry
from support.plancases import NULL, lsc_phone, mic_phone, planned

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TEXT = st.text(max_size=20).filter(str.isprintable)
WORDS = st.none() | TEXT
NAMES = TEXT.filter(lambda name: name != "" and " " not in name)
INSTANTS = st.integers(-(2**53) + 1, 2**53 - 1)


@cache
def small() -> SealedPlan:
    phones = [lsc_phone("SEP1"), lsc_phone("SEP2", device_pool="DP-Köln"), mic_phone("SEP3")]
    return seal(planned("renew", *phones))


def phones() -> SearchStrategy[FrozenPhone]:
    planned_phone = st.builds(
        PlannedPhone,
        NAMES,
        *[TEXT] * 5,
        WORDS,
        WORDS,
        WORDS,
        st.none() | INSTANTS,
        WORDS,
        *[st.none() | st.booleans()] * 2,
        st.booleans(),
    )
    return st.builds(FrozenPhone, planned_phone, TEXT, st.none() | INSTANTS, WORDS, WORDS)


@st.composite
def plans(draw: DrawFn) -> Plan:
    taken = draw(st.lists(phones(), min_size=1, max_size=4, unique_by=lambda one: one.phone.name))
    names = {one.phone.name for one in taken}
    codes = st.sampled_from(ExclusionCode)
    left = draw(st.lists(st.builds(Exclusion, TEXT.filter(lambda name: name not in names), TEXT, codes, TEXT)))
    quiet = st.sampled_from([GuardVerdict.OK, GuardVerdict.WARN])
    operation = draw(st.sampled_from(Operation))
    numbers = st.dictionaries(TEXT, INSTANTS, max_size=3)
    guards = [Guard(code, draw(quiet), draw(TEXT), draw(numbers)) for code in sorted(expected_guards(operation))]
    limits = draw(
        st.builds(
            Limits,
            canaries=st.lists(st.integers(1, 300), max_size=3).map(tuple),
            batch=st.integers(1, 500),
            pace=st.floats(0.01, 5),
            retry=st.dictionaries(st.sampled_from(Reason), st.sampled_from(Retry), max_size=3),
        )
    )
    window = st.builds(
        lambda opens, lasts: PlannedWindow((0, 6), opens, opens + lasts), st.integers(0, 1439), st.integers(1, 1440)
    )
    base = small().plan
    return replace(
        base,
        operation=operation,
        created_at=draw(INSTANTS),
        windows=tuple(draw(st.lists(window, min_size=1, max_size=3))),
        phones_per_minute=draw(st.floats(0.01, 1000) | st.integers(1, 99)),
        phones=tuple(taken),
        left_out=tuple(left),
        guards=tuple(guards),
        limits=limits,
        impact=replace(
            base.impact, phones=len(taken), resets=len(taken), sites=draw(st.dictionaries(TEXT, INSTANTS, max_size=3))
        ),
    )


@unhurried
@given(plans())
def test_what_is_written_is_what_is_read(plan: Plan) -> None:
    sealed = seal(plan)
    again = read_plan(sealed.data)
    assert again == sealed
    assert again.plan == plan
    assert seal(again.plan).data == sealed.data
    assert sealed.data.isascii()
    rollout = again.rollout(plan.created_at)
    assert (rollout.sha256, rollout.phones) == (sealed.sha256, tuple(one.phone for one in plan.phones))


@unhurried
@given(st.integers(0, 10**9), st.integers(0, 255), st.sampled_from(["change", "insert", "delete", "swap"]))
@example(0, 32, "insert")
@example(10**9, 10, "insert")
def test_any_edit_shows(place: int, byte: int, way: str) -> None:
    data = small().data
    place %= len(data)
    edited = {
        "change": data[:place] + bytes([byte]) + data[place + 1 :],
        "insert": data[:place] + bytes([byte]) + data[place:],
        "delete": data[:place] + data[place + 1 :],
        "swap": data[:place] + data[place + 1 : place + 2] + data[place : place + 1] + data[place + 2 :],
    }[way]
    if edited != data:
        with pytest.raises(PlanFileError):
            read_plan(edited)


def test_every_single_bit_counts() -> None:
    data = small().data
    for place in range(0, len(data), 7):
        edited = bytearray(data)
        edited[place] ^= 1 << (place % 8)
        with pytest.raises(PlanFileError):
            read_plan(bytes(edited))


def test_both_hashes_are_shown() -> None:
    data = small().data.replace(b"DP-K", b"DP-B", 1)
    with pytest.raises(PlanFileError) as caught:
        read_plan(data)
    assert small().sha256 in str(caught.value)
    assert "its bytes have" in str(caught.value)


def forged(**changes: object) -> bytes:
    """Return the small plan with other fields and a hash that is right for them, as a forger would write it."""
    document: dict[str, Any] = {**json.loads(small().data), **changes}
    return sealed_by_hand({key: value for key, value in document.items() if value != "gone"})


def sealed_by_hand(document: dict[str, Any]) -> bytes:
    """Write a document by what docs/plan.md says, with nothing of the program's own code."""

    def text(fields: dict[str, Any]) -> bytes:
        def compact(value: object) -> str:
            return json.dumps(value, sort_keys=True, separators=(",", ":"))

        def field(key: str) -> str:
            value = fields[key]
            if key in {"phones", "left_out", "guards"} and value:
                return "[\n" + ",\n".join(compact(one) for one in value) + "\n]"
            return compact(value)

        return ("{\n" + ",\n".join(f'"{key}":{field(key)}' for key in sorted(fields)) + "\n}\n").encode()

    document = {key: value for key, value in document.items() if key != "sha256"}
    return text({**document, "sha256": sha256(text(document)).hexdigest()})


def phone_line(**changes: object) -> list[dict[str, Any]]:
    lines = json.loads(small().data)["phones"]
    lines[0]["phone"].update(changes)
    return list(lines)


class TestForgers:
    def test_the_form_is_the_documented_one(self) -> None:
        assert forged() == small().data

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"schema": "ctlctl.plan/2"}, "its schema is not ctlctl.plan/1"),
            ({"extra": 1}, '"extra" is not known'),
            ({"tool": "gone"}, "tool is missing"),
            ({"tool": 3}, "tool: 3 is not what belongs there"),
            ({"tool": "\x1b[31m"}, "characters that do not show"),
            ({"tool": "x" * 2000}, "too long"),
            ({"created_at": True}, "created_at"),
            ({"created_at": 1.5}, "created_at"),
            ({"created_at": 2**60}, "too large"),
            ({"operation": "explode"}, "none of the words"),
            ({"phones": []}, "it has no phones"),
            ({"phones": {}}, "phones: is no list"),
            ({"phones": phone_line(name="SEP2")}, "twice"),
            ({"phones": phone_line(name="")}, "is no name of a device"),
            ({"phones": phone_line(name="SEP 1")}, "'SEP 1' is no name of a device"),
            ({"phones": phone_line(name="SEP3")}, "left out and in it"),
            ({"phones": phone_line(web="yes")}, "phones number 1, phone, web"),
            ({"phones": phone_line(colour="red")}, '"colour" is not known'),
            ({"phones": phone_line()[:1]}, "other phones than its impact says"),
            ({"windows": [{"days": [7], "opens": 0, "closes": 10}]}, "change windows"),
            ({"windows": [{"days": [0], "opens": 10, "closes": 10}]}, "change windows"),
            ({"windows": [{"days": [0], "opens": 1, "closes": 2}] * 101}, "more than 100 change windows"),
            ({"timezone": "Mars/Olympus"}, "change windows"),
            ({"timezone": "../../etc/passwd"}, "change windows"),
            ({"guards": []}, "its guards are not those of its operation"),
            ({"operation": "delete"}, "its guards are not those of its operation"),
            ({"phones_per_minute": 0}, "rate"),
            ({"deadline_days": -1}, "deadline"),
            (
                {"guards": [{"code": "capf-rest", "verdict": "refuse", "words": "", "numbers": {}, "accepted": False}]},
                "capf-rest refuses it",
            ),
            (
                {"guards": [{"code": "capf-rest", "verdict": "refuse", "words": "", "numbers": {}, "accepted": True}]},
                "accepted that cannot be",
            ),
            (
                {
                    "guards": [
                        {"code": "mic-standby", "verdict": "unknown", "words": "", "numbers": {}, "accepted": False}
                    ]
                },
                "mic-standby refuses it",
            ),
            ({"limits": {**to_plain(Limits()), "batch": 0}}, "limit batch = 0"),  # type: ignore[dict-item]
            ({"limits": {**to_plain(Limits()), "retry": {"late": "never"}}}, "none of the words"),  # type: ignore[dict-item]
        ],
    )
    def test_what_cannot_be_is_refused_though_the_hash_is_right(self, changes: dict[str, object], said: str) -> None:
        with pytest.raises(PlanFileError) as caught:
            read_plan(forged(**changes))
        assert said in str(caught.value)
        assert str(caught.value).isprintable()

    def test_a_field_that_stands_twice(self) -> None:
        data = small().data.replace(b'"tool"', b'"tool":"1",\n"tool"', 1)
        with pytest.raises(PlanFileError, match="stands twice"):
            read_plan(data)

    def test_another_way_to_write_the_same(self) -> None:
        pretty = json.dumps(json.loads(small().data), indent=1).encode()
        with pytest.raises(PlanFileError, match="not as ctlctl writes it"):
            read_plan(pretty)


@unhurried
@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    ).map(lambda value: json.dumps(value).encode())
)
@example(b"[" * 100_000)
@example(b'{"schema":"ctlctl.plan/1","sha256":"x","a":' + b"9" * 5000 + b"}")
@example(b"{" * 500_000)
@example(b'{"schema":NaN}')
@example(b'{"schema":"ctlctl.plan/1","sha256":"x","a":1e999}')
@example(b'{"schema":"ctlctl.plan/1","sha256":"x","a":' + b"[" * 900 + b"]" * 900 + b"}")
def test_any_bytes_are_a_plan_or_one_error(data: bytes) -> None:
    with pytest.raises(PlanFileError):
        read_plan(data)


def test_a_plan_that_could_not_be_read_is_not_written() -> None:
    with pytest.raises(PlanFileError, match="cannot be written"):
        seal(planned("renew", lsc_phone("SEP1", security_profile="x\ny")))


def test_what_was_taken_on_stays_in_the_file() -> None:
    sealed = seal(planned("install", mic_phone(authentication_mode=NULL), accepted=frozenset({"null-string"})))
    (guard,) = [one for one in read_plan(sealed.data).plan.guards if one.code is GuardCode.NULL_STRING]
    assert guard.accepted
    assert file_name(sealed) == f"lsc-install-{sealed.sha256[:6]}.json"


def test_a_plan_from_its_plain_values() -> None:
    assert from_plain(Plan, to_plain(small().plan)) == small().plan
