"""Rounds of the sources that every node answers by itself, and of phones' pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

from ctlctl.connectors.errors import ConnectorFault
from ctlctl.inventory.collect_cli import read_platform
from ctlctl.inventory.collect_pages import read_pages
from ctlctl.inventory.collect_services import read_services
from ctlctl.inventory.collect_stores import read_stores
from ctlctl.inventory.collect_tvs import read_tvs
from ctlctl.inventory.nodenames import NodeNames
from ctlctl.inventory.tvs_questions import believed_servers, certificates_in_use
from ctlctl.inventory.words import Source
from ctlctl.service.openers import Opener
from ctlctl.store.rounds import chunks
from ctlctl.store.store import Store
from ctlctl_config.model import ClusterSettings

#: Looks at phones that are recorded together.
_PAGE_BATCH: Final = 200
#: Role of a node that runs none of the services that are asked for.
_OTHER_PRODUCT: Final = "CUCM IM and Presence"
_PUBLISHER: Final = "Publisher"

_T = TypeVar("_T")


class Going(Protocol):
    """Whether to go on: passes items on, and raises in the middle where the daemon stops."""

    def __call__(self, items: Iterator[_T]) -> Iterator[_T]:
        """Pass items on."""


class Clock(Protocol):
    """Gives the instant."""

    def __call__(self) -> float:
        """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class NodeRounds:
    """Carries out the rounds.

    Attributes:
        name: the cluster's name.
        settings: its settings.
        opener: opens its interfaces.
        store: where observations go.
        now: the clock.
        going: lets a round end early.
    """

    name: str
    settings: ClusterSettings
    opener: Opener
    store: Store
    now: Clock
    going: Going

    def services(self) -> None:
        """Ask Control Center of every node."""
        opened = self.opener.control_center()
        rows = read_services(self.settings.nodes, opened, left_out=self._others(), now=self.now)
        told = list(self.going(rows))
        self.store.record_services(self.name, self._at(), told)

    def certificates(self) -> None:
        """Ask the certificate API of every node."""
        rows = read_stores(self.settings.nodes, self.opener.certificate_api(), left_out=self._others())
        told = list(self.going(rows))
        self.store.record_stores(self.name, self._at(), told)

    def platform(self) -> None:
        """Log in to the platform CLI of every node and read what it says."""
        if not self.store.was_asked(self.name, Source.AXL):
            # Which node is the publisher is not known yet: it alone is asked for backups. AXL's first answer comes
            # soon, and this round right after it; where AXL has failed, the nodes are asked without it.
            return
        rows = read_platform(
            self.settings.nodes,
            self.opener.platform_cli(),
            publisher=self._publisher(),
            timezone=self.settings.timezone,
            left_out=self._others(),
            trust_of=self._without_api(),
        )
        told = list(self.going(rows))
        self.store.record_platform(self.name, self._at(), told)

    def _without_api(self) -> frozenset[str]:
        """Nodes whose certificate API does not tell their trusted certificates: it is not asked, or there is none."""
        platform = self.settings.platform
        if platform is None or not platform.certificate_api:
            return frozenset(node.name for node in self.settings.nodes)
        states = self.store.trust_view(self.name).states
        return frozenset(
            one.node
            for one in states
            if one.source is Source.CERTIFICATE_API
            and one.fault is not None
            and one.fault.kind == ConnectorFault.UNSUPPORTED.value
        )

    def tvs(self) -> None:
        """Ask TVS of every node about every certificate in use."""
        at = datetime.fromtimestamp(self.now(), UTC)
        view = self.store.trust_view(self.name)
        nodes = [node for node in self.settings.nodes if node.name.lower() not in self._others()]
        wanted = certificates_in_use(view.certificates, view.stores)
        rows = read_tvs(self.name, nodes, believed_servers(view.lists, at), wanted)
        self.store.record_tvs(self.name, self._at(), list(self.going(rows)))

    def pages(self) -> None:
        """Read the pages of some phones, those not read for longest first."""
        schedule = self.settings.schedule
        rested = self._at() - schedule.phone_rest_seconds
        wanted = self.store.phones_to_read(self.name, rested, schedule.phones_per_run)
        looks = read_pages(self.name, wanted, self.settings.phones, self._at())
        try:
            for piece in chunks(self.going(looks), _PAGE_BATCH):
                self.store.record_pages(self.name, self._at(), dict(piece), complete=False)
        finally:
            looks.close()
        self.store.record_pages(self.name, self._at(), {})

    def _others(self) -> frozenset[str]:
        """Nodes of another product, as the settings call them, folded; none before AXL has told."""
        return frozenset(
            self._names().key(node.name) for node in self.store.nodes(self.name) if node.role == _OTHER_PRODUCT
        )

    def _publisher(self) -> str | None:
        """Name of the publisher, likewise; None before AXL has told."""
        return next(
            (
                self._names().key(node.name)
                for node in self.store.nodes(self.name)
                if node.usage == _PUBLISHER and node.role != _OTHER_PRODUCT
            ),
            None,
        )

    def _names(self) -> NodeNames:
        return NodeNames(node.name for node in self.settings.nodes)

    def _at(self) -> int:
        return int(self.now())
