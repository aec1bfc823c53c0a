"""The living cluster: what operators and services do to it, and what phones do thereupon.

world = build_world(WorldPlan(phones=20), directory, clock)
world.reset_phone("SEP021AB0000001")
world.schedule.start()
"""

from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from random import Random

from ctlctl_lab.capforders import record_lsc
from ctlctl_lab.faults import Faults
from ctlctl_lab.files import ROLLBACK_PARAMETER, SIGNATURE_PARAMETER, TftpFiles
from ctlctl_lab.life import Life, Timing
from ctlctl_lab.lockout import Logins
from ctlctl_lab.model import (
    CALLMANAGER,
    CAPF,
    ITL_RECOVERY,
    NO_OPERATION,
    SECURITY_MODE_PARAMETER,
    SERVICE_CALLMANAGER,
    STATUS_NONE,
    STATUS_PENDING,
    TOMCAT,
    Cluster,
    Credential,
    Identity,
    Node,
    Phone,
    PlatformAccount,
)
from ctlctl_lab.names import IPSEC, USERS_OF_UNITS
from ctlctl_lab.phones import list_key
from ctlctl_lab.pki import Pki
from ctlctl_lab.schedule import Schedule
from ctlctl_lab.trustheld import HeldList, read_held
from ctlctl_trust import Kind
from ctlctl_trust.tlv import Role


class World:
    """A cluster that lives.

    Attributes:
        cluster: its records.
        pki: its certificates.
        faults: what goes wrong.
        files: what its TFTP nodes serve.
        schedule: what is about to happen.
        life: what phones do by themselves.
        timing: how long things take.
        random: where chance comes from; seeded.
        scenario: name of the scenario applied last, or "".
        generations: (node, unit) -> how often its certificate was made.
        by_address: phones by their address.
        logins: bad logins to the platform of its nodes.
    """

    def __init__(self, cluster: Cluster, pki: Pki, seed: int = 0) -> None:
        self.cluster = cluster
        self.pki = pki
        self.faults = Faults()
        self.files = TftpFiles(cluster)
        self.schedule = Schedule(cluster.clock, cluster.lock)
        self.timing = Timing()
        self.life = Life(self)
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - a simulation that can be repeated
        self.scenario = ""
        self.generations: dict[tuple[str, str], int] = {}
        self.by_address: dict[str, Phone] = {}
        self.logins = Logins()
        self._read_list = lru_cache(maxsize=256)(self._read_held)

    def now(self) -> float:
        """Return the instant by the servers' clocks."""
        return self.cluster.clock.now() + self.faults.clock_offset

    def patience(self, seconds: float) -> float:
        """Return how many real seconds to wait on a connection where so many lab seconds are due.

        However fast time runs, they are never so few that a busy machine makes a fault of them.
        """
        return max(self.timing.capf_patience, self.cluster.clock.real_seconds(seconds))

    def read_list(self, data: bytes) -> HeldList | None:
        """Read a list as firmware does; what many phones download is read once."""
        return self._read_list(data)

    def _read_held(self, data: bytes) -> HeldList | None:
        return read_held(data, datetime.fromtimestamp(self.now(), UTC))

    def tvs_roles(self, key: bytes) -> frozenset[Role]:
        """Return the roles for which TVS vouches for a key: it knows every certificate the cluster has now."""
        cluster = self.cluster
        roles: set[Role] = set()
        if key in {list_key(each) for each in (cluster.itl_recovery, *cluster.trust.get("Phone-SAST-trust", ()))}:
            roles.add(Role.SAST)
        for node in cluster.nodes.values():
            if key == list_key(node.identities[CALLMANAGER]):
                roles |= {Role.SAST, Role.CCM_TFTP, Role.TFTP}
        if key in {list_key(each) for each in cluster.trust.get("CAPF-trust", ()) if each.unit == CAPF}:
            roles.add(Role.CAPF)
        return frozenset(roles)

    def forgotten(self, node: str) -> tuple[Identity, ...]:
        """Return the certificates that a node's TVS does not know, though it should: the switch ``tvs-forgets``."""
        cluster = self.cluster
        with cluster.lock:
            units = {unit for name, unit in self.faults.tvs_forgets if name == node}
            everything = (each for one in cluster.nodes.values() for each in one.identities.values())
            return tuple(each for each in (cluster.itl_recovery, *everything) if each.unit in units)

    def tvs_forgotten_keys(self, node: str) -> frozenset[bytes]:
        """Return the keys of the certificates that a node's TVS does not know."""
        return frozenset(list_key(each) for each in self.forgotten(node))

    def counts(self) -> dict[str, int]:
        """Return how many phones have each RIS status."""
        with self.cluster.lock:
            return dict(Counter(phone.status for phone in self.cluster.phones.values()))

    # What operators do to phones.

    def reset_phone(self, name: str) -> None:
        """Reset a phone.

        Raises:
            KeyError: there is no such phone.
        """
        with self.cluster.lock:
            self.life.reset(self.cluster.phones[name])

    def apply_phone(self, name: str) -> None:
        """Let a phone take its configuration anew ("Apply Config").

        Raises:
            KeyError: there is no such phone.
        """
        with self.cluster.lock:
            self.life.apply(self.cluster.phones[name])

    def reset_all(self) -> None:
        """Reset every phone of the cluster."""
        with self.cluster.lock:
            for name in self.cluster.phones:
                self.reset_phone(name)

    def order_capf(self, name: str, operation: str, finish_time: str = "", string: str = "") -> None:
        """Order a CAPF operation; the phone does it at its next reset or apply.

        Raises:
            KeyError: there is no such phone.
        """
        with self.cluster.lock:
            phone = self.cluster.phones[name]
            if operation != NO_OPERATION:
                phone.capf.certificate_status = STATUS_PENDING
            elif phone.capf.certificate_status == STATUS_PENDING:
                phone.capf.certificate_status = STATUS_NONE
            phone.capf.operation = operation
            phone.capf.broken = 0
            phone.capf.finish_time, phone.capf.authentication_string = finish_time, string
            self.cluster.changes.record("Phone", "u", phone.pkid, "certificateOperation", "certificateStatus")

    def type_string(self, name: str, string: str) -> None:
        """Type an authentication string into a phone, which then goes to CAPF.

        Raises:
            KeyError: there is no such phone.
        """
        with self.cluster.lock:
            self.cluster.phones[name].typed = string
            self.apply_phone(name)

    def erase_lists(self, name: str) -> None:
        """Erase CTL and ITL by hand, at the phone, which then starts anew.

        Raises:
            KeyError: there is no such phone.
        """
        with self.cluster.lock:
            phone = self.cluster.phones[name]
            phone.ctl = phone.itl = None
            self.reset_phone(name)

    def switch_off(self, name: str) -> None:
        """Take a phone's power away: it does nothing, and takes no part in anything, until it has it back.

        Raises:
            KeyError: there is no such phone.
        """
        with self.cluster.lock:
            self.life.switch_off(self.cluster.phones[name])

    def switch_on(self, name: str) -> None:
        """Give a phone its power back.

        Raises:
            KeyError: there is no such phone.
        """
        with self.cluster.lock:
            self.life.switch_on(self.cluster.phones[name])

    # What operators do to the cluster.

    def renew(self, unit: str, node: str | None = None, *, restart: bool = True) -> None:
        """Renew a certificate, and restart what uses it; every node's ITL follows, the CTL does not.

        Phones are not reset: the lab behaves as with "Phone Interaction on Certificate Update" set to manual.

        Args:
            unit: "tomcat", "ipsec", "CallManager", "TVS", "CAPF" or "ITLRecovery".
            node: name of the node; None for every node that has one. ITLRecovery is the cluster's.
            restart: whether what uses it is restarted. Else services go on with what they loaded, as after ``set cert
                regen``, until somebody restarts them.

        Raises:
            KeyError: there is no such node, or it has no such certificate.
        """
        with self.cluster.lock:
            nodes = self.cluster.nodes
            if unit == ITL_RECOVERY:
                self.cluster.itl_recovery = self._next(unit, self.cluster.publisher)
            else:
                having = [each for each in nodes.values() if unit in each.identities]
                for each in having if node is None else [nodes[node]]:
                    self._renew(unit, each, restart=restart)
                if not having:
                    raise KeyError(unit)
            if unit not in {TOMCAT, IPSEC}:
                # No list names these, so that their renewal is nothing to phones.
                self.files.rebuild_itl(self.now())
                self.life.wake()

    def _renew(self, unit: str, node: Node, *, restart: bool) -> None:
        if unit not in node.identities:
            raise KeyError(unit)
        before = node.identities[unit]
        node.identities[unit] = identity = self._next(unit, node)
        for service in USERS_OF_UNITS.get(unit, ()):
            if restart:
                node.held.pop((service, unit), None)
            elif node.runs(service):
                node.held.setdefault((service, unit), before)
        if unit == CAPF:
            # The old one stays trusted until somebody deletes it: phones still show LSCs it issued.
            for store in ("CAPF-trust", "CallManager-trust"):
                self.cluster.trust.setdefault(store, []).append(identity)

    def _next(self, unit: str, node: Node) -> Identity:
        generation = self.generations.get((node.name, unit), 1) + 1
        self.generations[node.name, unit] = generation
        return self.pki.node(unit, node.name, node.address, generation, int(self.now()) // 60 * 60)

    def update_ctl(self) -> None:
        """Write the CTL anew, as ``utils ctl update CTLFile`` does, tokenless."""
        with self.cluster.lock:
            self.files.rebuild_ctl(self.now())
            self.life.wake()

    def reset_local_key(self, kind: Kind) -> None:
        """Sign a list with its other anchor, as ``utils ctl reset localkey`` and ``utils itl reset localkey`` do.

        It is the way back when the anchor that signs was renewed and phones cannot ask TVS about it.
        """
        with self.cluster.lock:
            if kind is Kind.CTL:
                self.files.rebuild_ctl(self.now(), other_anchor=True)
            else:
                self.files.rebuild_itl(self.now(), other_anchor=True)
            self.life.wake()

    def set_security_mode(self, mode: int) -> None:
        """Set the cluster's security mode, 0 or 1, as ``utils ctl set-cluster`` does."""
        with self.cluster.lock:
            self.cluster.service_parameters[SECURITY_MODE_PARAMETER] = str(mode)
            self.parameter_changed(*SECURITY_MODE_PARAMETER)

    def parameter_changed(self, node: str, service: str, name: str) -> None:
        """Do what follows from a parameter's new value, once it is in the records.

        A new security mode makes new lists. A new signature algorithm makes new ITLs, and holds for every phone file
        from then on; a CTL is signed anew only by `update_ctl`. Preparing for a rollback makes ITLs blank. Anything
        else is read when it is needed.

        Args:
            node: as in `Cluster.service_parameters`.
            service: the same.
            name: the same.
        """
        with self.cluster.lock:
            changed = (node, service, name)
            if changed not in {SECURITY_MODE_PARAMETER, SIGNATURE_PARAMETER, ROLLBACK_PARAMETER}:
                return
            # A cluster that never was in mixed mode has no CTL.
            if changed == SECURITY_MODE_PARAMETER and (self.cluster.security_mode or self.files.ctl is not None):
                self.files.rebuild_ctl(self.now())
            self.files.rebuild_itl(self.now())
            self.life.wake()

    def distrust(self, store: str, identity: Identity) -> None:
        """Delete a certificate from a trust store."""
        with self.cluster.lock:
            kept = [each for each in self.cluster.trust.get(store, []) if each.der != identity.der]
            self.cluster.trust[store] = kept

    def platform_login(self, node: str, user: str, password: str) -> PlatformAccount | None:
        """Check who logs in to a node's platform: over SSH, or through the certificate API.

        Three wrong passwords lock the account on that node for `lockout.LOCK_SECONDS`; the right one is refused then
        too, and says no more than a wrong one.

        Args:
            node: name of the node.
            user: name of the account.
            password: what was given as its password.
        """
        with self.cluster.lock:
            return self.logins.check(self, node, user, password)

    def restart_service(self, node: str, service: str) -> bool:
        """Restart a service: it loads the certificates that are installed now.

        Args:
            node: name of the node.
            service: name of a service that is activated there.

        Returns:
            Whether it came back; the fault ``service-stuck`` keeps it away.

        Raises:
            KeyError: there is no such node, or no such service on it.
        """
        with self.cluster.lock:
            self.stop_service(node, service)
            return self.start_service(node, service)

    def stop_service(self, node: str, service: str) -> None:
        """Stop a service; phones of a CallManager notice in time.

        Raises:
            KeyError: as `restart_service`.
        """
        with self.cluster.lock:
            self._having(node, service).stopped.add(service)
            if service == SERVICE_CALLMANAGER:
                self.life.node_is_down(node)

    def start_service(self, node: str, service: str) -> bool:
        """Start a service, unless it runs; as `restart_service`, its result too.

        Raises:
            KeyError: as `restart_service`.
        """
        with self.cluster.lock:
            here = self._having(node, service)
            if (node, service) in self.faults.service_stuck:
                return service not in here.stopped
            if service in here.stopped:
                here.stopped.discard(service)
                here.started[service] = self.now()
                here.held = {key: identity for key, identity in here.held.items() if key[0] != service}
                (self.life.node_is_up if service == SERVICE_CALLMANAGER else lambda _: self.life.wake())(node)
            return True

    def _having(self, node: str, service: str) -> Node:
        here = self.cluster.nodes[node]
        if not here.activated(service):
            raise KeyError(service)
        return here

    def node_down(self, name: str) -> None:
        """Switch a node off; its phones notice when their keep-alives stay unanswered.

        Raises:
            KeyError: there is no such node.
        """
        with self.cluster.lock:
            self.cluster.nodes[name].up = False
            self.life.node_is_down(name)

    def node_up(self, name: str) -> None:
        """Switch a node on; phones that prefer it come back.

        Raises:
            KeyError: there is no such node.
        """
        with self.cluster.lock:
            node = self.cluster.nodes[name]
            if not node.up:
                # All of it starts anew, and loads what is installed.
                node.booted = self.now()
                node.started.clear()
                node.held.clear()
            node.up = True
            self.life.node_is_up(name)

    # What phones do.

    def wake(self) -> None:
        """Let every phone that is out try again; call it after a fault switch was changed."""
        with self.cluster.lock:
            self.life.wake()

    def place(self, phone: Phone) -> None:
        """Put a phone at once where a reset would bring it; for setting the stage."""
        with self.cluster.lock:
            self.life.place(phone)

    def give_lsc(self, phone: Phone, lsc: Credential | None) -> None:
        """Give a phone an LSC, or take it away, on the phone and in the records."""
        phone.lsc = lsc
        record_lsc(phone, 0 if lsc is None else lsc.not_after, None if lsc is None else lsc.issuer)
