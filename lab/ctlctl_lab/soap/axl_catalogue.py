"""All kinds of things that AXL lists."""

from collections.abc import Sequence
from typing import Final

from ctlctl_lab.soap import axl_phones, axl_system
from ctlctl_lab.soap.axl_kinds import AnyKind

KINDS: Final[Sequence[AnyKind]] = (
    axl_phones.PHONES,
    axl_phones.SECURITY_PROFILES,
    axl_phones.APPLICATION_USER_CAPF,
    axl_phones.END_USER_CAPF,
    axl_system.PROCESS_NODES,
    axl_system.PROCESS_NODE_SERVICES,
    axl_system.CALLMANAGERS,
    axl_system.CALLMANAGER_GROUPS,
    axl_system.DEVICE_POOLS,
    axl_system.SERVICE_PARAMETERS,
    axl_system.SRSTS,
    axl_system.SIP_TRUNKS,
    axl_system.GATEWAYS,
    axl_system.TVS_CERTIFICATES,
)
