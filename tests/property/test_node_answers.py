"""Whatever a node's Control Center or certificate API answers becomes a value or the one error that says so."""

import json
from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from ctlctl.connectors.certificate_api_json import ShapeError, read_json, read_message, read_snapshot
from ctlctl.connectors.control_center import _read_product, _read_services
from ctlctl.connectors.soap_xml import AnswerError, SoapFaultError
from ctlctl.inventory.collect_services import started_at
from ctlctl_lab.certapi import pem
from support.nodeclients import service_item, status_reply
from support.pki import plan

OWN = pem(plan("pub", "rsa2048-pub").read().der)
GOOD = json.dumps(
    {
        "server": "pub",
        "identities": [{"service": "tomcat", "certificate": OWN, "csr": ""}],
        "trusts": [{"service": "tomcat", "certificate_data": [{"filename": "a.pem", "certificate": OWN}]}],
    }
).encode()
STATUS = status_reply(service_item() + service_item("Cisco Tftp", "Stopped", "-1068")).body

texts = st.text(max_size=20) | st.sampled_from(["tomcat", "tomcat-trust", OWN, OWN + OWN, OWN[:-40], ""])
keys = st.sampled_from(
    [
        *("identities", "trusts", "service", "certificate", "certificate_data", "certificates", "certificateData"),
        *("csr", "filename", "server"),
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=25,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "identities": values | st.lists(st.dictionaries(keys, values, max_size=4), max_size=3),
        "trusts": values | st.lists(st.dictionaries(keys, values, max_size=4), max_size=3),
        "server": values,
    },
)


def outcome(read: Callable[[bytes], object], content: bytes) -> object:
    """Return what reading gives; any other exception is a bug and fails the test."""
    try:
        return read(content)
    except (ShapeError, AnswerError, SoapFaultError) as error:
        return type(error)


@given(answers)
@example({"identities": [{"service": "a", "certificate": OWN}], "trusts": {}})
def test_any_json_is_read_and_what_is_wrong_is_said(answer: dict[str, object]) -> None:
    found = outcome(read_snapshot, json.dumps(answer).encode())
    if "identities" not in answer and "trusts" not in answer:
        assert found is ShapeError
        return
    assert not isinstance(found, type)
    snapshot = read_snapshot(json.dumps(answer).encode())
    for one in snapshot.certificates:
        assert one.der
        assert (one.place == "trust") == one.store.lower().endswith("-trust")
        assert one.store.isprintable()
        assert one.file.isprintable()
    # A list that is not one is never taken for an empty one.
    for key in ("identities", "trusts"):
        if not isinstance(answer.get(key), list):
            assert any(key in each.reason for each in snapshot.unread)


@given(st.binary(max_size=200))
@example(b'"\\')
@example(b"\xef\xbb\xbf{}")
@example(b"1e999999")
def test_junk_is_the_error(content: bytes) -> None:
    assert outcome(read_snapshot, content) is ShapeError
    assert isinstance(read_message(content), str)


@given(st.sampled_from([GOOD, STATUS]), st.data())
def test_a_cut_answer_is_never_a_result(body: bytes, data: st.DataObject) -> None:
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    assert outcome(read_snapshot, cut) is ShapeError
    assert outcome(_read_services, cut) is AnswerError
    assert outcome(_read_product, cut) is AnswerError


@given(
    st.sampled_from([GOOD, STATUS]),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=6)), max_size=4),
)
def test_a_damaged_answer_is_a_result_or_the_error(body: bytes, damage: list[tuple[int, bytes]]) -> None:
    damaged = bytearray(body)
    for place, some in damage:
        damaged[place % len(body) : place % len(body) + len(some)] = some
    for read in (read_json, read_snapshot, _read_services, _read_product):
        outcome(read, bytes(damaged))


@given(
    st.text(max_size=30) | st.datetimes().map(lambda at: f"{at:%a %b %d %H:%M:%S %Y}"),
    st.none() | st.integers(0, 10**19),
    st.floats(1e9, 4e9),
)
def test_any_start_is_none_or_an_instant_that_fits_the_time_it_has_run(said: str, up: int | None, now: float) -> None:
    found = started_at(said, up, now)
    if found is not None:
        assert up is not None
        # Half of the 15 minutes to which the zone is rounded, and the seconds that are cut off.
        assert abs(found - (now - up)) <= 451
