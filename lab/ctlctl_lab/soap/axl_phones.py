"""Phones and what belongs to them, as AXL shows them."""

from collections.abc import Callable

from ctlctl_lab.model import CapfProfile, Cluster, Phone, SecurityProfile, make_pkid
from ctlctl_lab.soap.axl_kinds import Field, Group, Kind, Ref, Value, boolean, fields_of
from ctlctl_lab.soap.axl_tags import PHONE


def _profile(cluster: Cluster, phone: Phone) -> SecurityProfile:
    return cluster.profiles[phone.profile]


def _lines(_cluster: Cluster, phone: Phone) -> Value:
    partition = Ref("")
    number = Group(
        (("pattern", phone.extension), ("routePartitionName", partition)), make_pkid("numplan", phone.extension)
    )
    line = Group(
        (
            ("index", "1"),
            ("label", phone.extension),
            ("display", phone.description[:30]),
            ("dirn", number),
            ("maxNumCalls", "4"),
            ("busyTrigger", "2"),
        ),
        make_pkid("line", phone.name, 1),
    )
    return Group((("line", line),))


def _buttons(phone: Phone) -> str:
    return f"Standard {phone.model.removeprefix('Cisco ')} {phone.protocol}"


_PHONE: dict[str, Callable[[Cluster, Phone], Value]] = {
    "name": lambda _, phone: phone.name,
    "description": lambda _, phone: phone.description,
    "product": lambda _, phone: phone.product,
    "model": lambda _, phone: phone.model,
    "class": lambda _, __: "Phone",
    "protocol": lambda _, phone: phone.protocol,
    "protocolSide": lambda _, __: "User",
    "devicePoolName": lambda cluster, phone: Ref(phone.device_pool, cluster.device_pools[phone.device_pool].pkid),
    "commonPhoneConfigName": lambda _, __: Ref("Standard Common Phone Profile", make_pkid("commonphoneconfig")),
    "locationName": lambda _, __: Ref("Hub_None", make_pkid("location")),
    "securityProfileName": lambda cluster, phone: Ref(phone.profile, _profile(cluster, phone).pkid),
    "sipProfileName": lambda _, phone: Ref("Standard SIP Profile" if phone.protocol == "SIP" else ""),
    "lines": _lines,
    "phoneTemplateName": lambda _, phone: Ref(_buttons(phone), make_pkid("phonetemplate", _buttons(phone))),
    "certificateOperation": lambda _, phone: phone.capf.operation,
    # The database keeps these on the security profile, not on the phone.
    "authenticationMode": lambda cluster, phone: _profile(cluster, phone).authentication_mode,
    "keySize": lambda cluster, phone: str(_profile(cluster, phone).key_size),
    "keyOrder": lambda cluster, phone: _profile(cluster, phone).key_order,
    "ecKeySize": lambda cluster, phone: _number(_profile(cluster, phone).ec_key_size),
    "authenticationString": lambda _, phone: phone.capf.authentication_string,
    "certificateStatus": lambda _, phone: phone.capf.certificate_status,
    "upgradeFinishTime": lambda _, phone: phone.capf.finish_time,
}

PHONES: Kind[Phone] = Kind(
    name="Phone",
    tag="phone",
    items=lambda cluster: list(cluster.phones.values()),
    pkid=lambda phone: phone.pkid,
    fields=fields_of(PHONE, _PHONE),
    criteria={
        "name": lambda phone: phone.name,
        "description": lambda phone: phone.description,
        "protocol": lambda phone: phone.protocol,
        "callingSearchSpaceName": lambda _: "",
        "devicePoolName": lambda phone: phone.device_pool,
        "securityProfileName": lambda phone: phone.profile,
    },
    keys={"name": lambda phone: phone.name},
    by_key=lambda cluster, name: cluster.phones.get(name),
    shown=True,
)


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


_SECURITY_PROFILE: tuple[Field[SecurityProfile], ...] = (
    Field("phoneType", lambda _, each: each.phone_type),
    Field("protocol", lambda _, each: each.protocol),
    Field("name", lambda _, each: each.name),
    Field("description", lambda _, each: each.description),
    Field("deviceSecurityMode", lambda _, each: each.device_security_mode),
    Field("authenticationMode", lambda _, each: each.authentication_mode),
    Field("keySize", lambda _, each: str(each.key_size)),
    Field("keyOrder", lambda _, each: each.key_order),
    Field("ecKeySize", lambda _, each: _number(each.ec_key_size)),
    Field("tftpEncryptedConfig", lambda _, each: boolean(each.tftp_encrypted_config)),
    Field("EnableOAuthAuthentication", lambda _, each: boolean(each.oauth), since=(12, 5)),
    Field("nonceValidityTime", lambda _, each: str(each.nonce_validity_seconds)),
    Field("transportType", lambda _, each: each.transport_type if each.protocol == "SIP" else ""),
    Field("sipPhonePort", lambda _, each: str(each.sip_phone_port) if each.protocol == "SIP" else ""),
    Field("enableDigestAuthentication", lambda _, __: "false"),
    Field("excludeDigestCredentials", lambda _, __: "false"),
)

SECURITY_PROFILES: Kind[SecurityProfile] = Kind(
    name="PhoneSecurityProfile",
    tag="phoneSecurityProfile",
    items=lambda cluster: list(cluster.profiles.values()),
    pkid=lambda each: each.pkid,
    fields=_SECURITY_PROFILE,
    criteria={"name": lambda each: each.name, "description": lambda each: each.description},
    keys={"name": lambda each: each.name},
    by_key=lambda cluster, name: cluster.profiles.get(name),
)


def _capf(user: str, operation: str) -> tuple[Field[CapfProfile], ...]:
    """Return the elements of a CAPF profile; two of them have other names for the two kinds of user."""
    return (
        Field(user, lambda _, each: Ref(each.user, make_pkid("user", each.kind, each.user))),
        Field("instanceId", lambda _, each: each.instance_id),
        Field(operation, lambda _, each: each.capf.operation),
        Field("authenticationMode", lambda _, each: each.authentication_mode),
        Field("authenticationString", lambda _, each: each.capf.authentication_string),
        Field("keySize", lambda _, each: str(each.key_size)),
        Field("keyOrder", lambda _, each: each.key_order),
        Field("ecKeySize", lambda _, each: _number(each.ec_key_size)),
        Field("operationCompletion", lambda _, each: each.capf.finish_time),
        Field("certificationOperationStatus", lambda _, each: each.capf.certificate_status),
    )


APPLICATION_USER_CAPF: Kind[CapfProfile] = Kind(
    name="ApplicationUserCapfProfile",
    tag="applicationUserCapfProfile",
    items=lambda cluster: list(cluster.application_user_profiles.values()),
    pkid=lambda each: each.pkid,
    fields=_capf("applicationUser", "certificateOperation"),
    criteria={"applicationUser": lambda each: each.user, "instanceId": lambda each: each.instance_id},
    keys={"instanceId": lambda each: each.instance_id},
)

END_USER_CAPF: Kind[CapfProfile] = Kind(
    name="EndUserCapfProfile",
    tag="endUserCapfProfile",
    items=lambda cluster: list(cluster.end_user_profiles.values()),
    pkid=lambda each: each.pkid,
    # "certification…" is AXL's own spelling.
    fields=_capf("endUserId", "certificationOperation"),
    criteria={"endUserId": lambda each: each.user, "instanceId": lambda each: each.instance_id},
    keys={"instanceId": lambda each: each.instance_id},
)
