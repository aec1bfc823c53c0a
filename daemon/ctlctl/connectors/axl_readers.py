"""From elements of AXL's answers to plain values."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ctlctl.connectors.axl_enums import (
    AuthenticationMode,
    CertificateOperation,
    CertificateStatus,
    ChangeAction,
    ChangeKind,
    DeviceSecurityMode,
    EcKeySize,
    KeyOrder,
    KeySize,
    NodeRole,
    NodeUsage,
    TransportType,
    read_word,
)
from ctlctl.connectors.axl_values import (
    CallManager,
    CallManagerGroup,
    CapfProfile,
    CapfUserKind,
    Change,
    DevicePool,
    Gateway,
    KnownCertificate,
    NodeService,
    Parameter,
    ProcessNode,
    SecurityProfile,
    SipTrunk,
    Srst,
    TvsCertificate,
)
from ctlctl.connectors.soap_xml import NIL, child, local_name, text

if TYPE_CHECKING:
    from lxml import etree

# AXL's boolean is a text (XSD type axlapi:boolean).
_TRUE: Final = frozenset({"t", "true", "1"})
_FALSE: Final = frozenset({"f", "false", "0"})
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]+")


def flat(element: "etree._Element") -> dict[str, str]:
    """Read the texts of an element's children by their local names; nil ones are left out, empty ones are ""."""
    return {local_name(one): one.text or "" for one in element if one.get(NIL) not in {"true", "1"}}


def read_bool(text_of: str | None) -> bool | None:
    """Read AXL's boolean; None for no or another text."""
    # XML Schema's booleans and numbers may stand between blanks.
    word = "" if text_of is None else text_of.strip().lower()
    return word in _TRUE if word in _TRUE | _FALSE else None


def read_number(text_of: str | None) -> int | None:
    """Read a whole number; None for no, an empty or another text."""
    # Python refuses to read absurdly long ones, and these are of no use either.
    digits = "" if text_of is None or len(text_of) > 20 else text_of.strip()
    # int() alone would also take "1_000" and the digits of other scripts.
    return int(digits) if _WHOLE_NUMBER.fullmatch(digits) else None


def pkid_of(element: "etree._Element") -> str:
    """Return the key of an item, lower case and without braces, as the database writes it; "" for none."""
    return bare_pkid(element.get("uuid", ""))


def bare_pkid(uuid: str) -> str:
    """Write AXL's `{UPPER-CASE}` as the database writes it."""
    return uuid.strip("{} ").lower()


def security_profile(element: "etree._Element") -> SecurityProfile:
    """Read an LPhoneSecurityProfile or RPhoneSecurityProfile."""
    have = flat(element)
    return SecurityProfile(
        pkid=pkid_of(element),
        name=have.get("name", ""),
        description=have.get("description", ""),
        phone_type=have.get("phoneType", ""),
        protocol=have.get("protocol", ""),
        security_mode=read_word(DeviceSecurityMode, have.get("deviceSecurityMode")),
        authentication_mode=read_word(AuthenticationMode, have.get("authenticationMode")),
        key_size=read_word(KeySize, have.get("keySize")),
        key_order=read_word(KeyOrder, have.get("keyOrder")),
        ec_key_size=read_word(EcKeySize, have.get("ecKeySize")),
        encrypted_config=read_bool(have.get("tftpEncryptedConfig")),
        oauth=read_bool(have.get("EnableOAuthAuthentication")),
        transport=read_word(TransportType, have.get("transportType")),
    )


def capf_profile(kind: CapfUserKind, element: "etree._Element") -> CapfProfile:
    """Read a CAPF profile; its operation has another name for either kind of user."""
    have = flat(element)
    is_end_user = kind is CapfUserKind.END_USER
    return CapfProfile(
        kind=kind,
        pkid=pkid_of(element),
        user=have.get("endUserId" if is_end_user else "applicationUser", ""),
        instance_id=have.get("instanceId", ""),
        operation=read_word(
            CertificateOperation, have.get("certificationOperation" if is_end_user else "certificateOperation")
        ),
        status=read_word(CertificateStatus, have.get("certificationOperationStatus")),
        authentication_mode=read_word(AuthenticationMode, have.get("authenticationMode")),
        key_size=read_word(KeySize, have.get("keySize")),
        key_order=read_word(KeyOrder, have.get("keyOrder")),
        ec_key_size=read_word(EcKeySize, have.get("ecKeySize")),
        finish_time=have.get("operationCompletion", ""),
    )


def process_node(element: "etree._Element") -> ProcessNode:
    """Read an LProcessNode."""
    have = flat(element)
    return ProcessNode(
        pkid=pkid_of(element),
        name=have.get("name", ""),
        description=have.get("description", ""),
        usage=read_word(NodeUsage, have.get("nodeUsage")),
        role=read_word(NodeRole, have.get("processNodeRole")),
    )


def node_service(element: "etree._Element") -> NodeService:
    """Read an LProcessNodeService."""
    have = flat(element)
    return NodeService(
        node=have.get("processNodeName", ""),
        service=have.get("service", ""),
        is_active=read_bool(have.get("isActive")),
        is_enabled=read_bool(have.get("enable")),
    )


def callmanager(element: "etree._Element") -> CallManager:
    """Read an LCallManager."""
    have = flat(element)
    return CallManager(
        pkid=pkid_of(element),
        name=have.get("name", ""),
        description=have.get("description", ""),
        node=have.get("processNodeName") or None,
    )


def callmanager_group(element: "etree._Element") -> CallManagerGroup:
    """Read an RCallManagerGroup, its members in the order of their priority."""
    members = child(element, "members")
    ranked = [
        (read_number(text(one, "priority")) or 0, text(one, "callManagerName") or "")
        for one in (() if members is None else members)
        if local_name(one) == "member"
    ]
    return CallManagerGroup(
        pkid=pkid_of(element),
        name=text(element, "name") or "",
        tftp_default=read_bool(text(element, "tftpDefault")),
        # Sorting is stable: members without a priority stay in the answer's order.
        members=tuple(name for _, name in sorted(ranked, key=lambda one: one[0])),
    )


def device_pool(element: "etree._Element") -> DevicePool:
    """Read an LDevicePool."""
    have = flat(element)
    return DevicePool(
        pkid=pkid_of(element),
        name=have.get("name", ""),
        callmanager_group=have.get("callManagerGroupName") or None,
        srst=have.get("srstName") or None,
    )


def srst(element: "etree._Element") -> Srst:
    """Read an LSrst."""
    have = flat(element)
    return Srst(
        pkid=pkid_of(element),
        name=have.get("name", ""),
        address=have.get("ipAddress", ""),
        port=read_number(have.get("port")),
        sip_address=have.get("SipNetwork", ""),
        sip_port=read_number(have.get("SipPort")),
        certificate_port=read_number(have.get("srstCertificatePort")),
        is_secure=read_bool(have.get("isSecure")),
    )


def sip_trunk(element: "etree._Element") -> SipTrunk:
    """Read an LSipTrunk."""
    have = flat(element)
    return SipTrunk(
        pkid=pkid_of(element),
        name=have.get("name", ""),
        description=have.get("description", ""),
        product=have.get("product", ""),
        device_pool=have.get("devicePoolName") or None,
        security_profile=have.get("securityProfileName") or None,
        srtp_allowed=read_bool(have.get("srtpAllowed")),
    )


def gateway(element: "etree._Element") -> Gateway:
    """Read an LGateway."""
    have = flat(element)
    return Gateway(
        pkid=pkid_of(element),
        name=have.get("domainName", ""),
        description=have.get("description", ""),
        product=have.get("product", ""),
        protocol=have.get("protocol", ""),
        callmanager_group=have.get("callManagerGroupName") or None,
    )


def parameter(element: "etree._Element") -> Parameter:
    """Read an LServiceParameter or RServiceParameter."""
    have = flat(element)
    return Parameter(
        node=have.get("processNodeName", ""),
        service=have.get("service", ""),
        name=have.get("name", ""),
        value=have.get("value", ""),
        value_type=have.get("valueType", ""),
    )


def tvs_certificate(element: "etree._Element") -> TvsCertificate:
    """Read an LTvsCertificate or RTvsCertificate; only the latter has roles and services."""
    have = flat(element)
    roles, services = child(element, "roles"), child(element, "services")
    return TvsCertificate(
        pkid=pkid_of(element),
        subject=have.get("subjectName", ""),
        issuer=have.get("issuerName", ""),
        serial=have.get("serialNumber", ""),
        seconds_to_live=read_number(have.get("timeToLive")),
        address=have.get("ipv4Address", ""),
        roles=_named(roles, "role", "roleName"),
        services=_named(services, "service", "serviceName"),
    )


def _named(elements: "etree._Element | None", item: str, name: str) -> tuple[str, ...]:
    return () if elements is None else tuple(text(one, name) or "" for one in elements if local_name(one) == item)


def known_certificate(row: Mapping[str, str]) -> KnownCertificate:
    """Read a row of `axl_sql.CERTIFICATES`."""
    return KnownCertificate(
        server=row.get("servername", ""),
        store=row.get("store", ""),
        distribution=row.get("distribution", ""),
        address=row.get("ipv4address", ""),
        subject=row.get("subjectname", ""),
        issuer=row.get("issuername", ""),
        serial=row.get("serialnumber", ""),
        pem=row.get("certificate", ""),
    )


def change(element: "etree._Element") -> Change:
    """Read a Change of listChange."""
    tags = child(element, "changedTags")
    return Change(
        kind=read_word(ChangeKind, element.get("type")),
        pkid=pkid_of(element),
        action=read_word(ChangeAction, text(element, "action")),
        tags=()
        if tags is None
        else tuple((one.get("name", ""), one.text or "") for one in tags if local_name(one) == "changedTag"),
    )
