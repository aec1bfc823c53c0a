"""How a phone judges what the cluster offers it, and how the cluster judges the phone.

The rules of firmware, as far as documents tell them:

* A phone without any list takes the CTL and the ITL it is first offered (leap of faith, "CTL and ITL installed"), if
  each is signed by a SAST record of its own.
* A phone with lists takes a new one only when the signer's key is a SAST of the list it holds. In mixed mode the CTL
  it holds is asked first, for the ITL too; then the ITL it holds.
* A phone whose only list is an ITL that was made blank ("Prepare Cluster for Rollback") has faith again.
* Else it asks TVS: a node of its CallManager group that presents a certificate the ITL *it holds* names as TVS. TVS
  vouches for what the cluster has now. Phones without Security By Default cannot ask.
* A configuration must be signed by a CCM+TFTP or TFTP record of a list it holds, or by one TVS vouches for, and with a
  digest that the phone knows. A phone whose lists name no such record takes the unsigned file.
* For TLS with CallManager, a phone that holds a CTL trusts the CTL alone.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    SERVICE_CALLMANAGER,
    SERVICE_CAPF,
    SERVICE_TFTP,
    SERVICE_TOMCAT,
    SERVICE_TVS,
    TRUST_FAILED,
    TVS,
    Credential,
    Identity,
    Node,
    Phone,
)
from ctlctl_trust import Certificate
from ctlctl_trust.signature import SHA512
from ctlctl_trust.tlv import Role

if TYPE_CHECKING:
    from ctlctl_lab.world import World


class Taken(Enum):
    """What became of one list."""

    ABSENT = auto()
    SAME = auto()
    NEW = auto()
    REFUSED = auto()


def list_key(identity: Identity) -> bytes:
    """Return a certificate's key as trust lists spell it."""
    return identity.certificate.list_key or b""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a phone does not register.

    Attributes:
        message: its status message.
    """

    message: str


NOBODY_THERE = Refusal("Unified CM not reachable")
UNTRUSTED = Refusal(TRUST_FAILED)


def group_nodes(world: "World", phone: Phone) -> list[Node]:
    """Return the nodes of a phone's CallManager group, in order of preference."""
    cluster = world.cluster
    names = cluster.callmanager_groups[cluster.device_pools[phone.device_pool].callmanager_group]
    return [cluster.nodes[name] for name in names]


#: Which service presents a certificate on a port.
_PORT_SERVICES = {"tvs": SERVICE_TVS, "capf": SERVICE_CAPF, "tomcat": SERVICE_TOMCAT, "https": SERVICE_TFTP}
_PORT_SERVICES |= {"https_fqdn": SERVICE_TFTP}


def presented(world: "World", node: Node, port: str, unit: str) -> Identity | None:
    """Return the certificate that a node presents on a port, fault switches and all; None where nobody answers.

    Args:
        world: the world.
        node: the node.
        port: the port's name, as fault switches call it.
        unit: the certificate that belongs there.
    """
    return None if (node.name, port) in world.faults.refused else port_identity(world, node, port, unit)


def port_identity(world: "World", node: Node, port: str, unit: str) -> Identity:
    """Return what `presented` does, for a port that takes the connection."""
    faults, key = world.faults, (node.name, port)
    wanted = faults.swapped.get(key, unit)
    # A node without the certificate that a switch wants has the publisher's.
    service = _PORT_SERVICES.get(port, SERVICE_CALLMANAGER)
    identity = node.presents(service, wanted) or world.cluster.publisher.identities[wanted]
    return world.pki.expired(identity) if key in faults.expired else identity


def tftp_node(world: "World", phone: Phone) -> Node | None:
    """Return the node a phone downloads from: of its group first, then any other."""
    own = group_nodes(world, phone)
    others = (node for node in world.cluster.nodes.values() if node not in own)
    return next((node for node in (*own, *others) if _serves_files(world, node)), None)


def _serves_files(world: "World", node: Node) -> bool:
    faults = world.faults
    # HTTP is asked first, TFTP where HTTP does not answer.
    refused = {(node.name, "http"), (node.name, "tftp")} <= faults.refused
    return node.runs(SERVICE_TFTP) and node.name not in faults.tftp_stall and not refused


def fetch_lists(world: "World", phone: Phone) -> bool:
    """Let a phone download and judge CTL, ITL and configuration.

    Returns:
        Whether it trusts what it was offered. Where no TFTP node answers it goes on with what it holds, as phones do.
    """
    node = tftp_node(world, phone)
    if node is None:
        phone.message = "TFTP Timeout"
        return True
    first = phone.ctl is None and phone.itl is None
    faith = _has_faith(phone)
    ctl = _take_ctl(world, phone, world.files.ctl)
    itl = Taken.ABSENT
    if phone.kind.security_by_default:
        itl = _take_itl(world, phone, world.files.itl(node), faith=faith)
    if Taken.REFUSED in (ctl, itl) or not _config_trusted(world, phone, node):
        phone.message = TRUST_FAILED
        return False
    phone.message = _told(phone, first=first, new=Taken.NEW in (ctl, itl))
    return True


def _has_faith(phone: Phone) -> bool:
    """Tell whether a phone takes any list: it has none, or nothing but a blank ITL."""
    return phone.ctl is None and (phone.itl is None or phone.itl.blank)


def _told(phone: Phone, *, first: bool, new: bool) -> str:
    """Return the status message that firmware shows for lists that were taken."""
    if phone.ctl is None and phone.itl is None:
        return "No Trust List installed"
    if not new:
        return ""
    if not first:
        return "Trust List updated"
    if phone.ctl is None:
        return "ITL installed"
    return "CTL Installed" if phone.itl is None else "CTL and ITL installed"


def _take_ctl(world: "World", phone: Phone, data: bytes | None) -> Taken:
    if data is None:
        return Taken.ABSENT
    if phone.ctl is not None and phone.ctl.data == data:
        return Taken.SAME
    new = world.read_list(data)
    if new is None or not _can_read(phone, new.digest):
        return Taken.REFUSED
    # The ITL judges the first CTL: that is how a cluster's phones follow it into mixed mode.
    held = phone.ctl or phone.itl
    known = held is not None and (new.signer in held.sast or _tvs_knows(world, phone, new.signer, Role.SAST))
    accepted = known or _has_faith(phone)
    if accepted:
        phone.ctl = new
    return Taken.NEW if accepted else Taken.REFUSED


def _take_itl(world: "World", phone: Phone, data: bytes | None, *, faith: bool) -> Taken:
    if data is None:
        return Taken.ABSENT
    if phone.itl is not None and phone.itl.data == data:
        return Taken.SAME
    new = world.read_list(data)
    if new is None or not _can_read(phone, new.digest):
        return Taken.REFUSED
    held = [each for each in (phone.ctl, phone.itl) if each is not None]
    accepted = faith or any(new.signer in each.sast for each in held) or _tvs_knows(world, phone, new.signer, Role.SAST)
    if accepted:
        phone.itl = new
    return Taken.NEW if accepted else Taken.REFUSED


def _can_read(phone: Phone, digest: str) -> bool:
    return digest != SHA512.name or phone.kind.sha512


def _config_trusted(world: "World", phone: Phone, node: Node) -> bool:
    signers = [key for each in (phone.ctl, phone.itl) if each is not None for key in each.tftp]
    if not signers:
        return True
    key = list_key(node.presents(SERVICE_TFTP, CALLMANAGER) or node.identities[CALLMANAGER])
    known = key in signers or _tvs_knows(world, phone, key, Role.TFTP)
    return known and _can_read(phone, world.files.digest.name)


def _tvs_knows(world: "World", phone: Phone, key: bytes, role: Role) -> bool:
    """Ask TVS for a key; False too where nobody the phone trusts can be asked."""
    if phone.itl is None or not phone.itl.tvs or not phone.kind.security_by_default:
        return False
    for node in group_nodes(world, phone):
        shown = presented(world, node, "tvs", TVS) if node.runs(SERVICE_TVS) else None
        if shown is not None and shown.der in phone.itl.tvs:
            return role in world.tvs_roles(key) and key not in world.tvs_forgotten_keys(node.name)
    return False


def trusts_capf(world: "World", phone: Phone) -> Node | None:
    """Return the node whose CAPF a phone reaches and trusts, and that answers, or None."""
    faults = world.faults
    for node in capf_nodes(world):
        shown = presented(world, node, "capf", CAPF) if node.runs(SERVICE_CAPF) else None
        silent = node.name in faults.capf_stall or node.name in faults.capf_half
        if shown is not None and not silent and believes_capf(world, phone, shown.certificate):
            return node
    return None


def capf_nodes(world: "World") -> list[Node]:
    """Return the nodes that phones are sent to for CAPF, running or not."""
    nodes = world.cluster.nodes.values()
    return [node for node in nodes if SERVICE_CAPF in node.services and CAPF in node.identities]


def believes_capf(world: "World", phone: Phone, shown: Certificate) -> bool:
    """Tell whether a phone takes the certificate that is presented to it for CAPF's: by its lists, or by TVS."""
    held = [each for each in (phone.ctl, phone.itl) if each is not None]
    if not held or any(shown.der in each.capf for each in held):
        return True
    return _tvs_knows(world, phone, shown.list_key or b"", Role.CAPF)


def choose_node(world: "World", phone: Phone) -> Node | Refusal:
    """Find the node a phone registers with.

    Returns:
        The node, or why there is none.
    """
    profile = world.cluster.profiles[phone.profile]
    secure = profile.secure and world.cluster.security_mode == 1
    refusal = NOBODY_THERE
    for node in group_nodes(world, phone):
        if not node.runs(SERVICE_CALLMANAGER):
            continue
        if not secure:
            return node
        shown = presented(world, node, phone.protocol.lower(), CALLMANAGER)
        if shown is None:
            continue
        # The list that counts for CallManager's certificate in mixed mode is the CTL.
        held = phone.ctl or phone.itl
        if held is None or shown.der not in held.ccm:
            refusal = UNTRUSTED
            continue
        problem = credential_problem(world, phone.credential)
        if problem is None:
            return node
        refusal = Refusal(f"Registration Rejected: {problem}")
    return refusal


def credential_problem(world: "World", credential: Credential | None, store: str = "CallManager-trust") -> str | None:
    """Return why a node refuses a phone's certificate, or None.

    Args:
        world: the world.
        credential: the certificate it shows, or None.
        store: the trust store that counts.
    """
    if credential is None:
        return "no certificate"
    if not _issued_by_one_of(credential, world.cluster.trust.get(store, [])):
        return f"{credential.kind} issuer not trusted"
    now = world.now()
    if credential.not_after < now:
        return f"{credential.kind} expired"
    if credential.not_before > now:
        return f"{credential.kind} not yet valid"
    return None


def _issued_by_one_of(credential: Credential, trusted: list[Identity]) -> bool:
    return any(each.der == credential.issuer.der for each in trusted)
