"""The interfaces of a cluster, opened as its settings say, each with an account of its own memory."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from ctlctl.cluster.access import require_identity, tls_trust
from ctlctl.cluster.clisettings import cli_settings
from ctlctl.cluster.nodeaccess import open_certificate_api, open_control_center
from ctlctl.cluster.soapsettings import axl_settings, ris_settings
from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_ports import AxlObserver
from ctlctl.connectors.errors import ConnectorFault, Place
from ctlctl.connectors.pacing import REAL_TIME, TimeFlow
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris import RisClient
from ctlctl.connectors.secret import Secret
from ctlctl.inventory.words import Source
from ctlctl.service.accounts import Account, AccountError
from ctlctl_config.model import ClusterSettings, NodeSettings

if TYPE_CHECKING:
    from ctlctl.connectors.certificate_api_ports import CertificateReader, CertificateSnapshot
    from ctlctl.connectors.control_center_ports import ServiceReader, ServiceStatus
    from ctlctl.connectors.platform_cli_ports import Console

#: Seconds that one reading may wait for a busy cluster, all waits together.
_PATIENCE_SECONDS: Final = 300.0
#: Sources whose accounts are minded by each use of them.
_BY_NODE: Final = frozenset({Source.CONTROL_CENTER, Source.CERTIFICATE_API, Source.PLATFORM_CLI})


class Opener:
    """Opens the interfaces of one cluster."""

    def __init__(
        self,
        name: str,
        cluster: ClusterSettings,
        observer: AxlObserver,
        sleep: Callable[[float], object],
        flow: TimeFlow = REAL_TIME,
    ) -> None:
        """Open nothing yet.

        Args:
            name: the cluster's name.
            cluster: its settings.
            observer: hears of every request.
            sleep: waits that many seconds, or until the daemon ends.
            flow: how time passes; another than the machine's only in a simulation.
        """
        self._flow = flow
        self._observer = observer
        self._sleep = sleep
        self._name = name
        self._cluster = cluster
        axl, platform, writer = cluster.axl, cluster.platform, cluster.writer
        self._writer = None if writer is None else Account(writer.username, writer, Place(name, axl.host, "AXL"))
        soap = Account(axl.username, axl, Place(name, axl.host, "AXL"))
        # Rights differ, so that Control Center may refuse whom AXL takes. The platform account is one: CUCM locks it
        # after three wrong passwords, whoever tried them.
        self._accounts = {
            Source.AXL: soap,
            Source.RIS: soap,
            Source.CONTROL_CENTER: Account(axl.username, axl, Place(name, axl.host, "Control Center")),
        }
        if platform is not None:
            account = Account(platform.username, platform, Place(name, axl.host, "platform account"))
            self._accounts |= {Source.CERTIFICATE_API: account, Source.PLATFORM_CLI: account}

    def was_refused(self, source: Source) -> None:
        """Remember that a source refused its account: CUCM locks accounts that keep trying.

        Those that ask every node mind it themselves, while they ask.
        """
        if source in _BY_NODE:
            return
        account = self._accounts.get(source)
        if account is not None:
            account.was_refused()

    def axl(self) -> AxlClient:
        """Open AXL.

        Raises:
            ConnectorError: the account cannot be used, or the server is a lab's and the cluster is none.
        """
        password, trust = self._soap()
        settings = axl_settings(self._name, self._cluster, password, trust, _PATIENCE_SECONDS)
        return AxlClient(settings, clock=self._clock, sleep=self._wait, observer=self._observer)

    def ris(self) -> RisClient:
        """Open RIS.

        Raises:
            ConnectorError: as `axl`.
        """
        password, trust = self._soap()
        settings = ris_settings(self._name, self._cluster, password, trust, _PATIENCE_SECONDS)
        return RisClient(settings, clock=self._clock, sleep=self._wait)

    def control_center(self) -> "Callable[[NodeSettings], ServiceReader]":
        """Return what opens Control Center of a node.

        Raises:
            AccountError: the account cannot be used.
        """
        account, axl = self._accounts[Source.CONTROL_CENTER], self._accounts[Source.AXL]
        account.check()

        def services(node: NodeSettings, names: Iterable[str]) -> "tuple[ServiceStatus, ...]":
            # Whom AXL refuses is not tried here: it is the same user, and would be one more wrong password.
            axl.check()

            def ask(password: Secret) -> "tuple[ServiceStatus, ...]":
                with open_control_center(self._name, self._cluster, node, password, sleep=self._wait) as client:
                    return client.services(names)

            return account.use(ask)

        return lambda node: _Services(partial(services, node))

    def certificate_api(self) -> "Callable[[NodeSettings], CertificateReader]":
        """Return what opens the certificate API of a node.

        Raises:
            AccountError: there is no platform account, or it cannot be used.
        """
        account = self._platform(Source.CERTIFICATE_API)
        account.check()

        def snapshot(node: NodeSettings) -> "CertificateSnapshot":
            def ask(password: Secret) -> "CertificateSnapshot":
                with open_certificate_api(self._name, self._cluster, node, account.username, password) as client:
                    return client.snapshot()

            return account.use(ask)

        return lambda node: _Certificates(partial(snapshot, node))

    def platform_cli(self) -> "Callable[[NodeSettings], AbstractContextManager[Console]]":
        """Return what opens the platform CLI of a node; entering what it gives is one login.

        Raises:
            AccountError: there is no platform account, or it cannot be used.
        """
        # Its library takes 20 MB, which a daemon without such an account need not have.
        from ctlctl.connectors.platform_cli import PlatformCli  # noqa: PLC0415 - see above

        account = self._platform(Source.PLATFORM_CLI)
        account.check()

        @contextmanager
        def login(node: NodeSettings) -> "Iterator[Console]":
            with ExitStack() as session:

                def enter(password: Secret) -> PlatformCli:
                    return session.enter_context(PlatformCli(cli_settings(self._name, self._cluster, node, password)))

                yield account.use(enter)

        return login

    def writer(self, *, patience_seconds: float = _PATIENCE_SECONDS, per_second: float | None = None) -> AxlClient:
        """Open AXL for changes, with the account that is kept for them.

        Args:
            patience_seconds: for all waits of one change on a busy cluster; 0 tells at once that it is busy.
            per_second: most changes a second; None for what the settings say.

        Raises:
            ConnectorError: there is none, it cannot be used, or the server is not the cluster's.
        """
        place = Place(self._name, self._cluster.axl.host, "AXL")
        writer = self._cluster.writer
        if writer is None or self._writer is None:
            detail = f"the settings of {self._name} have no account for changes"
            advice = f"Write [clusters.{self._name}.writer] with username and password_file"
            raise AccountError(ConnectorFault.RIGHTS, detail, place=place, advice=advice)
        password = self._writer.password()
        require_identity(self._name, self._cluster)
        trust = tls_trust(self._cluster, self._cluster.axl, place) or TlsTrust()
        settings = axl_settings(self._name, self._cluster, password, trust, patience_seconds, writer.username)
        if per_second is not None:
            settings = replace(settings, writes_per_second=per_second)
        return AxlClient(settings, clock=self._clock, sleep=self._wait, observer=self._observer)

    def writer_was_refused(self) -> None:
        """Remember that the cluster refused the account for changes."""
        if self._writer is not None:
            self._writer.was_refused()

    def _platform(self, source: Source) -> Account:
        account = self._accounts.get(source)
        if account is None:
            place = Place(self._name, self._cluster.axl.host, source.value)
            detail = f"the settings of {self._name} have no [clusters.{self._name}.platform]"
            raise AccountError(ConnectorFault.INVALID, detail, place=place, advice="Write that table, or do not ask")
        return account

    def _wait(self, seconds: float) -> None:
        self._flow.wait(seconds, self._sleep)

    def _clock(self) -> float:
        return self._flow.clock()

    def _soap(self) -> tuple[Secret, TlsTrust]:
        account = self._accounts[Source.AXL]
        password = account.password()
        require_identity(self._name, self._cluster)
        return password, tls_trust(self._cluster, self._cluster.axl, account.place) or TlsTrust()


@dataclass(frozen=True, slots=True)
class _Services:
    """Control Center of one node; each question is a use of the account."""

    ask: "Callable[[Iterable[str]], tuple[ServiceStatus, ...]]"

    def services(self, names: Iterable[str] = ()) -> "tuple[ServiceStatus, ...]":
        """Ask how services are."""
        return self.ask(names)

    def close(self) -> None:
        """Nothing stays open."""


@dataclass(frozen=True, slots=True)
class _Certificates:
    """The certificate API of one node; each question is a use of the account."""

    ask: "Callable[[], CertificateSnapshot]"

    def snapshot(self) -> "CertificateSnapshot":
        """Ask for every store of the node."""
        return self.ask()

    def close(self) -> None:
        """Nothing stays open."""
