"""What certificates in use lack: a strong key and signature, names of all nodes, the right to be a TLS client."""

from ipaddress import ip_address
from typing import Final

from ctlctl.assess.certfacts import facts_of, is_self_signed
from ctlctl.assess.draft import Findings
from ctlctl.assess.known import SERVICE_CALLMANAGER, SERVICE_TFTP, Known
from ctlctl.assess.model import ClusterCode, FindingSeverity, Json
from ctlctl.assess.seen import CALLMANAGER, TOMCAT, Seen
from ctlctl.assess.words import count, listed
from ctlctl.inventory.values import NodeFact

_ECDSA: Final = "-ECDSA"
#: Bits; phones of today and the CTL's own signature want as many.
_LEAST_RSA_BITS: Final = 2048
_WEAK_DIGESTS: Final = frozenset({"md5", "sha1"})
#: Units whose certificate the node also shows as a TLS client: to SIP trunks and CTI; to other nodes and directories.
_CLIENTS: Final = frozenset({CALLMANAGER, TOMCAT})
#: Names that a finding carries as evidence.
_MOST: Final = 50


def report_quality(known: Known, findings: Findings) -> None:
    """Report what is wrong with certificates in use besides their ends.

    Args:
        known: the cluster's certificates and nodes.
        findings: where it goes.
    """
    in_use = list(known.in_use())
    # One certificate that all nodes share is one.
    once = {(unit, one.sha256): (node, unit, one) for node, unit, one in reversed(in_use)}
    _weak(list(reversed(once.values())), findings)
    _client_auth(in_use, findings)
    for unit in (TOMCAT, CALLMANAGER, f"{TOMCAT}{_ECDSA}", f"{CALLMANAGER}{_ECDSA}"):
        _names(unit, in_use, known, findings)


def _weak(in_use: list[tuple[str, str, Seen]], findings: Findings) -> None:
    small = [
        f"{unit} of {node} ({one.certificate.key_label})"
        for node, unit, one in in_use
        if one.certificate.key_label.startswith("RSA-") and one.certificate.key_bits < _LEAST_RSA_BITS
    ]
    if small:
        findings.add(
            ClusterCode.CERTIFICATE_WEAK,
            FindingSeverity.WARNING,
            f"{count(len(small), 'certificate')} in use {'has' if len(small) == 1 else 'have'} a weak key: "
            f"{listed(small)}.",
            "Such a key can be broken; an ITLRecovery of 1024 bits also fails to bring phones back when it is needed.",
            "Renew them one kind at a time; a key that came through upgrades is made anew only then",
            f"ctlctl cert list {findings.cluster}",
            subject="key",
            evidence={"certificates": _shown(small)},
            count=len(small),
        )
    old = [
        (f"{unit} of {node} ({digest.upper()})", is_self_signed(one.certificate))
        for node, unit, one in in_use
        if (digest := facts_of(one.certificate).digest) in _WEAK_DIGESTS and digest is not None
    ]
    if old:
        names = [name for name, _ in old]
        # The signature of a certificate that is its own issuer proves nothing anyway.
        alone = all(self_signed for _, self_signed in old)
        findings.add(
            ClusterCode.CERTIFICATE_WEAK,
            FindingSeverity.INFO if alone else FindingSeverity.WARNING,
            f"{count(len(names), 'certificate')} in use {'is' if len(names) == 1 else 'are'} signed by an old digest: "
            f"{listed(names)}.",
            "Nothing hangs on the signature of a self-signed certificate, but newer phones and programs refuse it."
            if alone
            else "Whoever can forge such a signature passes for the node; newer phones and programs refuse it.",
            "Let the next renewal be signed by SHA-256 or better",
            f"ctlctl cert list {findings.cluster}",
            subject="signature",
            evidence={"certificates": _shown(names)},
            count=len(names),
        )


def _client_auth(in_use: list[tuple[str, str, Seen]], findings: Findings) -> None:
    lacking: dict[str, list[str]] = {}
    for node, unit, one in in_use:
        if unit.removesuffix(_ECDSA) in _CLIENTS and facts_of(one.certificate).client_auth is False:
            lacking.setdefault(unit, []).append(node)
    for unit, nodes in lacking.items():
        trunks = unit.removesuffix(_ECDSA) == CALLMANAGER
        findings.add(
            ClusterCode.CLIENT_AUTH_MISSING,
            FindingSeverity.WARNING,
            f"{unit} of {listed(nodes)} may not be used as a TLS client: its extended key usage lacks clientAuth.",
            "SIP trunks over TLS that this side opens, and CTI, are refused by whoever checks it; phones register all "
            "the same."
            if trunks
            else "Connections that the node opens itself are refused by whoever checks it; phones are not concerned.",
            "Order the next one with clientAuth: public CAs stop issuing it in 2026 and 2027, so take a private CA or "
            "a self-signed one (Cisco field notice 74345)",
            f"ctlctl cert list {findings.cluster}",
            subject=unit,
            evidence={"nodes": _shown(nodes)},
            count=len(nodes),
        )


def _names(unit: str, in_use: list[tuple[str, str, Seen]], known: Known, findings: Findings) -> None:
    """Report certificates of many nodes that do not name all of them."""
    on: dict[str, tuple[Seen, list[str]]] = {}
    for node, what, one in in_use:
        if what == unit and not is_self_signed(one.certificate):
            on.setdefault(one.sha256, (one, []))[1].append(node)
    wanted = known.nodes if unit.startswith(TOMCAT) else known.nodes_running(SERVICE_CALLMANAGER, SERVICE_TFTP)
    for one, holders in on.values():
        names = facts_of(one.certificate).names
        covered = [node.name for node in wanted if _covers(names, node.name)]
        if len(holders) < 2 and len(covered) < 2:
            continue
        missing = [node for node in wanted if node.name not in covered and _is_comparable(names, node)]
        bare = [node.name for node in missing if node.name in holders]
        if missing:
            _incomplete(unit, one, [node.name for node in missing], bare, findings)


def _incomplete(unit: str, one: Seen, missing: list[str], bare: list[str], findings: Findings) -> None:
    findings.add(
        ClusterCode.SAN_INCOMPLETE,
        FindingSeverity.WARNING if bare else FindingSeverity.INFO,
        f"The multi-server {unit} certificate {one.certificate.common_name} (serial {one.certificate.serial:X}) does "
        f"not name {listed(missing)}.",
        f"Who checks names refuses {listed(bare)}, which {'presents' if len(bare) == 1 else 'present'} it."
        if bare
        else "They have certificates of their own, which end at other times and stand in lists one by one.",
        "Request it anew as Multi-server(SAN): the cluster then fills in every node",
        f"ctlctl cert list {findings.cluster}",
        subject=unit,
        evidence={"missing": _shown(missing), "presented_by": _shown(bare), "sha256": one.sha256},
        count=len(missing),
    )


def _covers(names: frozenset[str], node: str) -> bool:
    """Tell whether one of the names is a node's; a short name stands for the full one and the other way round."""
    folded = node.casefold().rstrip(".")
    if folded in names:
        return True
    if _is_address(folded):
        return False
    short, _, domain = folded.partition(".")
    return any(
        name.partition(".")[0] == short and (not domain or not name.partition(".")[2])
        for name in names
        if not _is_address(name)
    )


def _is_comparable(names: frozenset[str], node: NodeFact) -> bool:
    """Tell whether a node could be named: one that goes by its address is so only where addresses are named."""
    return any(map(_is_address, names)) if _is_address(node.name) else bool(names)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _shown(names: list[str]) -> list[Json]:
    return list(names[:_MOST])
