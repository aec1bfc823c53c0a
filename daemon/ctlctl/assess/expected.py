"""What should be in a trust list, and how a list compares with it.

CTL: SAST, CallManager (ECDSA too where there is one) of every node that runs CallManager or TFTP, CAPF; never TVS or
tomcat. ITL of a node: SAST, its own CallManager, every node's TVS, CAPF.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ctlctl.assess.known import (
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_TFTP,
    SERVICE_TVS,
    Known,
    epoch,
    same_certificate,
)
from ctlctl.assess.seen import CALLMANAGER, CALLMANAGER_ECDSA, CAPF, ITL_RECOVERY, TVS
from ctlctl.assess.words import day
from ctlctl.inventory.words import ListKind
from ctlctl_trust import Certificate, ListReport
from ctlctl_trust.tlv import Role, role_name

#: Release from which ITLRecovery signs both lists; before, CallManager does.
_ITL_RECOVERY_SIGNS: Final = 12
_SERVERS: Final = frozenset({Role.CCM_TFTP, Role.CCM, Role.TFTP})
#: How hardware tokens of the CTL client are named: eToken, SAST-ADN008580ef.
_TOKEN: Final = re.compile(r"etoken|SAST-ADN", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that should be in a list.

    Attributes:
        unit: what it is for.
        node: whose it is; "" for the cluster.
        roles: roles of which the record must have one.
        any_of: certificates of which one must be there; none where it is not known which is installed.
    """

    unit: str
    node: str
    roles: frozenset[Role]
    any_of: tuple[Certificate, ...]

    @property
    def what(self) -> str:
        """What a person calls it."""
        return f"{self.unit} of {self.node}" if self.node else self.unit

    @property
    def since(self) -> int | None:
        """Beginning of its validity: when it was renewed."""
        return max((epoch(one.not_before) for one in self.any_of), default=None)

    def describe(self) -> str:
        """Return it with what tells it from an older one."""
        one = self.any_of[0]
        return f"{self.what}, serial {one.serial:X}, valid from {day(epoch(one.not_before))}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a list compares with what should be in it.

    Attributes:
        missing: what should be in it and is not.
        undecided: what could not be compared, in words.
        surplus: what is in it and belongs to nobody who is known, or does not belong into such a list, in words.
        is_token_signed: whether its only signers are hardware tokens.
    """

    missing: tuple[Wanted, ...]
    undecided: tuple[str, ...]
    surplus: tuple[str, ...]
    is_token_signed: bool = False


def expected(kind: ListKind, node: str, known: Known) -> list[Wanted]:
    """Return what should be in a list.

    Args:
        kind: which list.
        node: name of the node that serves it.
        known: the cluster's certificates and nodes.
    """
    publisher = known.publisher
    if kind == "itl":
        wanted = [_sast(node, known), _installed(known, node, CALLMANAGER, _SERVERS)]
        wanted += [_installed(known, each.name, TVS, {Role.TVS}) for each in known.nodes_running(SERVICE_TVS)]
    else:
        wanted = [_sast("" if publisher is None else publisher.name, known)]
        for each in known.nodes_running(SERVICE_CALLMANAGER, SERVICE_TFTP):
            wanted.append(_installed(known, each.name, CALLMANAGER, _SERVERS))
            if known.listed(each.name, CALLMANAGER_ECDSA) is not None:
                wanted.append(_installed(known, each.name, CALLMANAGER_ECDSA, _SERVERS))
    wanted += [_installed(known, each.name, CAPF, {Role.CAPF}) for each in known.nodes_running(SERVICE_CAPF)]
    return wanted


def _installed(known: Known, node: str, unit: str, roles: Iterable[Role]) -> Wanted:
    found = known.installed(node, unit)
    return Wanted(unit, node, frozenset(roles), () if found is None else (found.certificate,))


def _sast(node: str, known: Known) -> Wanted:
    """Return who must be able to sign the next list: ITLRecovery from 12.0 on, else CallManager of the node."""
    recovery = tuple(one.certificate for one in known.itl_recovery)
    since_12 = known.major is not None and known.major >= _ITL_RECOVERY_SIGNS
    # No port presents it: without the database it is not known whether there is one.
    if since_12 and (recovery or not known.has_database):
        return Wanted(ITL_RECOVERY, "", frozenset({Role.SAST}), recovery)
    own = _installed(known, node, CALLMANAGER, {Role.SAST})
    # Of a release that is not known, either may sign.
    return Wanted(CALLMANAGER, node, own.roles, own.any_of + (() if known.major is not None else recovery))


def compare(kind: ListKind, node: str, report: ListReport, known: Known) -> Comparison:
    """Hold a list that verifies against what should be in it.

    Args:
        kind: which list.
        node: name of the node that serves it.
        report: the list.
        known: the cluster's certificates and nodes.
    """
    held = _by_role(report)
    token_signed = kind == "ctl" and _is_token_signed(held.get(Role.SAST, []), known)
    missing: list[Wanted] = []
    undecided: list[str] = []
    if not known.nodes:
        undecided.append("which nodes the cluster has")
    for wanted in expected(kind, node, known):
        if token_signed and Role.SAST in wanted.roles:
            continue
        if not wanted.any_of:
            undecided.append(f"{wanted.what}")
        elif not _holds(held, wanted):
            missing.append(wanted)
    return Comparison(
        tuple(missing), tuple(dict.fromkeys(undecided)), tuple(_surplus(kind, report, known)), token_signed
    )


def _by_role(report: ListReport) -> dict[int, list[Certificate]]:
    held: dict[int, list[Certificate]] = {}
    records = () if report.trust_list is None else report.trust_list.records
    for record, certificate in zip(records, report.certificates, strict=True):
        if certificate is not None and record.role_code is not None:
            held.setdefault(record.role_code, []).append(certificate)
    return held


def _holds(held: dict[int, list[Certificate]], wanted: Wanted) -> bool:
    return any(
        same_certificate(one, other) for role in wanted.roles for one in held.get(role, ()) for other in wanted.any_of
    )


def _is_token_signed(sast: Sequence[Certificate], known: Known) -> bool:
    own = {one.sha256: one.certificate for one in known.seen if one.unit in {CALLMANAGER, ITL_RECOVERY}}
    keys = {certificate.list_key for certificate in own.values()}
    return bool(sast) and all(
        _is_token(certificate) and (certificate.list_key is None or certificate.list_key not in keys)
        for certificate in sast
    )


def _is_token(certificate: Certificate) -> bool:
    return any(_TOKEN.search(value) for _, value in certificate.subject)


def _surplus(kind: ListKind, report: ListReport, known: Known) -> Iterable[str]:
    records = () if report.trust_list is None else report.trust_list.records
    said: set[tuple[bytes, int | None]] = set()
    for record, certificate in zip(records, report.certificates, strict=True):
        if certificate is None or (certificate.der, record.role_code) in said:
            continue
        said.add((certificate.der, record.role_code))
        name = f"{certificate.common_name} ({role_name(record.role_code)})"
        if kind == "ctl" and record.role_code == Role.TVS:
            yield f"{name}: a CTL has no TVS"
        elif not known.has_database or _is_token(certificate) or certificate.list_key is None:
            # Without the database nobody knows whose it could be.
            continue
        elif certificate.list_key not in known.keys:
            yield f"{name}: belongs to nobody the cluster knows"
