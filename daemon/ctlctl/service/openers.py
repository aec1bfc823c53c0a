"""AXL and RIS of a cluster, opened as its settings say; and the memory that a refused password is not tried again."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ctlctl.cluster.access import require_identity, tls_trust
from ctlctl.cluster.soapsettings import axl_settings, ris_settings
from ctlctl.connectors.axl import AxlClient
from ctlctl.connectors.axl_ports import AxlObserver
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.ports import TlsTrust
from ctlctl.connectors.ris import RisClient
from ctlctl.connectors.secret import Secret
from ctlctl_config.model import ClusterSettings
from ctlctl_config.secretfiles import SecretError

#: Seconds that one reading may wait for a busy cluster, all waits together.
_PATIENCE_SECONDS: Final = 300.0


class AccountError(ConnectorError):
    """The account of a cluster cannot be used: its password cannot be had, or was refused and has not changed."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A password that a cluster refused: by its place in the file system, never by its text."""

    username: str
    stamp: tuple[int, int, int] | None


class Opener:
    """Opens the SOAP interfaces of one cluster."""

    def __init__(
        self, name: str, cluster: ClusterSettings, observer: AxlObserver, sleep: Callable[[float], object]
    ) -> None:
        """Open nothing yet.

        Args:
            name: the cluster's name.
            cluster: its settings.
            observer: hears of every request.
            sleep: waits that many seconds, or until the daemon ends.
        """
        self._observer = observer
        self._sleep = sleep
        self._name = name
        self._cluster = cluster
        self._refused: _Refusal | None = None

    @property
    def place(self) -> Place:
        """What errors say about where they come from."""
        return Place(self._name, self._cluster.axl.host, "AXL")

    def axl(self) -> AxlClient:
        """Open AXL.

        Raises:
            ConnectorError: the account cannot be used, or the server is a lab's and the cluster is none.
        """
        password, trust = self._account()
        settings = axl_settings(self._name, self._cluster, password, trust, _PATIENCE_SECONDS)
        return AxlClient(settings, sleep=self._wait, observer=self._observer)

    def ris(self) -> RisClient:
        """Open RIS.

        Raises:
            ConnectorError: as `axl`.
        """
        password, trust = self._account()
        settings = ris_settings(self._name, self._cluster, password, trust, _PATIENCE_SECONDS)
        return RisClient(settings, sleep=self._wait)

    def _wait(self, seconds: float) -> None:
        self._sleep(seconds)

    def was_refused(self) -> None:
        """Remember that the cluster refused the account as it is now: CUCM locks accounts that keep trying."""
        self._refused = self._refusal()

    def _account(self) -> tuple[Secret, TlsTrust]:
        if self._refused is not None and self._refused == self._refusal():
            detail = f"user {self._cluster.axl.username!r} was refused before, and the password is still the same"
            raise AccountError(ConnectorFault.CREDENTIALS, detail, place=self.place)
        self._refused = None
        try:
            password = Secret(self._cluster.axl.read_password().get_secret_value())
        except SecretError as error:
            raise AccountError(ConnectorFault.INVALID, str(error), place=self.place) from None
        require_identity(self._name, self._cluster)
        return password, tls_trust(self._cluster, self._cluster.axl, self.place) or TlsTrust()

    def _refusal(self) -> _Refusal:
        axl = self._cluster.axl
        path = axl.password_file or Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), axl.password_credential or "")
        try:
            status = path.stat()
        except OSError:
            return _Refusal(axl.username, None)
        return _Refusal(axl.username, (status.st_mtime_ns, status.st_ino, status.st_size))
