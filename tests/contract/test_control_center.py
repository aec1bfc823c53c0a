"""Control Center against the real WSDL: what the client sends, what the lab answers, and the WSDL it publishes."""

import pytest
from lxml import etree

from ctlctl_lab.soap.control_center_types import ENUMS, OPERATIONS, TYPES, wsdl
from support.labhttp import (
    CONTROL_CENTER_PATH,
    Lab,
    check_control_center,
    control_center_envelope,
    control_center_schema,
    control_center_wsdl,
    make_world,
)
from support.labhttp import Reply as LabReply
from support.nodeclients import control_center, service_item, status_reply
from support.soap import RIS, Reply, envelope, soap_server

XSD = "{http://www.w3.org/2001/XMLSchema}"
WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
TFTP, CTI = "Cisco Tftp", "Cisco CTIManager"


@pytest.fixture
def lab() -> Lab:
    return Lab(make_world())


def order(kind: str, word: str, *services: str, node: str = "lab-pub") -> str:
    items = "".join(f"<item>{service}</item>" for service in services)
    element, choice = {
        "control": ("ControlServiceRequest", "ControlType"),
        "deploy": ("DeploymentServiceRequest", "DeployType"),
    }[kind]
    inside = f"<NodeName>{node}</NodeName><{choice}>{word}</{choice}><ServiceList>{items}</ServiceList>"
    return f"<{element}>{inside}</{element}>"


REQUESTS = [
    ("soapGetStaticServiceList", "<ServiceInformationResponse/>"),
    ("soapGetServiceStatus", "<ServiceStatus/>"),
    ("soapGetServiceStatus", f"<ServiceStatus>{TFTP}</ServiceStatus><ServiceStatus>{CTI}</ServiceStatus>"),
    ("soapGetServiceStatus", "<ServiceStatus>Cisco Nothing</ServiceStatus>"),
    ("getProductInformationList", "<ServiceInfo/>"),
    ("soapDoControlServices", order("control", "Restart", TFTP)),
    ("soapDoControlServices", order("control", "Stop", TFTP, "Cisco CallManager")),
    ("soapDoControlServices", order("control", "Start", CTI)),
    ("soapDoControlServices", order("control", "Restart", "Cisco Tomcat")),
    ("soapDoServiceDeployment", order("deploy", "Deploy", CTI)),
    ("soapDoServiceDeployment", order("deploy", "UnDeploy", TFTP)),
    ("soapDoServiceDeployment", order("deploy", "Deploy", "Cisco Tomcat")),
]


@pytest.mark.parametrize(("operation", "inside"), REQUESTS)
def test_what_the_lab_takes_and_answers_follows_the_wsdl(lab: Lab, operation: str, inside: str) -> None:
    check_control_center(LabReply(200, {}, control_center_envelope(operation, inside)))
    reply = lab.control_center(operation, inside)
    assert reply.status == 200
    check_control_center(reply)
    assert etree.QName(reply.operation).localname == f"{operation}Response"


def test_what_the_client_sends_follows_the_wsdl() -> None:
    product = envelope(
        f'<getProductInformationListResponse xmlns="{RIS}"><getProductInformationListReturn/>'
        "</getProductInformationListResponse>"
    )
    replies = [status_reply(service_item()), status_reply(service_item()), Reply(product)]
    with soap_server(lambda _: replies.pop(0)) as server, control_center(server) as client:
        client.services()
        client.services([TFTP, "A & B"])
        client.product()
    assert server.operations == ["soapGetServiceStatus", "soapGetServiceStatus", "getProductInformationList"]
    for asked in server.asked:
        control_center_schema().assertValid(etree.fromstring(etree.tostring(asked.inside)))
    texts = [[one.text for one in asked.inside] for asked in server.asked]
    assert [[text or "" for text in each] for each in texts] == [[""], [TFTP, "A & B"], [""]]


def test_actions_are_those_of_the_wsdl() -> None:
    actions = etree.parse(control_center_wsdl()).findall(".//{http://schemas.xmlsoap.org/wsdl/soap/}operation")
    assert {each.get("soapAction") for each in actions} == set(OPERATIONS)


def _elements(parent: etree._Element) -> list[tuple[str | None, ...]]:
    found = parent.findall(f".//{XSD}sequence/{XSD}element")
    assert found
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


def test_the_wsdl_of_the_lab_is_the_real_one() -> None:
    real, own = etree.parse(control_center_wsdl()).getroot(), etree.fromstring(wsdl("https://localhost:8443/"))
    operations = [f"element[@name='{name}{end}']" for name in OPERATIONS for end in ("", "Response")]
    for path in (*operations, *(f"complexType[@name='{name}']" for name in TYPES)):
        mine, theirs = own.find(f".//{XSD}schema/{XSD}{path}"), real.find(f".//{XSD}schema/{XSD}{path}")
        assert mine is not None, path
        assert theirs is not None, path
        assert _elements(mine) == _elements(theirs), path
    for name, words in ENUMS.items():
        path = f".//{XSD}simpleType[@name='{name}']/{XSD}restriction/{XSD}enumeration"
        assert [each.get("value") for each in real.findall(path)] == list(words)
    for kind in ("binding", "service"):
        names = [[each.get("name") for each in one.findall(f"{WSDL}{kind}")] for one in (real, own)]
        assert names[0] == names[1]


def test_the_wsdl_of_the_lab_is_where_clients_look_for_it(lab: Lab) -> None:
    reply = lab.send(f"{CONTROL_CENTER_PATH}?wsdl", b"", "GET", host="127.0.7.1:8443")
    assert reply.status == 200
    address = reply.xml.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address is not None
    assert address.get("location") == f"https://127.0.7.1:8443{CONTROL_CENTER_PATH}"


@pytest.mark.parametrize(
    ("operation", "inside", "words"),
    [
        ("soapDoControlServices", order("control", "Restart", TFTP, node="lab-sub1"), "only its own services"),
        ("soapDoControlServices", order("control", "Reboot", TFTP), "is no ControlType"),
        ("soapDoControlServices", order("control", "Restart"), "names no service"),
        ("soapDoControlServices", "", "ControlServiceRequest is missing"),
        ("soapDoEverything", "", "no operation that is simulated"),
    ],
)
def test_what_cannot_be_done_is_a_fault(lab: Lab, operation: str, inside: str, words: str) -> None:
    reply = lab.control_center(operation, inside)
    assert reply.status == 500
    assert words in (reply.operation.findtext("faultstring") or "")
    assert not lab.world.ordered


def test_orders_are_carried_out_on_services_that_are_there(lab: Lab) -> None:
    lab.control_center("soapDoControlServices", order("control", "Restart", TFTP, CTI))
    # Nobody activated the other.
    assert lab.world.ordered == [("restart", "lab-pub", TFTP)]
    lab.control_center("soapDoServiceDeployment", order("deploy", "Deploy", CTI))
    lab.control_center("soapDoControlServices", order("control", "Stop", CTI))
    assert lab.world.ordered[1:] == [("start", "lab-pub", CTI), ("stop", "lab-pub", CTI)]
    reply = lab.control_center("soapDoServiceDeployment", order("deploy", "UnDeploy", CTI))
    assert reply.texts(".//{*}ReasonCodeString") == ["Service Not Activated"]
    refused = lab.control_center("soapDoControlServices", order("control", "Restart", "Cisco Tomcat"))
    assert refused.texts(".//{*}ReturnCode") == ["1"]
    assert len(lab.world.ordered) == 4


def test_who_may_ask(lab: Lab) -> None:
    lab.user = "nobody"
    assert lab.control_center("soapGetServiceStatus", "<ServiceStatus/>").status == 403
    assert lab.send(CONTROL_CENTER_PATH, b"", authorization="").status == 401
