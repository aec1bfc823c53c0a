"""What RIS of the lab says of whom, and how often it may be asked."""

import pytest

from support.labhttp import NOW, RIS_PATH, Lab, Reply, make_world, ris_criteria, ris_envelope

NS = "{http://schemas.cisco.com/ast/soap}"
NAMES = [f"SEP0011{index:08X}" for index in range(24)]


@pytest.fixture
def lab() -> Lab:
    world = make_world()
    world.faults.ris_per_minute = 1000
    return Lab(world)


def nodes(reply: Reply) -> dict[str, tuple[str, list[str]]]:
    """Return node -> (return code, names of phones)."""
    found = {}
    for node in reply.operation.iterfind(f".//{NS}CmNodes/{NS}item"):
        devices = [str(each.text) for each in node.iterfind(f"{NS}CmDevices/{NS}item/{NS}Name")]
        found[str(node.findtext(f"{NS}Name"))] = (str(node.findtext(f"{NS}ReturnCode")), devices)
    return found


def state(reply: Reply) -> str:
    return reply.operation.findtext(f".//{NS}StateInfo") or ""


def test_phones_are_under_the_node_they_are_registered_with(lab: Lab) -> None:
    assert nodes(lab.ris(ris_criteria(*NAMES))) == {"lab-pub": ("Ok", NAMES[::2]), "lab-sub1": ("Ok", NAMES[1::2])}


def test_a_node_without_any_of_them_found_nothing(lab: Lab) -> None:
    found = nodes(lab.ris(ris_criteria(NAMES[0], "SEPFFFFFFFFFFFF")))
    assert found == {"lab-pub": ("Ok", [NAMES[0]]), "lab-sub1": ("NotFound", [])}


def test_a_node_that_is_down_does_not_respond(lab: Lab) -> None:
    lab.cluster.nodes["lab-sub1"].up = False
    found = nodes(lab.ris(ris_criteria(*NAMES)))
    assert found["lab-sub1"] == ("NodeNotResponding", [])
    assert found["lab-pub"] == ("Ok", NAMES[::2])


def test_one_node_can_be_asked_about(lab: Lab) -> None:
    assert nodes(lab.ris(ris_criteria(*NAMES, node="lab-sub1"))) == {"lab-sub1": ("Ok", NAMES[1::2])}
    assert nodes(lab.ris(ris_criteria(*NAMES, node="x"))) == {"x": ("InvalidNodeName", [])}


def test_a_phone_that_never_registered_is_unknown_to_ris(lab: Lab) -> None:
    lab.cluster.phones[NAMES[0]].node = ""
    assert nodes(lab.ris(ris_criteria(NAMES[0])))["lab-pub"] == ("NotFound", [])


@pytest.mark.parametrize(
    ("by", "item"),
    [
        ("IPV4Address", "127.16.0.5"),
        ("DirNumber", "10005"),
        ("Description", 'Phone 5 &lt;"&amp;"&gt;'),
        ("Name", NAMES[5]),
    ],
)
def test_phones_are_found_in_several_ways(lab: Lab, by: str, item: str) -> None:
    assert nodes(lab.ris(ris_criteria(item, by=by)))["lab-sub1"] == ("Ok", [NAMES[5]])


def test_filters(lab: Lab) -> None:
    lab.cluster.phones[NAMES[1]].status = "UnRegistered"
    assert nodes(lab.ris(ris_criteria(*NAMES, status="UnRegistered")))["lab-sub1"] == ("Ok", [NAMES[1]])
    model = ris_criteria(*NAMES).replace("<Model>255", "<Model>622")
    assert nodes(lab.ris(model))["lab-sub1"] == ("Ok", [NAMES[1], NAMES[19]])
    sccp = ris_criteria(*NAMES).replace("<Protocol>Any", "<Protocol>SCCP")
    assert nodes(lab.ris(sccp))["lab-pub"] == ("Ok", [NAMES[6], NAMES[8], NAMES[16]])
    trunks = ris_criteria(*NAMES).replace("<DeviceClass>Phone", "<DeviceClass>SIPTrunk")
    assert nodes(lab.ris(trunks))["lab-pub"] == ("NotFound", [])


def test_only_the_plain_form_takes_wildcards(lab: Lab) -> None:
    assert nodes(lab.ris(ris_criteria("SEP00110000000*"), ext=True))["lab-pub"] == ("NotFound", [])
    assert nodes(lab.ris(ris_criteria("*2"), ext=False))["lab-pub"][1][:1] == [NAMES[2]]
    assert len(nodes(lab.ris(ris_criteria("*"), ext=False))["lab-pub"][1]) == 24


def test_several_names_in_one_item(lab: Lab) -> None:
    assert nodes(lab.ris(ris_criteria(f"{NAMES[0]},{NAMES[2]}")))["lab-pub"] == ("Ok", [NAMES[0], NAMES[2]])


def test_the_plain_form_shows_a_phone_under_its_former_node_too(lab: Lab) -> None:
    reply = lab.ris(ris_criteria(NAMES[1]), ext=False)
    assert nodes(reply) == {"lab-pub": ("Ok", [NAMES[1]]), "lab-sub1": ("Ok", [NAMES[1]])}
    times = [int(each.text or "") for each in reply.operation.iterfind(f".//{NS}TimeStamp")]
    statuses = [each.text for each in reply.operation.iterfind(f".//{NS}CmDevices/{NS}item/{NS}Status")]
    assert statuses == ["UnRegistered", "Registered"]
    assert times[0] < times[1]
    assert nodes(lab.ris(ris_criteria(NAMES[1]), ext=True))["lab-pub"] == ("NotFound", [])


def test_not_more_than_1000_devices() -> None:
    lab = Lab(make_world(phones=1500))
    names = [phone.name for phone in lab.cluster.phones.values()]
    reply = lab.ris(ris_criteria(*names, limit=5000))
    assert sum(len(devices) for _, devices in nodes(reply).values()) == 1000
    assert reply.operation.findtext(f".//{NS}TotalDevicesFound") == "1500"


def test_the_state_gives_the_next_part_and_then_only_changes(lab: Lab) -> None:
    seen: list[str] = []
    reply = lab.ris(ris_criteria(limit=10))
    for _ in range(2):
        seen += [name for _, devices in nodes(reply).values() for name in devices]
        reply = lab.ris(ris_criteria(limit=10), state=state(reply))
    seen += [name for _, devices in nodes(reply).values() for name in devices]
    assert sorted(seen) == NAMES

    lab.clock.advance(100)
    reply = lab.ris(ris_criteria())
    lab.clock.advance(100)
    phone = lab.cluster.phones[NAMES[7]]
    phone.status, phone.status_time = "UnRegistered", NOW + 150
    reply = lab.ris(ris_criteria(), state=state(reply))
    assert nodes(reply) == {"lab-pub": ("Ok", []), "lab-sub1": ("Ok", [NAMES[7]])}
    unchanged = [each.text for each in reply.operation.iterfind(f".//{NS}NoChange")]
    assert unchanged == ["true", "false"]


def test_a_state_that_is_nonsense_counts_for_none(lab: Lab) -> None:
    assert nodes(lab.ris(ris_criteria(*NAMES), state="<nonsense"))["lab-pub"] == ("Ok", NAMES[::2])


def test_the_rate_is_per_node_and_minute(lab: Lab) -> None:
    lab.world.faults.ris_per_minute = 3
    assert [lab.ris(ris_criteria(NAMES[0])).status for _ in range(4)] == [200, 200, 200, 500]
    reply = lab.ris(ris_criteria(NAMES[0]), ext=False)
    assert reply.operation.findtext("faultcode") == "ns1:Server.RateControl"
    assert reply.operation.findtext("faultstring") == (
        "AxisFault: Exceeded allowed rate for Reatime information."
        " Current allowed rate for realtime information is 3 requests per minute."
    )
    assert lab.ris(ris_criteria(NAMES[0]), node="lab-sub1").status == 200
    lab.clock.advance(61)
    assert lab.ris(ris_criteria(NAMES[0])).status == 200


@pytest.mark.parametrize(
    "body",
    [
        ris_envelope("selectCtiItem", ""),
        ris_envelope("selectCmDevice", ris_criteria().replace("255", "many")),
        ris_envelope("selectCmDevice", ris_criteria(by="Colour")),
        ris_envelope("selectCmDevice", "").replace(b"<CmSelectionCriteria></CmSelectionCriteria>", b""),
    ],
)
def test_what_is_not_understood_is_a_fault(lab: Lab, body: bytes) -> None:
    reply = lab.send(RIS_PATH, body)
    assert reply.status == 500
    assert (reply.operation.findtext("faultstring") or "").startswith("lab: ")
