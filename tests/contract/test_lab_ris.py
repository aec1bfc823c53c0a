"""RIS against the real WSDL, and the WSDL that the lab publishes against it."""

import pytest
from lxml import etree

from ctlctl_lab.soap.ris_types import ENUMS, TYPES, wsdl
from support.labhttp import (
    RIS_PATH,
    Lab,
    Reply,
    check_ris,
    make_world,
    ris_criteria,
    ris_envelope,
    ris_schema,
    ris_wsdl,
)

XSD = "{http://www.w3.org/2001/XMLSchema}"
ONE, OTHER = "SEP001100000000", "SEP001100000001"


@pytest.fixture
def lab() -> Lab:
    return Lab(make_world())


@pytest.mark.parametrize("ext", [True, False])
@pytest.mark.parametrize("names", [(), ("*",), (ONE,), (ONE, OTHER, "SEPFFFFFFFFFFFF"), ("SEPFFFFFFFFFFFF",)])
def test_answers_follow_the_wsdl(lab: Lab, names: tuple[str, ...], *, ext: bool) -> None:
    reply = lab.ris(ris_criteria(*names), ext=ext)
    assert reply.status == 200
    check_ris(reply)


def test_answers_about_odd_nodes_follow_the_wsdl(lab: Lab) -> None:
    check_ris(lab.ris(ris_criteria(node="no such node")))
    lab.cluster.nodes["lab-sub1"].up = False
    check_ris(lab.ris(ris_criteria()))


def test_answers_with_a_state_follow_the_wsdl(lab: Lab) -> None:
    first = lab.ris(ris_criteria(limit=5))
    state = first.operation.findtext(".//{*}StateInfo") or ""
    check_ris(lab.ris(ris_criteria(limit=5), state=state))
    everything = lab.ris(ris_criteria()).operation.findtext(".//{*}StateInfo") or ""
    reply = lab.ris(ris_criteria(), state=everything)
    assert reply.operation.findtext(".//{*}NoChange") == "true"
    check_ris(reply)


def test_a_phone_without_anything_follows_the_wsdl(lab: Lab) -> None:
    phone = lab.cluster.phones[ONE]
    phone.description = phone.load = ""
    phone.status = "Unknown"
    check_ris(lab.ris(ris_criteria(ONE)))


def test_what_tests_send_follows_the_wsdl() -> None:
    body = ris_envelope("selectCmDeviceExt", ris_criteria(ONE))
    check_ris(Reply(200, {}, body))


def _elements(schema: etree._Element, name: str) -> list[tuple[str | None, ...]]:
    found = schema.find(f"{XSD}complexType[@name='{name}']/{XSD}sequence")
    assert found is not None, name
    return [
        (
            each.get("name"),
            (each.get("type") or "").partition(":")[2],
            each.get("nillable"),
            each.get("minOccurs"),
            each.get("maxOccurs"),
        )
        for each in found
    ]


def test_the_wsdl_of_the_lab_has_the_types_of_the_real_one() -> None:
    real = etree.parse(ris_wsdl()).find(f".//{XSD}schema")
    own = etree.fromstring(wsdl("https://localhost:8443/")).find(f".//{XSD}schema")
    assert real is not None
    assert own is not None
    for name in TYPES:
        assert _elements(own, name) == _elements(real, name)
    for name in ENUMS:
        path = f"{XSD}simpleType[@name='{name}']/{XSD}restriction/{XSD}enumeration"
        assert [each.get("value") for each in own.findall(path)] == [each.get("value") for each in real.findall(path)]


def test_the_wsdl_of_the_lab_is_where_clients_look_for_it(lab: Lab) -> None:
    reply = lab.send(f"{RIS_PATH}?wsdl", b"", "GET", host="127.0.7.1:8443")
    assert reply.status == 200
    address = reply.xml.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address is not None
    assert address.get("location") == f"https://127.0.7.1:8443{RIS_PATH}"


def test_the_check_would_notice_a_missing_element() -> None:
    ns = "http://schemas.cisco.com/ast/soap"
    wrong = f'<selectCmDeviceResponse xmlns="{ns}"><selectCmDeviceReturn/></selectCmDeviceResponse>'
    assert not ris_schema().validate(etree.fromstring(wrong))
