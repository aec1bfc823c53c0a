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
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.pacing import REAL_TIME, TimeFlow
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris import RisClient
from ctlctl.connectors.secret import Secret
from ctlctl.inventory.refused import RefusedAccount
from ctlctl.inventory.words import Source
from ctlctl.service.accounts import Account, AccountError
from ctlctl.service.refusals import Refusals
from ctlctl_config.model import AccountTable, ClusterSettings, NodeSettings

if TYPE_CHECKING:
    from ctlctl.connectors.certificate_api_ports import CertificateReader, CertificateSnapshot
    from ctlctl.connectors.control_center_ports import ServiceReader, ServiceStatus
    from ctlctl.connectors.platform_cli_ports import Console

#: Seconds that one reading may wait for a busy cluster, all waits together.
_PATIENCE_SECONDS: Final = 300.0
#: What the account for changes is called, here and in the settings.
WRITER: Final = "writer"


class Opener:
    """Opens the interfaces of one cluster."""

    def __init__(  # noqa: PLR0913 - a cluster, and what all share
        self,
        name: str,
        cluster: ClusterSettings,
        observer: AxlObserver,
        refusals: Refusals,
        sleep: Callable[[float], object],
        *,
        flow: TimeFlow = REAL_TIME,
    ) -> None:
        """Open nothing yet.

        Args:
            name: the cluster's name.
            cluster: its settings.
            observer: hears of every request.
            refusals: what is known of accounts.
            sleep: waits that many seconds, or until the daemon ends.
            flow: how time passes; another than the machine's only in a simulation.
        """
        self._flow = flow
        self._observer = observer
        self._sleep = sleep
        self._name = name
        self._cluster = cluster
        axl, platform, writer = cluster.axl, cluster.platform, cluster.writer

        def account(which: str, username: str, table: AccountTable, interface: str) -> Account:
            return Account(which, username, table, Place(name, axl.host, interface), refusals.of(name, which))

        self._writer = None if writer is None else account(WRITER, writer.username, writer, "AXL")
        soap = account("axl", axl.username, axl, "AXL")
        # Rights differ, so that Control Center may refuse whom AXL takes. The platform account is one: CUCM locks it
        # after three wrong passwords, whoever tried them.
        self._accounts = {
            Source.AXL: soap,
            Source.RIS: soap,
            Source.CONTROL_CENTER: account("control-center", axl.username, axl, "Control Center"),
        }
        if platform is not None:
            shared = account("platform", platform.username, platform, "platform account")
            self._accounts |= {Source.CERTIFICATE_API: shared, Source.PLATFORM_CLI: shared}

    def refused(self, asked: Iterable[str] | None = None) -> tuple[RefusedAccount, ...]:
        """Return the accounts that were refused and have not changed since.

        Args:
            asked: sources whose accounts to look at, and `WRITER`; None for all accounts.

        Raises:
            StoreError: nobody can tell, because the store cannot be read.
        """
        found = []
        for account in self._chosen(asked):
            try:
                refusal = account.refusal()
            except AccountError:
                # Without a password nothing is tried either; whoever needs it says so.
                continue
            if refusal is not None:
                found.append(refusal)
        return tuple(found)

    def try_once_more(self, names: Iterable[str]) -> None:
        """Let refused accounts be tried once, although they have not changed; names as `refused` gives them."""
        wanted = frozenset(names)
        for account in self._chosen(None):
            if account.name in wanted:
                account.try_once_more()

    def _chosen(self, asked: Iterable[str] | None) -> list[Account]:
        known: dict[str, Account] = {source.value: one for source, one in self._accounts.items()}
        if self._writer is not None:
            known[WRITER] = self._writer
        chosen = known.values() if asked is None else [known[one] for one in asked if one in known]
        return list(dict.fromkeys(chosen))

    def axl(self) -> AxlClient:
        """Open AXL.

        Raises:
            ConnectorError: the account cannot be used, or the server is a lab's and the cluster is none.
        """
        password, trust = self._soap()
        settings = axl_settings(self._name, self._cluster, password, trust, _PATIENCE_SECONDS)
        settings = replace(settings, guard=self._accounts[Source.AXL].guard(password))
        return AxlClient(settings, clock=self._clock, sleep=self._wait, observer=self._observer)

    def ris(self) -> RisClient:
        """Open RIS.

        Raises:
            ConnectorError: as `axl`.
        """
        password, trust = self._soap()
        settings = ris_settings(self._name, self._cluster, password, trust, _PATIENCE_SECONDS)
        settings = replace(settings, guard=self._accounts[Source.RIS].guard(password))
        return RisClient(settings, clock=self._clock, sleep=self._wait)

    def control_center(self) -> "Callable[[NodeSettings], ServiceReader]":
        """Return what opens Control Center of a node.

        Raises:
            AccountError: the account cannot be used.
        """
        account, axl = self._accounts[Source.CONTROL_CENTER], self._accounts[Source.AXL]
        account.check()
        asked = False

        def services(node: NodeSettings, names: Iterable[str]) -> "tuple[ServiceStatus, ...]":
            nonlocal asked
            if not asked:
                asked = True
                self._ask_axl_first()
            # Whom AXL refuses is not tried here: it is the same user, and would be one more wrong password.
            axl.check(strict=True)

            def ask(password: Secret) -> "tuple[ServiceStatus, ...]":
                with open_control_center(self._name, self._cluster, node, password, sleep=self._wait) as client:
                    return client.services(names)

            return account.use(ask)

        return lambda node: _Services(partial(services, node))

    def _ask_axl_first(self) -> None:
        """Have AXL take or refuse its user, where it has not done so yet: of the two, it is to say so.

        Raises:
            ConnectorError: AXL refuses the user, or the password cannot be had.
        """
        if self._accounts[Source.AXL].is_taken():
            return
        try:
            with self.axl() as client:
                client.version()
        except AccountError:
            raise
        except ConnectorError as error:
            # An AXL that is away says nothing about the password.
            if error.fault is ConnectorFault.CREDENTIALS:
                raise

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
        settings = replace(settings, guard=self._writer.guard(password))
        if per_second is not None:
            settings = replace(settings, writes_per_second=per_second)
        return AxlClient(settings, clock=self._clock, sleep=self._wait, observer=self._observer)

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
