"""What AXL writes do in the lab, and what they refuse."""

import pytest

from support.labhttp import Lab, Reply, make_world, uuid_of

PHONE = "SEP001100000001"
PENDING = "SEP001100000003"
SECURE = "Cisco 7841 - Secure SIP &amp; more"


@pytest.fixture
def lab() -> Lab:
    return Lab(make_world())


def update(lab: Lab, inside: str, name: str = PHONE) -> Reply:
    return lab.axl("updatePhone", f"<name>{name}</name>{inside}")


def test_an_lsc_is_ordered(lab: Lab) -> None:
    reply = update(
        lab,
        "<certificateOperation>Install/Upgrade</certificateOperation><authenticationString>123456</authenticationString>"
        "<upgradeFinishTime>2030:01:01:12:00</upgradeFinishTime>",
    )
    phone = lab.cluster.phones[PHONE]
    assert reply.texts("return") == [uuid_of(phone.pkid)]
    assert (phone.capf.operation, phone.capf.certificate_status) == ("Install/Upgrade", "Operation Pending")
    assert (phone.capf.authentication_string, phone.capf.finish_time) == ("123456", "2030:01:01:12:00")
    assert lab.world.applied == lab.world.restarted == []


def test_calling_it_off_takes_time_and_string_along(lab: Lab) -> None:
    assert update(lab, "<certificateOperation>No Pending Operation</certificateOperation>", PENDING).status == 200
    capf = lab.cluster.phones[PENDING].capf
    assert (capf.operation, capf.certificate_status, capf.finish_time) == ("No Pending Operation", "None", "")
    assert capf.authentication_string == ""


@pytest.mark.parametrize(
    "inside",
    [
        "<authenticationString>123456</authenticationString>",
        "<upgradeFinishTime>2030:01:01:12:00</upgradeFinishTime>",
        "<authenticationMode>By Null String</authenticationMode>",
        "<keySize>2048</keySize>",
    ],
)
def test_capf_fields_are_read_only_without_an_operation(lab: Lab, inside: str) -> None:
    code, text = update(lab, inside).fault
    assert (code, "read only" in text) == (5003, True)
    assert update(lab, inside, PENDING).status == 200


@pytest.mark.parametrize(
    "inside",
    [
        "<certificateOperation>Install</certificateOperation>",
        "<authenticationMode>by null string</authenticationMode>",
        "<keySize>1000</keySize>",
        "<keyOrder>EC</keyOrder>",
        "<ecKeySize>2048</ecKeySize>",
        "<upgradeFinishTime>2030-01-01 12:00</upgradeFinishTime>",
        "<authenticationString>abc</authenticationString>",
        "<vendorConfig><webAccess>0</webAccess></vendorConfig>",
        '<securityProfileName xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>',
    ],
)
def test_what_is_wrong_or_not_simulated_is_refused(lab: Lab, inside: str) -> None:
    before = lab.cluster.changes.next_id
    assert update(lab, inside, PENDING).fault[0] == 5003
    assert lab.cluster.changes.next_id == before


def test_mode_and_key_size_stay_those_of_the_security_profile(lab: Lab) -> None:
    inside = "<certificateOperation>Install/Upgrade</certificateOperation><keySize>4096</keySize>"
    assert update(lab, inside).status == 200
    assert lab.axl("getPhone", f"<name>{PHONE}</name>").texts("return/phone/keySize") == ["2048"]


def test_a_profile_must_be_for_the_phone(lab: Lab) -> None:
    other = lab.cluster.profiles["Cisco 7841 - Secure SIP & more"]
    assert update(lab, f"<securityProfileName>{SECURE}</securityProfileName>").status == 200
    assert lab.cluster.phones[PHONE].profile == other.name
    update(lab, "<securityProfileName>Cisco 7841 - Standard SIP &amp; more</securityProfileName>")
    assert update(lab, f'<securityProfileName uuid="{uuid_of(other.pkid)}"/>').status == 200
    assert lab.cluster.phones[PHONE].profile == other.name
    wrong = "<securityProfileName>Cisco 8845 - Secure SIP &amp; more</securityProfileName>"
    assert update(lab, wrong).fault[0] == 5003
    assert update(lab, "<securityProfileName>nonsense</securityProfileName>").fault[0] == 5007


def test_a_phone_that_is_not_there(lab: Lab) -> None:
    assert update(lab, "<description>x</description>", "SEPFFF").fault == (5003, "Phone not found")
    text = "Item not valid: The specified SEPFFF was not found"
    for operation in ("applyPhone", "resetPhone", "restartPhone", "getPhone"):
        assert lab.axl(operation, "<name>SEPFFF</name>").fault == (5007, text)


def test_what_sets_phones_in_motion(lab: Lab) -> None:
    phone = lab.cluster.phones[PHONE]
    lab.axl("applyPhone", f"<uuid>{uuid_of(phone.pkid)}</uuid>")
    lab.axl("resetPhone", f"<name>{PHONE}</name>")
    lab.axl("restartPhone", f"<name>{PENDING}</name>")
    assert (lab.world.applied, lab.world.restarted) == ([PHONE], [PHONE, PENDING])


def test_do_device_reset(lab: Lab) -> None:
    one = f"<deviceName>{PHONE}</deviceName>"
    for how in ("<isHardReset>true</isHardReset>", "<deviceResetType>Restart</deviceResetType>"):
        assert lab.axl("doDeviceReset", one + how).status == 200
    lab.axl("doDeviceReset", f"{one}<deviceResetType>Apply Configuration</deviceResetType>")
    assert (lab.world.restarted, lab.world.applied) == ([PHONE, PHONE], [PHONE])
    assert lab.axl("doDeviceReset", f"{one}<deviceResetType>Generate PRT</deviceResetType>").fault[0] == 5003
    assert lab.axl("doDeviceReset", "<deviceName>SEPFFF</deviceName>").fault[0] == 5007


def test_a_profile_sets_all_its_phones_in_motion(lab: Lab) -> None:
    users = [phone.name for phone in lab.cluster.phones.values() if phone.profile == "Cisco 8845 - Secure SIP & more"]
    assert users
    lab.axl("applyPhoneSecurityProfile", "<name>Cisco 8845 - Secure SIP &amp; more</name>")
    lab.axl("resetPhoneSecurityProfile", "<name>Cisco 8845 - Secure SIP &amp; more</name>")
    assert lab.world.applied == lab.world.restarted == users
    assert lab.axl("applyPhoneSecurityProfile", "<name>x</name>").fault[0] == 5007


def test_a_security_profile_changes(lab: Lab) -> None:
    profile = lab.cluster.profiles["Cisco 7841 - Standard SIP & more"]
    name = "<name>Cisco 7841 - Standard SIP &amp; more</name>"
    lab.axl(
        "updatePhoneSecurityProfile",
        f"{name}<newName>new</newName><description>d</description><deviceSecurityMode>Encrypted</deviceSecurityMode>"
        "<authenticationMode>By Authentication String</authenticationMode><keySize>4096</keySize><keyOrder>RSA Only"
        "</keyOrder><ecKeySize>384</ecKeySize><tftpEncryptedConfig>t</tftpEncryptedConfig><transportType>TLS"
        "</transportType><sipPhonePort>5061</sipPhonePort>",
    )
    assert lab.cluster.profiles["new"] is profile
    assert (profile.device_security_mode, profile.transport_type, profile.key_size) == ("Encrypted", "TLS", 4096)
    assert (profile.tftp_encrypted_config, profile.ec_key_size, profile.sip_phone_port) == (True, 384, 5061)
    assert lab.cluster.phones[PHONE].profile == "new"
    reply = lab.axl("getPhone", f"<name>{PHONE}</name>")
    assert reply.texts("return/phone/authenticationMode") == ["By Authentication String"]


@pytest.mark.parametrize(
    "inside",
    [
        "<deviceSecurityMode>Encrypted</deviceSecurityMode>",
        "<transportType>TLS</transportType>",
        "<deviceSecurityMode>encrypted</deviceSecurityMode>",
        "<keySize>1</keySize>",
        "<tftpEncryptedConfig>yes</tftpEncryptedConfig>",
        "<phoneType>Cisco 8845</phoneType>",
        "<sipPhonePort>x</sipPhonePort>",
    ],
)
def test_a_security_profile_that_would_be_wrong_is_refused(lab: Lab, inside: str) -> None:
    name = "<name>Cisco 7841 - Standard SIP &amp; more</name>"
    assert lab.axl("updatePhoneSecurityProfile", name + inside).fault[0] == 5003


def test_names_of_security_profiles_are_unique(lab: Lab) -> None:
    inside = f"<name>Cisco 7841 - Standard SIP &amp; more</name><newName>{SECURE}</newName>"
    assert lab.axl("updatePhoneSecurityProfile", inside).fault[0] == -239
    assert lab.axl("updatePhoneSecurityProfile", "<name>x</name>").fault == (5003, "PhoneSecurityProfile not found")


def test_the_life_of_a_capf_profile(lab: Lab) -> None:
    inside = (
        "<endUserCapfProfile><endUserId>jdoe</endUserId><instanceId>desk</instanceId><certificationOperation>"
        "Install/Upgrade</certificationOperation><authenticationMode>By Authentication String</authenticationMode>"
        "<authenticationString>9876</authenticationString><keySize>2048</keySize><operationCompletion>2030:1:1:1"
        "</operationCompletion></endUserCapfProfile>"
    )
    reply = lab.axl("addEndUserCapfProfile", inside)
    assert reply.status == 200
    assert lab.axl("addEndUserCapfProfile", inside).fault[0] == -239
    profile = lab.cluster.end_user_profiles["desk"]
    assert reply.texts("return") == [uuid_of(profile.pkid)]
    found = lab.axl("getEndUserCapfProfile", f"<uuid>{uuid_of(profile.pkid)}</uuid>")
    path = "return/endUserCapfProfile/"
    assert found.texts(f"{path}certificationOperation") == ["Install/Upgrade"]
    assert found.texts(f"{path}certificationOperationStatus") == ["Operation Pending"]
    lab.axl(
        "updateEndUserCapfProfile",
        "<instanceId>desk</instanceId><certificationOperation>No Pending Operation</certificationOperation>",
    )
    assert profile.capf.operation == "No Pending Operation"
    code, _ = lab.axl("updateEndUserCapfProfile", "<instanceId>desk</instanceId><keySize>4096</keySize>").fault
    assert code == 5003
    assert lab.axl("removeEndUserCapfProfile", "<instanceId>desk</instanceId>").status == 200
    assert lab.axl("removeEndUserCapfProfile", "<instanceId>desk</instanceId>").fault[0] == 5003
    kinds = [(change.type, change.action) for change in lab.cluster.changes.since(1)]
    assert kinds == [("EndUserCapfProfile", action) for action in "aur"]


def test_keys_of_a_capf_profile(lab: Lab) -> None:
    reply = lab.axl(
        "updateApplicationUserCapfProfile",
        "<instanceId>one</instanceId><certificateOperation>Install/Upgrade</certificateOperation><authenticationMode>"
        "By Null String</authenticationMode><keySize>3072</keySize><keyOrder>EC Only</keyOrder>"
        "<ecKeySize>521</ecKeySize>",
    )
    assert reply.status == 200
    profile = lab.cluster.application_user_profiles["one"]
    assert (profile.key_size, profile.key_order, profile.ec_key_size) == (3072, "EC Only", 521)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<applicationUserCapfProfile/>",
        "<applicationUserCapfProfile><certificationOperation>x</certificationOperation></applicationUserCapfProfile>",
    ],
)
def test_a_capf_profile_that_lacks_something_is_refused(lab: Lab, inside: str) -> None:
    assert lab.axl("addApplicationUserCapfProfile", inside).fault[0] == 5003


def test_parameters(lab: Lab) -> None:
    one = "<processNodeName>lab-pub</processNodeName><name>CdrEnabled</name><service>Cisco CallManager</service>"
    assert lab.axl("updateServiceParameter", f"{one}<value>F</value>").status == 200
    assert lab.cluster.service_parameters["lab-pub", "Cisco CallManager", "CdrEnabled"] == "F"
    mode = (
        "<processNodeName>EnterpriseWideData</processNodeName><name>ClusterSecurityMode</name><service>Enterprise Wide"
        "</service><value>0</value>"
    )
    assert lab.axl("updateServiceParameter", mode).fault[0] == 5003
    assert lab.cluster.security_mode == 1
    missing = one.replace("CdrEnabled", "Nonsense")
    assert lab.axl("updateServiceParameter", f"{missing}<value>F</value>").fault[0] == 5003
    assert lab.axl("getServiceParameter", missing).fault[0] == 5007


# Changes.


def cursor(reply: Reply) -> str:
    queue, start = reply.texts("queueInfo/queueId")[0], reply.texts("queueInfo/nextStartChangeId")[0]
    return f'<startChangeId queueId="{queue}">{start}</startChangeId>'


def test_changes_are_told_once(lab: Lab) -> None:
    start = lab.axl("listChange")
    assert not start.operation.findall("changes/*")
    update(lab, "<description>one</description>")
    first = lab.axl("listChange", cursor(start))
    (change,) = first.operation.findall("changes/change")
    assert (change.get("uuid"), change.findtext("action")) == (uuid_of(lab.cluster.phones[PHONE].pkid), "u")
    assert [(each.get("name"), each.text) for each in change.findall("changedTags/changedTag")] == [
        ("description", "one")
    ]
    assert not lab.axl("listChange", cursor(first)).operation.findall("changes/*")


def test_changes_of_some_kinds_only(lab: Lab) -> None:
    start = lab.axl("listChange")
    update(lab, "<description>one</description>")
    lab.axl("removeEndUserCapfProfile", "<instanceId>two</instanceId>")
    wanted = "<objectList><object>EndUserCapfProfile</object></objectList>"
    reply = lab.axl("listChange", cursor(start) + wanted)
    assert [each.get("type") for each in reply.operation.findall("changes/change")] == ["EndUserCapfProfile"]


def test_a_change_of_something_without_tags_wants_to_be_read(lab: Lab) -> None:
    start = lab.axl("listChange")
    lab.cluster.changes.record("DevicePool", "u", lab.cluster.device_pools["Default"].pkid)
    reply = lab.axl("listChange", cursor(start))
    assert reply.texts("changes/change/doGet") == ["true"]


def test_a_restarted_queue_is_another_queue(lab: Lab) -> None:
    start = lab.axl("listChange")
    lab.cluster.changes.restart()
    assert lab.axl("listChange", cursor(start)).fault[0] == 5007
    assert lab.axl("listChange", '<startChangeId queueId="x">y</startChangeId>').fault[0] == 5007


def test_many_changes_come_in_parts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctlctl_lab.soap.axl_changes.MAX_CHANGES", 3)
    reply = lab.axl("listChange")
    for _ in range(7):
        lab.cluster.changes.record("Phone", "u", lab.cluster.phones[PHONE].pkid, "description", "no such element")
    counts = []
    for _ in range(4):
        reply = lab.axl("listChange", cursor(reply))
        counts.append(len(reply.operation.findall("changes/change")))
    assert counts == [3, 3, 1, 0]
