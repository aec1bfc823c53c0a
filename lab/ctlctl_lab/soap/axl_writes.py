"""AXL's operations that change something."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from ctlctl_lab.model import (
    NON_SECURE,
    CapfProfile,
    CapfState,
    Cluster,
    Phone,
    SecurityProfile,
    make_pkid,
)
from ctlctl_lab.soap.axl_edits import CapfEdit, PhoneEdit, check_capf, edit_capf, edit_phone
from ctlctl_lab.soap.axl_faults import bad_request, duplicate, no_update, not_found
from ctlctl_lab.soap.axl_kinds import AnyKind
from ctlctl_lab.soap.axl_phones import APPLICATION_USER_CAPF, END_USER_CAPF, PHONES, SECURITY_PROFILES
from ctlctl_lab.soap.axl_system import SERVICE_PARAMETERS, Row
from ctlctl_lab.soap.axl_words import (
    AUTHENTICATION_MODES,
    EC_KEY_SIZES,
    KEY_ORDERS,
    KEY_SIZES,
    SECURITY_MODES,
    TRANSPORTS,
)
from ctlctl_lab.soap.ports import LabWorld
from ctlctl_lab.soap.soapxml import Element

#: Changes the world as a request says, and returns what the answer says.
Operation: TypeAlias = Callable[[LabWorld, Element], str]

_SELECT: Final = frozenset({"name", "uuid"})
_BOOLEANS: Final = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
#: Enterprise parameters that only the command line changes.
_FIXED: Final = frozenset({"ClusterSecurityMode"})


def _braces(pkid: str) -> str:
    return f"{{{pkid.upper()}}}"


def _allow(request: Element, names: Iterable[str]) -> None:
    unknown = {each.name for each in request.children}.difference(names)
    if unknown:
        raise bad_request(f"{request.name} with {min(unknown)} is not simulated")


def _name(request: Element, tag: str, pkids: Mapping[str, str]) -> str | None:
    """Return the name that an element refers to (XFkType: by text, or else by uuid); None where there is none.

    Args:
        request: the operation.
        tag: the element.
        pkids: name -> pkid of what it may refer to.
    """
    found = request.child(tag)
    if found is None:
        return None
    if found.nil:
        raise bad_request(f"{tag} cannot be without a value")
    name = found.text
    if not name and (uuid := found.attributes.get("uuid")):
        wanted = uuid.strip("{}").lower()
        name = next((each for each, pkid in pkids.items() if pkid == wanted), "")
    if name not in pkids:
        raise not_found(name or tag)
    return name


# Phones.

#: XReset.
_APPLY: Final = "Apply Configuration"
_RESETS: Final = frozenset({"Reset", "Restart", _APPLY})
_PHONE_PLAIN: Final = ("description",)
_PHONE_CAPF: Final = {
    "certificateOperation": "operation",
    "authenticationMode": "authentication_mode",
    "keySize": "key_size",
    "keyOrder": "key_order",
    "ecKeySize": "ec_key_size",
    "authenticationString": "authentication_string",
    "upgradeFinishTime": "finish_time",
}


def _update_phone(world: LabWorld, request: Element) -> str:
    _allow(request, (*_SELECT, *_PHONE_PLAIN, *_PHONE_CAPF, "devicePoolName", "securityProfileName"))
    cluster = world.cluster
    with cluster.lock:
        phone: Phone | None = PHONES.find(cluster, request)
        if phone is None:
            raise no_update("Phone")
        tags = tuple(each.name for each in request.children if each.name not in _SELECT)
        edit = PhoneEdit(description=request.value("description"), tags=tags)
        edit.device_pool = _name(
            request, "devicePoolName", {name: each.pkid for name, each in cluster.device_pools.items()}
        )
        edit.profile = _name(
            request, "securityProfileName", {name: each.pkid for name, each in cluster.profiles.items()}
        )
        if edit.profile is not None:
            profile = cluster.profiles[edit.profile]
            if (profile.phone_type, profile.protocol) != (phone.model, phone.protocol):
                raise bad_request(f"{profile.name} is not for {phone.model} with {phone.protocol}")
        for tag, attribute in _PHONE_CAPF.items():
            setattr(edit, attribute, request.value(tag))
        check_capf(edit, phone.capf.operation)
        edit_phone(world, phone, edit)
        return _braces(phone.pkid)


def _motion(kind: AnyKind, *, reset: bool) -> Operation:
    """Return an apply, reset or restart of a phone, or of all that use a profile."""

    def operate(world: LabWorld, request: Element) -> str:
        _allow(request, _SELECT)
        cluster = world.cluster
        with cluster.lock:
            item: Phone | SecurityProfile | None = kind.find(cluster, request)
            if item is None:
                raise not_found((request.value("name") or request.value("uuid") or "") if kind.shown else kind.name)
            if isinstance(item, Phone):
                names = [item.name]
            else:
                names = [phone.name for phone in cluster.phones.values() if phone.profile == item.name]
        for name in names:
            (world.reset_phone if reset else world.apply_phone)(name)
        return _braces(item.pkid)

    return operate


def _device_reset(world: LabWorld, request: Element) -> str:
    _allow(request, ("deviceName", "isHardReset", "deviceResetType"))
    kind = request.value("deviceResetType")
    if kind not in {None, *_RESETS}:
        raise bad_request(f"{kind!r} is no deviceResetType that is simulated")
    name = request.value("deviceName") or ""
    with world.cluster.lock:
        phone = world.cluster.phones.get(name)
        if phone is None:
            raise not_found(name)
    (world.apply_phone if kind == _APPLY else world.reset_phone)(name)
    return _braces(phone.pkid)


# Security profiles.

_PROFILE_WORDS: Final = {
    "deviceSecurityMode": ("device_security_mode", SECURITY_MODES),
    "authenticationMode": ("authentication_mode", AUTHENTICATION_MODES),
    "keyOrder": ("key_order", KEY_ORDERS),
    "transportType": ("transport_type", TRANSPORTS),
}
_PROFILE_NUMBERS: Final = {
    "keySize": ("key_size", KEY_SIZES),
    "ecKeySize": ("ec_key_size", EC_KEY_SIZES),
    "nonceValidityTime": ("nonce_validity_seconds", None),
    "sipPhonePort": ("sip_phone_port", None),
}
_PROFILE_BOOLEANS: Final = {"tftpEncryptedConfig": "tftp_encrypted_config", "EnableOAuthAuthentication": "oauth"}


def _profile_values(request: Element) -> dict[str, object]:
    values: dict[str, object] = {}
    for each in request.children:
        if each.name in _PROFILE_WORDS:
            attribute, words = _PROFILE_WORDS[each.name]
            if each.text not in words:
                raise bad_request(f"{each.text!r} is no {each.name}")
            values[attribute] = each.text
        elif each.name in _PROFILE_NUMBERS:
            attribute, numbers = _PROFILE_NUMBERS[each.name]
            if not each.text.isdecimal() or (numbers is not None and each.text not in numbers):
                raise bad_request(f"{each.text!r} is no {each.name}")
            values[attribute] = int(each.text)
        elif each.name in _PROFILE_BOOLEANS:
            if each.text not in _BOOLEANS:
                raise bad_request(f"{each.text!r} is no boolean")
            values[_PROFILE_BOOLEANS[each.name]] = _BOOLEANS[each.text]
        elif each.name == "description":
            values["description"] = each.text
    return values


def _update_profile(world: LabWorld, request: Element) -> str:
    _allow(request, (*_SELECT, "newName", "description", *_PROFILE_WORDS, *_PROFILE_NUMBERS, *_PROFILE_BOOLEANS))
    values = _profile_values(request)
    cluster = world.cluster
    with cluster.lock:
        profile: SecurityProfile | None = SECURITY_PROFILES.find(cluster, request)
        if profile is None:
            raise no_update("PhoneSecurityProfile")
        mode = values.get("device_security_mode", profile.device_security_mode)
        transport = values.get("transport_type", profile.transport_type)
        if profile.protocol == "SIP" and (mode != NON_SECURE) is not (transport == "TLS"):
            raise bad_request(f"transportType must {'be TLS' if mode != NON_SECURE else 'not be TLS'} for {mode}")
        new = request.value("newName")
        if new is not None and new != profile.name:
            _rename(cluster, profile, new)
        for attribute, value in values.items():
            setattr(profile, attribute, value)
        tags = (each.name for each in request.children if each.name not in _SELECT)
        cluster.changes.record("PhoneSecurityProfile", "u", profile.pkid, *tags)
        return _braces(profile.pkid)


def _rename(cluster: Cluster, profile: SecurityProfile, new: str) -> None:
    if not new or new in cluster.profiles:
        raise duplicate()
    for phone in cluster.phones.values():
        if phone.profile == profile.name:
            phone.profile = new
    del cluster.profiles[profile.name]
    profile.name = new
    cluster.profiles[new] = profile


# CAPF profiles of users.


class _CapfProfiles:
    """Operations on the CAPF profiles of one kind of user."""

    def __init__(self, kind: AnyKind, word: str, user: str, operation: str) -> None:
        self._kind = kind
        self._word = word
        self._user = user
        self._names = {
            operation: "operation",
            "authenticationMode": "authentication_mode",
            "authenticationString": "authentication_string",
            "keySize": "key_size",
            "keyOrder": "key_order",
            "ecKeySize": "ec_key_size",
            "operationCompletion": "finish_time",
        }
        self._operation = operation

    def _all(self, cluster: Cluster) -> dict[str, CapfProfile]:
        return cluster.application_user_profiles if self._word == "application" else cluster.end_user_profiles

    def _edit(self, element: Element) -> CapfEdit:
        edit = CapfEdit()
        for tag, attribute in self._names.items():
            setattr(edit, attribute, element.value(tag))
        return edit

    def add(self, world: LabWorld, request: Element) -> str:
        """Add a profile."""
        given = request.child(self._kind.tag)
        if given is None:
            raise bad_request(f"{request.name} needs {self._kind.tag}")
        _allow(given, (self._user, "instanceId", *self._names))
        user, instance = given.value(self._user), given.value("instanceId")
        edit = self._edit(given)
        if not user or not instance or edit.operation is None or not edit.authentication_mode or not edit.key_size:
            missing = f"{self._user}, instanceId, {self._operation}, authenticationMode and keySize"
            raise bad_request(f"{self._kind.tag} needs {missing}")
        check_capf(edit, edit.operation, adding=True)
        cluster = world.cluster
        with cluster.lock:
            profiles = self._all(cluster)
            if instance in profiles:
                raise duplicate()
            pkid = make_pkid(self._kind.name, instance, cluster.changes.next_id)
            profile = CapfProfile(pkid, self._word, user, instance, CapfState())
            self._apply(profile, edit)
            profiles[instance] = profile
            cluster.changes.record(self._kind.name, "a", pkid)
            return _braces(pkid)

    def update(self, world: LabWorld, request: Element) -> str:
        """Change a profile."""
        _allow(request, ("uuid", "instanceId", *self._names))
        edit = self._edit(request)
        cluster = world.cluster
        with cluster.lock:
            profile = self._find(cluster, request)
            check_capf(edit, profile.capf.operation)
            self._apply(profile, edit)
            tags = (each.name for each in request.children if each.name in self._names)
            cluster.changes.record(self._kind.name, "u", profile.pkid, *tags)
            return _braces(profile.pkid)

    def remove(self, world: LabWorld, request: Element) -> str:
        """Remove a profile."""
        _allow(request, ("uuid", "instanceId"))
        cluster = world.cluster
        with cluster.lock:
            profile = self._find(cluster, request)
            del self._all(cluster)[profile.instance_id]
            cluster.changes.record(self._kind.name, "r", profile.pkid)
            return _braces(profile.pkid)

    def _find(self, cluster: Cluster, request: Element) -> CapfProfile:
        profile: CapfProfile | None = self._kind.find(cluster, request)
        if profile is None:
            raise no_update(self._kind.name)
        return profile

    def _apply(self, profile: CapfProfile, edit: CapfEdit) -> None:
        edit_capf(profile.capf, edit)
        if edit.authentication_mode:
            profile.authentication_mode = edit.authentication_mode
        if edit.key_size:
            profile.key_size = int(edit.key_size)
        if edit.key_order:
            profile.key_order = edit.key_order
        if edit.ec_key_size is not None:
            profile.ec_key_size = int(edit.ec_key_size) if edit.ec_key_size else None


# Parameters.


def _update_parameter(world: LabWorld, request: Element) -> str:
    _allow(request, ("uuid", "processNodeName", "name", "service", "value"))
    cluster = world.cluster
    with cluster.lock:
        row: Row | None = SERVICE_PARAMETERS.find(cluster, request)
        if row is None:
            raise no_update("ServiceParameter")
        node, service, name = row.words
        if name in _FIXED:
            raise bad_request(f"{name} cannot be changed through AXL")
        if request.child("value") is not None:
            cluster.service_parameters[node, service, name] = request.value("value") or ""
            cluster.changes.record("ServiceParameter", "u", row.pkid, "value")
            world.parameter_changed(node, service, name)
        return _braces(row.pkid)


_APPLICATION: Final = _CapfProfiles(APPLICATION_USER_CAPF, "application", "applicationUser", "certificateOperation")
_END: Final = _CapfProfiles(END_USER_CAPF, "end", "endUserId", "certificationOperation")

OPERATIONS: Final[Mapping[str, Operation]] = {
    "updatePhone": _update_phone,
    "applyPhone": _motion(PHONES, reset=False),
    "resetPhone": _motion(PHONES, reset=True),
    "restartPhone": _motion(PHONES, reset=True),
    "doDeviceReset": _device_reset,
    "updatePhoneSecurityProfile": _update_profile,
    "applyPhoneSecurityProfile": _motion(SECURITY_PROFILES, reset=False),
    "resetPhoneSecurityProfile": _motion(SECURITY_PROFILES, reset=True),
    "addApplicationUserCapfProfile": _APPLICATION.add,
    "updateApplicationUserCapfProfile": _APPLICATION.update,
    "removeApplicationUserCapfProfile": _APPLICATION.remove,
    "addEndUserCapfProfile": _END.add,
    "updateEndUserCapfProfile": _END.update,
    "removeEndUserCapfProfile": _END.remove,
    "updateServiceParameter": _update_parameter,
}
