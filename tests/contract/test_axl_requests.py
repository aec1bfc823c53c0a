"""Every request that the clients send, against the schemas of the real services."""

import functools
from collections.abc import Callable
from datetime import datetime

import pytest
from lxml import etree

from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_enums import (
    AuthenticationMode,
    CertificateOperation,
    ChangeKind,
    DeviceSecurityMode,
    EcKeySize,
    KeyOrder,
    KeySize,
    TransportType,
)
from ctlctl.connectors.axl_ports import SCHEMA_VERSIONS
from ctlctl.connectors.axl_values import (
    CapfProfileChange,
    CapfUserKind,
    ChangeCursor,
    NewCapfProfile,
    PhoneChange,
    SecurityProfileChange,
)
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap_wsdl import BINDING, describe
from support.labhttp import axl_schema, ris_schema
from support.soap import (
    RIS,
    Asked,
    Reply,
    answer,
    axl_client,
    envelope,
    fault,
    ris_client,
    soap_server,
    version_of,
)

# 14.0 differs from 12.5 in nothing that is used; its schema is not to be had in a package.
VERSIONS = [version for version in SCHEMA_VERSIONS if version != "14.0"]
KEY = "12345678-90ab-cdef-1234-567890abcdef"
UUID = f'uuid="{{{KEY.upper()}}}"'
FINISH = datetime(2030, 1, 2, 3, 4)  # noqa: DTZ001 - the cluster's own time zone

Use = Callable[[AxlClient], object]


def capf(kind: CapfUserKind) -> list[Use]:
    change = CapfProfileChange(
        operation=CertificateOperation.INSTALL,
        authentication_mode=AuthenticationMode.STRING,
        authentication_string=Secret("12345"),
        key_size=KeySize.RSA_2048,
        key_order=KeyOrder.EC_PREFERRED,
        ec_key_size=EcKeySize.EC_384,
        finish_by=FINISH,
    )
    new = NewCapfProfile(
        user="cti app & more",
        instance_id="one",
        operation=CertificateOperation.INSTALL,
        authentication_mode=AuthenticationMode.STRING,
        authentication_string=Secret("12345"),
        key_order=KeyOrder.RSA_ONLY,
        ec_key_size=EcKeySize.EC_256,
        finish_by=FINISH,
    )
    return [
        lambda client: list(client.capf_profiles(kind)),
        lambda client: client.capf_profile(kind, KEY),
        lambda client: client.add_capf_profile(kind, new),
        lambda client: client.add_capf_profile(kind, NewCapfProfile(user="u", instance_id="i")),
        lambda client: client.update_capf_profile(kind, KEY, change),
        lambda client: client.update_capf_profile(kind, KEY, CapfProfileChange()),
        lambda client: client.remove_capf_profile(kind, KEY),
    ]


PHONE_CHANGE = PhoneChange(
    operation=CertificateOperation.INSTALL,
    finish_by=FINISH,
    security_profile="Cisco 8841 - Secure <SIP>",
    authentication_string=Secret("1234567890"),
)
PROFILE_CHANGE = SecurityProfileChange(
    security_mode=DeviceSecurityMode.ENCRYPTED,
    authentication_mode=AuthenticationMode.LSC,
    key_size=KeySize.RSA_4096,
    key_order=KeyOrder.EC_ONLY,
    ec_key_size=EcKeySize.EC_521,
    encrypted_config=True,
    transport=TransportType.TLS,
)
EVERYTHING: list[Use] = [
    lambda client: client.version(),
    lambda client: client.lsc_columns(),
    lambda client: list(client.phones()),
    lambda client: list(client.phones("SEP%", security_profile="Profile")),
    lambda client: list(client.phone_names("SEP%")),
    lambda client: client.phone("SEP001122334455"),
    lambda client: client.update_phone("SEP001122334455", PHONE_CHANGE),
    lambda client: client.update_phone("SEP001122334455", PhoneChange()),
    lambda client: client.apply_phone("SEP001122334455"),
    lambda client: client.reset_phone("SEP001122334455"),
    lambda client: list(client.security_profiles()),
    lambda client: client.security_profile("Profile"),
    lambda client: client.update_security_profile("Profile", PROFILE_CHANGE),
    lambda client: client.update_security_profile("Profile", SecurityProfileChange(encrypted_config=False)),
    lambda client: client.apply_security_profile("Profile"),
    lambda client: client.nodes(),
    lambda client: client.services("pub"),
    lambda client: list(client.callmanagers()),
    lambda client: list(client.callmanager_groups()),
    lambda client: list(client.device_pools()),
    lambda client: list(client.srsts()),
    lambda client: list(client.sip_trunks()),
    lambda client: list(client.gateways()),
    lambda client: list(client.parameters()),
    lambda client: client.parameter_map(),
    lambda client: client.update_parameter("URI Lookup Policy", "1"),
    lambda client: client.update_parameter("URI Lookup Policy", ""),
    lambda client: client.security(),
    lambda client: list(client.certificates()),
    lambda client: list(client.tvs_certificates()),
    lambda client: client.tvs_certificate(KEY),
    lambda client: client.changes(),
    lambda client: client.changes(ChangeCursor("DdkNST9m", 11146), [ChangeKind.PHONE, ChangeKind.SRST]),
    *capf(CapfUserKind.APPLICATION_USER),
    *capf(CapfUserKind.END_USER),
]


def obliging(asked: Asked) -> Reply:
    """Answer anything with one item, or success."""
    operation = asked.operation
    if operation == "getCCMVersion":
        return version_of(asked)
    if operation == "executeSQLQuery":
        return answer(operation, f"<row><pkid>{KEY}</pkid></row>")
    if operation == "listChange":
        inside = "<queueInfo><nextStartChangeId>11147</nextStartChangeId><queueId>DdkNST9m</queueId></queueInfo>"
        return Reply(answer(operation).body.replace(b"<return></return>", inside.encode()))
    if operation.endswith("ServiceParameter") and not operation.startswith("update"):
        return _parameter(asked)
    for verb in ("list", "get"):
        if operation.startswith(verb):
            item = operation.removeprefix(verb)
            item = item[0].lower() + item[1:]
            inside = f"<name>One</name><securityProfileName {UUID}>Profile</securityProfileName>"
            return answer(operation, f"<{item} {UUID}>{inside}</{item}>")
    return answer(operation, f"{{{KEY.upper()}}}")


def _parameter(asked: Asked) -> Reply:
    if asked.text("name") == "ClusterSecurityMode":
        return fault("Item not valid: The specified ClusterSecurityMode was not found", 5007)
    inside = (
        "<processNodeName>EnterpriseWideData</processNodeName><name>URILookupPolicy</name>"
        "<service>Enterprise Wide</service><value>0</value><valueType>long</valueType>"
    )
    return answer(asked.operation, f"<serviceParameter>{inside}</serviceParameter>")


def sent_by_everything(version: str) -> list[Asked]:
    with soap_server(obliging) as server, axl_client(server, version=version) as client:
        for use in EVERYTHING:
            use(client)
        return server.asked


@functools.cache
def operations_of(schema: str) -> frozenset[str]:
    from io import BytesIO  # noqa: PLC0415 - zeep is heavy for a module that may be skipped

    from zeep import Client  # noqa: PLC0415

    client = Client(BytesIO(describe(schema, action="{operation}", version="14.0")))  # type: ignore[no-untyped-call]
    return frozenset(client.wsdl.bindings[BINDING].all())  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_axl_request_is_valid_by_the_real_schema(version: str) -> None:
    sent = sent_by_everything(version)
    for asked in sent:
        axl_schema(version).assertValid(etree.fromstring(etree.tostring(asked.inside)))
    # No operation of our description is left out here.
    assert {asked.operation for asked in sent} == operations_of("axl.xsd")


@pytest.mark.parametrize("version", SCHEMA_VERSIONS)
def test_the_soap_action_and_the_namespace_name_the_version(version: str) -> None:
    for asked in sent_by_everything(version):
        assert asked.headers["soapaction"] == f'"CUCM:DB ver={version} {asked.operation}"'
        assert asked.inside.tag == f"{{http://www.cisco.com/AXL/API/{version}}}{asked.operation}"
        assert asked.headers["content-type"].startswith("text/xml")


def test_nothing_that_changes_the_database_directly_is_offered() -> None:
    assert "executeSQLUpdate" not in operations_of("axl.xsd")


def test_ris_requests_are_valid_by_the_real_wsdl() -> None:
    inside = (
        f'<selectCmDeviceResponse xmlns="{RIS}"><selectCmDeviceReturn><SelectCmDeviceResult>'
        "<TotalDevicesFound>0</TotalDevicesFound><CmNodes/></SelectCmDeviceResult><StateInfo/>"
        "</selectCmDeviceReturn></selectCmDeviceResponse>"
    )
    schema = ris_schema()
    with soap_server(lambda _: Reply(envelope(inside))) as server, ris_client(server) as client:
        list(client.devices(["SEP001122334455", "name with & and <"]))
        assert server.asked
        for asked in server.asked:
            schema.assertValid(etree.fromstring(etree.tostring(asked.inside)))
            assert asked.headers["soapaction"] == '"selectCmDeviceExt"'
    assert operations_of("ris.xsd") == {"selectCmDeviceExt"}
