"""Accounts that ctld knows to be refused: commands that log in themselves send no such password once more.

CUCM locks accounts that keep trying, and it does not matter to it which of our programs does.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from ctlctl.cluster.doctor_soap import Learned
from ctlctl.cluster.rows import Interface, Row, Status
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.fleet.client import AskError, ask_fleet
from ctlctl.terminal import printable
from ctlctl_config import ClusterSettings, Settings
from ctlctl_config.model import AccountTable

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Refused:
    """Accounts of one cluster that are not to be tried.

    Attributes:
        cluster: its name.
        host: of its publisher, for errors.
        words: why, by account: "axl", "control-center", "platform".
    """

    cluster: str
    host: str
    words: dict[str, str]

    def hold(self, account: str, interface: str) -> None:
        """Hold that an account may be tried.

        Raises:
            ConnectorError: it was refused before and is still the same.
        """
        words = self.words.get(account)
        if words is not None:
            place = Place(self.cluster, self.host, interface)
            raise ConnectorError(ConnectorFault.CREDENTIALS, words, place=place, advice=self.advice)

    @property
    def advice(self) -> str:
        """What to do."""
        return (
            "Write the right password into its file; if the same is right now, because the account was unlocked or "
            f"corrected in CUCM: ctlctl cluster refresh {self.cluster} --retry-credentials"
        )

    def opening(self, open_view: Callable[[str, ClusterSettings], _T]) -> Callable[[str, ClusterSettings], _T]:
        """Return what opens AXL only where its user may be tried; raises ConnectorError elsewhere."""

        def opened(name: str, cluster: ClusterSettings) -> _T:
            self.hold("axl", "AXL")
            return open_view(name, cluster)

        return opened

    def asking(
        self,
        account: str,
        interfaces: Iterable[Interface],
        ask: Callable[[str, ClusterSettings, Learned], Iterable[Row]],
    ) -> Callable[[str, ClusterSettings, Learned], Iterator[Row]]:
        """Return what asks nodes only where an account may be tried; else there is a row for each interface."""

        def asked(name: str, cluster: ClusterSettings, learned: Learned) -> Iterator[Row]:
            words = self.words.get(account)
            if words is None:
                yield from ask(name, cluster, learned)
                return
            for interface in interfaces:
                yield Row(
                    interface=interface,
                    status=Status.FAILED,
                    message=words,
                    credentials=False,
                    fault=ConnectorFault.CREDENTIALS.value,
                    advice=self.advice,
                )

        return asked


def refused_accounts(settings: Settings, name: str) -> Refused:
    """Ask ctld, or the snapshot that it left, which accounts of a cluster are refused; none where neither can tell."""
    cluster = settings.clusters[name]
    found = Refused(name, cluster.axl.host, {})
    try:
        told = ask_fleet(settings.api.socket, settings.api.snapshot, "refused-accounts", {"cluster": name})
    except AskError:
        # Nobody watches this cluster, or who runs this may not ask: the one login of a command is then its own.
        return found
    tables: dict[str, tuple[str, AccountTable]] = {
        "axl": (cluster.axl.username, cluster.axl),
        "control-center": (cluster.axl.username, cluster.axl),
    }
    if cluster.platform is not None:
        tables["platform"] = (cluster.platform.username, cluster.platform)
    for row in told.answer["rows"]:
        username, table = tables.get(row["account"], ("", None))
        if table is None or row["username"] != username or (not told.live and _is_newer(table, row["at"])):
            continue
        found.words[row["account"]] = _words(row, live=told.live)
    return found


def _is_newer(table: AccountTable, at: int) -> bool:
    """Tell whether a password was written after it was refused; only a running ctld can compare what is in it."""
    try:
        # Refusals are known to the second: within the same one, nothing is tried.
        return table.password_file is not None and int(table.password_file.stat().st_mtime) > at
    except OSError:
        return False


def _words(row: dict[str, Any], *, live: bool) -> str:
    when = f"{datetime.fromtimestamp(row['at'], UTC):%Y-%m-%d %H:%M} UTC"
    same = "user and password are still the same" if live else "its password file was not written since"
    who, whom = printable(str(row["username"])), printable(str(row["interface"]))
    return f"nothing was sent: {whom} refused user {who!r} ({when}), and {same}"
