"""Services that should run and do not, and what phones do without them.

Control Center and the platform CLI may both tell; the one that was asked last is right. Whether a service should run
says the same source, else the database (listProcessNodeService), and of network services everybody knows it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ctlctl.assess.answers import Answers
from ctlctl.assess.draft import Findings
from ctlctl.assess.known import SERVICE_CALLMANAGER, SERVICE_CAPF, SERVICE_TFTP, SERVICE_TVS, Known
from ctlctl.assess.model import ClusterCode, FindingSeverity
from ctlctl.assess.words import ago, lasting
from ctlctl.inventory.nodenames import folded
from ctlctl.inventory.nodevalues import ServiceFact
from ctlctl.inventory.values import Snapshot
from ctlctl.inventory.words import Source

#: A service that was started or stopped by hand is on its way for minutes; CallManager of a large node for ten.
_ON_ITS_WAY_SECONDS: Final = 900
_ON_ITS_WAY: Final = frozenset({"starting", "stopping"})
_STARTED: Final = "started"
_NOT_STARTED: Final = frozenset({"stopped", "starting", "stopping"})


@dataclass(frozen=True, slots=True)
class _Matter:
    """What a service is to phones and certificates.

    Attributes:
        severity: how bad it is that it does not run.
        so_what: what follows.
        is_network: it runs on every node, whatever is activated.
        publisher_only: only the publisher's counts.
    """

    severity: FindingSeverity
    so_what: str
    is_network: bool = False
    publisher_only: bool = False


_CRITICAL, _WARNING = FindingSeverity.CRITICAL, FindingSeverity.WARNING
_MATTERS: Final[Mapping[str, _Matter]] = {
    SERVICE_CALLMANAGER: _Matter(
        _CRITICAL, "Phones of this node register with others, or not at all where it is the only one of their group."
    ),
    SERVICE_TFTP: _Matter(
        _CRITICAL, "Phones that start get no configuration and no trust list there; those that run notice nothing yet."
    ),
    SERVICE_TVS: _Matter(
        _CRITICAL, "Phones cannot ask it about what is not in their own list: the next renewal may lock them out."
    ),
    SERVICE_CAPF: _Matter(
        _WARNING,
        "No LSC is installed or renewed, and a secure phone with a pending operation does not register meanwhile.",
        publisher_only=True,
    ),
    "Cisco CTIManager": _Matter(_WARNING, "Applications that control phones lose this node."),
    "Cisco Tomcat": _Matter(
        _WARNING, "AXL, the web pages, and services that phones reach by https are not there.", is_network=True
    ),
    "Cisco Certificate Expiry Monitor": _Matter(
        _WARNING, "CUCM itself warns of no certificate that ends there.", is_network=True
    ),
    "Cisco Certificate Change Notification": _Matter(
        _WARNING,
        "Renewed certificates do not reach the database and the other nodes: lists and trust stores stay behind.",
        is_network=True,
    ),
    "Cisco DRF Local": _Matter(_WARNING, "The node is not backed up.", is_network=True),
    "Cisco DRF Master": _Matter(_WARNING, "No backup is taken.", is_network=True, publisher_only=True),
}
#: Other spellings, lower case: Control Center's list says "Service" where the console does not.
_ALIASES: Final = {
    "cisco certificate change notification service": "Cisco Certificate Change Notification",
    "cisco certificate monitor": "Cisco Certificate Expiry Monitor",
    **{name.casefold(): name for name in _MATTERS},
}
_OTHER: Final = _Matter(FindingSeverity.INFO, "Neither registration nor certificates hang on it.")


class ServiceRules:
    """Judges the services of one snapshot."""

    def __init__(self, snapshot: Snapshot, known: Known, now: int, findings: Findings) -> None:
        self._snapshot = snapshot
        self._known = known
        self._now = now
        self._findings = findings
        self._answers = Answers(snapshot)

    def judge(self) -> dict[tuple[str, str], bool]:
        """Report what does not run; returns (node, service) -> whether it runs, of those that matter."""
        up: dict[tuple[str, str], bool] = {}
        for node, name, fact in self._newest():
            matter = _MATTERS.get(name, _OTHER)
            if matter.publisher_only and not self._is_publisher(node):
                continue
            if not self._should_run(fact, name, matter):
                continue
            runs = fact.status.casefold() == _STARTED
            if name in _MATTERS:
                up[node, name] = runs
            if not runs and not self._is_on_its_way(fact):
                self._report(node, name, matter, fact)
        return up

    def _newest(self) -> Iterator[tuple[str, str, ServiceFact]]:
        """Give node, name and newest word of every service."""
        found: dict[tuple[str, str], ServiceFact] = {}
        for fact in self._snapshot.services:
            key = folded(fact.node), fact.name.casefold()
            name = _ALIASES.get(key[1])
            key = key if name is None else (key[0], name.casefold())
            held = found.get(key)
            if held is None or self._said_at(fact) > self._said_at(held):
                found[key] = fact
        for (_, name), fact in found.items():
            yield self._known.display(fact.node), _ALIASES.get(name, fact.name), fact

    def _said_at(self, fact: ServiceFact) -> int:
        return self._answers.at(fact.source, fact.node, fact.since)

    def _is_publisher(self, node: str) -> bool:
        found = self._known.node(node)
        return found is not None and found.usage == "Publisher"

    def _should_run(self, fact: ServiceFact, name: str, matter: _Matter) -> bool:
        if fact.activated:
            return True
        node = self._known.node(fact.node)
        axl = self._snapshot.sources.get(Source.AXL)
        in_database = node is not None and name in node.services
        if fact.activated is None:
            return matter.is_network or in_database
        # It was deactivated: after the database was last read, so that the database cannot know yet?
        return in_database and axl is not None and (axl.last_success or 0) > fact.since

    def _is_on_its_way(self, fact: ServiceFact) -> bool:
        """Tell whether it was seen starting or stopping, and not for long when that was last seen."""
        return fact.status.casefold() in _ON_ITS_WAY and self._said_at(fact) - fact.since <= _ON_ITS_WAY_SECONDS

    def _report(self, node: str, name: str, matter: _Matter, fact: ServiceFact) -> None:
        status = fact.status.casefold()
        told = status in _NOT_STARTED
        at = self._said_at(fact)
        word = status if told else f'"{fact.status}", which nobody can read'
        source = "Control Center" if fact.source is Source.CONTROL_CENTER else "the platform CLI"
        self._findings.add(
            ClusterCode.SERVICE_NOT_RUNNING,
            # A word that is not known is no proof that it is down.
            matter.severity if told or matter.severity is FindingSeverity.INFO else FindingSeverity.UNKNOWN,
            f"{name} of {node} is {word}, {lasting(self._now, fact.since)}, says {source} ({ago(self._now, at)}), "
            f"{'and is activated' if fact.activated else 'and should run'}.",
            matter.so_what,
            f"On {node}: utils service start {name}; if it stops again, its traces say why",
            f"ctlctl service list {self._findings.cluster} --node {node}",
            subject=f"{node}/{name}",
            evidence={
                "status": fact.status,
                "activated": fact.activated,
                "since": fact.since,
                "source": fact.source.value,
                "said_at": at,
            },
        )
