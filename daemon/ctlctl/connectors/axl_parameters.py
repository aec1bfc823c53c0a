"""Which label of CUCM Administration stands for which parameter.

AXL knows parameters by internal names only, and the names are not the labels without their spaces, so none is ever
guessed: a label counts as mapped if its name is known here (or was verified on this very cluster and given in the
settings) and the cluster has a parameter of that name in the right service.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from ctlctl.connectors.axl_values import ENTERPRISE_SERVICE, Parameter

_CALLMANAGER: Final = "Cisco CallManager"
_CAPF: Final = "Cisco Certificate Authority Proxy Function"


@dataclass(frozen=True, slots=True)
class KnownLabel:
    """A label and what is known of it.

    Attributes:
        label: As CUCM Administration shows it.
        service: Where it stands.
        name: Internal name; None if it is not public.
        is_writable: Whether AXL may change it.
    """

    label: str
    service: str
    name: str | None
    is_writable: bool = True


KNOWN_LABELS: Final = (
    # Only `utils ctl set-cluster` changes it (Cisco document 118893).
    KnownLabel("Cluster Security Mode", ENTERPRISE_SERVICE, "ClusterSecurityMode", is_writable=False),
    KnownLabel("Prepare Cluster for Rollback to pre 8.0", ENTERPRISE_SERVICE, "RollBackToPreGrayback"),
    # As public programs use them.
    KnownLabel("Auto Registration Phone Protocol", ENTERPRISE_SERVICE, "AutoRegistrationPhoneProtocol"),
    KnownLabel("URI Lookup Policy", ENTERPRISE_SERVICE, "URILookupPolicy"),
    KnownLabel("Dependency Records", ENTERPRISE_SERVICE, "CCMAdminEnableDependencyRecords"),
    KnownLabel("BLF Status Depicts DND", ENTERPRISE_SERVICE, "IncludeDNDStatus"),
    KnownLabel("Default Inter-Presence Group Subscription", ENTERPRISE_SERVICE, "DefaultPresenceSubscriptionPolicy"),
    # Labels of Cisco's guides whose internal names are not public.
    KnownLabel("Phone Interaction on Certificate Update", ENTERPRISE_SERVICE, None),
    KnownLabel("TFTP File Signature Algorithm", ENTERPRISE_SERVICE, None),
    KnownLabel("TLS Ciphers", ENTERPRISE_SERVICE, None),
    # `utils sipOAuth-mode` alone changes it.
    KnownLabel("Cluster SIPOAuth Mode", ENTERPRISE_SERVICE, None, is_writable=False),
    KnownLabel("Allowed Device Queries Per Minute", ENTERPRISE_SERVICE, None),
    KnownLabel("Builtin Bridge Enable", _CALLMANAGER, None),
    KnownLabel("Block OffNet To OffNet Transfer", _CALLMANAGER, None),
    KnownLabel("Drop Ad Hoc Conference", _CALLMANAGER, None),
    KnownLabel("Advanced Ad Hoc Conference Enabled", _CALLMANAGER, None),
    KnownLabel("Certificate Issuer to Endpoint", _CAPF, None),
    KnownLabel("Duration Of Certificate Validity", _CAPF, None),
    KnownLabel("Maximum Allowable Time For Key Generation", _CAPF, None),
    KnownLabel("Maximum Allowable Attempts for Key Generation", _CAPF, None),
)


@dataclass(frozen=True, slots=True)
class MappedParameter:
    """A label on this cluster: one parameter, or one for each node."""

    label: str
    is_writable: bool
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class ParameterMap:
    """What the labels stand for on one cluster.

    Attributes:
        mapped: By label.
        unmapped: Why a label stands for nothing here, by label. These are never written.
    """

    mapped: Mapping[str, MappedParameter]
    unmapped: Mapping[str, str]


def resolve_labels(
    parameters: Iterable[Parameter],
    verified_names: Mapping[str, str],
    labels: Iterable[KnownLabel] = KNOWN_LABELS,
) -> ParameterMap:
    """Find out what the labels stand for.

    Args:
        parameters: All parameters of the cluster.
        verified_names: Internal names by label, which somebody has verified on this cluster; they win.
        labels: What is known.

    Returns:
        The map; every label is in one half of it, also one of `verified_names` that nobody knows.
    """
    known = [replace(one, name=verified_names.get(one.label, one.name)) for one in labels]
    unknown = verified_names.keys() - {one.label for one in known}
    unmapped = dict.fromkeys(unknown, "it is no label that is known here")
    uses = Counter((one.service, one.name) for one in known)
    names = {(one.service, one.name): one for one in known if uses[one.service, one.name] == 1}
    found: dict[str, list[Parameter]] = {}
    for parameter in parameters:
        match = names.get((parameter.service, parameter.name))
        if match is not None:
            found.setdefault(match.label, []).append(parameter)
    mapped = {}
    for label in known:
        if label.label in found:
            mapped[label.label] = MappedParameter(label.label, label.is_writable, tuple(found[label.label]))
        elif label.name is None:
            unmapped[label.label] = "its internal name is not known"
        elif uses[label.service, label.name] > 1:
            # One of them must be wrong, and it may be the one that nobody but CUCM's own commands may change.
            unmapped[label.label] = f"several labels are given the internal name {label.name}"
        else:
            unmapped[label.label] = f"this cluster has no parameter {label.name} of {label.service}"
    return ParameterMap(MappingProxyType(mapped), MappingProxyType(unmapped))
