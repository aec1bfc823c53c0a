"""Reading SOAP answers: whatever bytes come, the result is what it should be or one of two errors."""

import re
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from ctlctl.connectors import axl_readers as readers
from ctlctl.connectors.axl_phones import PhoneMaker, read_lsc
from ctlctl.connectors.axl_values import CapfUserKind
from ctlctl.connectors.ris import _read as read_ris
from ctlctl.connectors.soap_xml import (
    MAX_MARKS,
    AnswerError,
    SoapFault,
    SoapFaultError,
    read_answer,
    read_fault,
    read_items,
)
from support.soap import ENVELOPE, answer, envelope, fault

# A loaded machine may take its time: what is proved here has nothing to do with speed.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

ITEMS = answer("listPhone", '<phone uuid="{A}"><name>a &amp; b</name><model/></phone><phone><name>c</name></phone>')
CONVERT: dict[str, Callable[[etree._Element], object]] = {
    "phone": PhoneMaker({}, {}),
    "phoneSecurityProfile": readers.security_profile,
    "applicationUserCapfProfile": partial(readers.capf_profile, CapfUserKind.APPLICATION_USER),
    "endUserCapfProfile": partial(readers.capf_profile, CapfUserKind.END_USER),
    "processNode": readers.process_node,
    "processNodeService": readers.node_service,
    "callManager": readers.callmanager,
    "callManagerGroup": readers.callmanager_group,
    "devicePool": readers.device_pool,
    "srst": readers.srst,
    "sipTrunk": readers.sip_trunk,
    "gateway": readers.gateway,
    "serviceParameter": readers.parameter,
    "tvsCertificate": readers.tvs_certificate,
    "change": readers.change,
    "row": readers.flat,
}
TAGS = sorted(
    {
        *("name", "model", "members", "member", "priority", "callManagerName", "roles", "role", "roleName", "port"),
        *("services", "service", "serviceName", "timeToLive", "isSecure", "changedTags", "changedTag", "action"),
        *("deviceSecurityMode", "keySize", "uuid", "type", "lscvaliduntil", *CONVERT),
    }
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20) | st.sampled_from(
    ["0", "-1", "99999999999999999999999", "1_0", "true", "t", "Encrypted", "٣"]
)
attributes = st.dictionaries(st.sampled_from(["uuid", "type", "name"]), texts, max_size=2)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> etree._Element:
    made = etree.Element(draw(st.sampled_from(TAGS)), draw(attributes))
    made.text = draw(texts | st.none())
    if draw(st.integers(0, 9)) == 0:
        made.set("{http://www.w3.org/2001/XMLSchema-instance}nil", "true")
    if depth:
        for _ in range(draw(st.integers(0, 4))):
            made.append(etree.Comment("said") if draw(st.integers(0, 9)) == 0 else draw(elements(depth - 1)))
    return made


def bare(element: etree._Element) -> bytes:
    return etree.tostring(element, encoding="utf-8", with_tail=False)


@unhurried
@given(st.sampled_from(sorted(CONVERT)), elements())
def test_any_item_becomes_a_value(item: str, element: etree._Element) -> None:
    element.tag = item
    inside = bare(element).decode()
    body = envelope(f'<n:xResponse xmlns:n="y"><return>{inside}</return></n:xResponse>')
    values = read_items(body, "x", item, CONVERT[item])
    assert values
    for value in values:
        assert value is not None
        repr(value)


@unhurried
@given(elements())
def test_any_device_list_becomes_a_value(element: etree._Element) -> None:
    nodes, devices, total = read_ris(
        envelope(
            "<selectCmDeviceResponse><selectCmDeviceReturn><SelectCmDeviceResult><CmNodes><item><CmDevices><item>"
            f"<IPAddress>{bare(element).decode()}</IPAddress>{bare(element).decode()}</item></CmDevices></item>"
            "</CmNodes></SelectCmDeviceResult></selectCmDeviceReturn></selectCmDeviceResponse>"
        )
    )
    assert (len(nodes), len(devices), total) == (1, 1, None)


def outcome(content: bytes) -> list[object]:
    """Return what reading gives; any other exception is a bug and fails the test."""
    results: list[object] = []
    for read in (
        lambda: read_items(content, "listPhone", "phone", CONVERT["phone"]),
        lambda: bare(read_answer(content, "listPhone")),
        lambda: read_fault(content),
        lambda: read_ris(content),
    ):
        try:
            results.append(read())
        except (AnswerError, SoapFaultError) as error:
            results.append(type(error))
    return results


@unhurried
@given(st.binary(max_size=300))
@example(b"")
@example(b"\xff\xfe<\0a\0/\0>\0")
def test_junk_is_one_of_the_errors(content: bytes) -> None:
    assert outcome(content) == [AnswerError, AnswerError, None, AnswerError]


@unhurried
@given(st.sampled_from([ITEMS.body, fault("x", 5007).body]), st.data())
def test_a_cut_answer_is_never_a_result(body: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(body) - 1))
    assert outcome(body[:end]) == [AnswerError, AnswerError, None, AnswerError]


@unhurried
@given(st.lists(st.tuples(st.integers(0, len(ITEMS.body) - 1), st.binary(min_size=1, max_size=6)), max_size=4))
def test_a_damaged_answer_is_a_result_or_one_of_the_errors(damage: list[tuple[int, bytes]]) -> None:
    body = bytearray(ITEMS.body)
    for place, some in damage:
        body[place : place + len(some)] = some
    outcome(bytes(body))


@unhurried
@given(st.text(max_size=40), st.text(max_size=40), st.integers() | st.text(max_size=8))
def test_faults_are_read_with_whatever_they_say(code: str, words: str, number: int | str) -> None:
    made = etree.Element(f"{{{ENVELOPE}}}Envelope")
    inside = etree.SubElement(etree.SubElement(made, f"{{{ENVELOPE}}}Body"), f"{{{ENVELOPE}}}Fault")
    detail = etree.Element("detail")
    parts = {"faultcode": code, "faultstring": words, "axlcode": str(number), "axlmessage": words}
    error = etree.SubElement(detail, "axlError")
    for name, text in parts.items():
        part = etree.SubElement(inside if name.startswith("fault") else error, name)
        part.text = re.sub(r"[^\x20-\ud7ff\ue000-\ufffd]", "", text)
    inside.append(detail)
    found = read_fault(etree.tostring(made))
    assert isinstance(found, SoapFault)
    assert found.words
    assert found.axl_code is None or isinstance(found.axl_code, int)


@given(st.dictionaries(st.sampled_from(["lscvaliduntil", "lscissuername", "lscissuervaliduntil"]), texts))
def test_an_lsc_that_the_database_does_not_know_is_none(row: dict[str, str]) -> None:
    until, issuer, issuer_until = read_lsc(row)
    assert until != 0
    assert issuer_until != 0
    assert issuer != ""


# Documents that want more than they should.

BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
OUTSIDE = "file:///etc/hostname"


@pytest.mark.parametrize(
    "prolog",
    [
        f'<!DOCTYPE x [<!ENTITY e0 "boom">{BOMB}]>',
        f'<!DOCTYPE x [<!ENTITY e11 SYSTEM "{OUTSIDE}">]>',
        f'<!DOCTYPE x SYSTEM "{OUTSIDE}">',
        '<!DOCTYPE x PUBLIC "-//x" "http://127.0.0.1:1/x.dtd">',
        f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{OUTSIDE}"> %p;]>',
        '<!DOCTYPE x [<!ATTLIST phone name CDATA "made up">]>',
        "<!-- <a/> --><!DOCTYPE x>",
        "<?a <b?><!DOCTYPE x>",
    ],
)
@pytest.mark.parametrize("inside", ["&e11;", ""])
def test_document_types_are_refused_before_anything_is_read(prolog: str, inside: str) -> None:
    body = ITEMS.body.replace(b"?>", b"?>" + prolog.encode(), 1).replace(b"a &amp; b", inside.encode())
    with pytest.raises(AnswerError, match=r"document type \(DTD\)"):
        read_items(body, "listPhone", "phone", CONVERT["phone"])
    with pytest.raises(AnswerError, match=r"document type \(DTD\)"):
        read_answer(body, "listPhone")
    assert read_fault(body) is None


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7", "cp037"])
def test_no_other_encoding_hides_one(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE x [<!ENTITY e "boom">]><x>&e;</x>'
    assert outcome(text.encode(encoding)) == [AnswerError, AnswerError, None, AnswerError]


def test_entities_that_nobody_declared_are_an_error() -> None:
    assert outcome(ITEMS.body.replace(b"&amp;", b"&boom;")) == [AnswerError, AnswerError, None, AnswerError]


def test_a_document_type_in_a_text_is_a_text() -> None:
    body = ITEMS.body.replace(b"a &amp; b", b"&lt;!DOCTYPE x&gt;")
    assert read_items(body, "listPhone", "phone", CONVERT["phone"])[0] is not None


def test_an_answer_of_nothing_but_tags_and_attributes_is_not_parsed() -> None:
    """Parsed, it would take many times its size."""
    fillings = [b"<a/>" * MAX_MARKS, b"<a " + b"b='' " * MAX_MARKS + b"/>", b"<a b='c'/>" * (MAX_MARKS // 2)]
    for filling in fillings:
        body = ITEMS.body.replace(b"<phone", filling + b"<phone", 1)
        assert outcome(body) == [AnswerError, AnswerError, None, AnswerError]
        with pytest.raises(AnswerError, match="tags and attributes"):
            read_answer(body, "listPhone")


@pytest.mark.parametrize("deep", [300, 100_000])
def test_depth_is_limited(deep: int) -> None:
    body = ITEMS.body.replace(b"<phone", b"<a>" * deep + b"</a>" * deep + b"<phone", 1)
    assert outcome(body) == [AnswerError, AnswerError, None, AnswerError]


def test_one_text_may_not_be_endless() -> None:
    body = ITEMS.body.replace(b"a &amp; b", b"x" * 11_000_000)
    assert outcome(body)[0] is AnswerError
