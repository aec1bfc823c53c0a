"""An account of a cluster: its password, read when needed, and the memory that a refused one is not tried again."""

import os
from dataclasses import dataclass
from pathlib import Path

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.secret import Secret
from ctlctl_config.model import AccountTable
from ctlctl_config.secretfiles import SecretError


class AccountError(ConnectorError):
    """The account of a cluster cannot be used: its password cannot be had, or was refused and has not changed."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A password that a cluster refused: by its place in the file system, never by its text."""

    stamp: tuple[int, int, int] | None


class Account:
    """One account as one interface takes it. CUCM locks accounts that keep trying, so one refusal is the last try."""

    def __init__(self, username: str, table: AccountTable, place: Place) -> None:
        """Read nothing yet.

        Args:
            username: whose it is.
            table: where the password lies.
            place: what errors say about where they come from.
        """
        self.username = username
        self.place = place
        self._table = table
        self._refused: _Refusal | None = None

    def password(self) -> Secret:
        """Read the password, now.

        Raises:
            AccountError: it cannot be had, or it was refused before and is still the same.
        """
        if self._refused is not None and self._refused == self._now():
            detail = f"user {self.username!r} was refused before, and the password is still the same"
            raise AccountError(ConnectorFault.CREDENTIALS, detail, place=self.place)
        self._refused = None
        try:
            return Secret(self._table.read_password().get_secret_value())
        except SecretError as error:
            raise AccountError(ConnectorFault.INVALID, str(error), place=self.place) from None

    def was_refused(self) -> None:
        """Remember that the cluster refused the account as it is now."""
        self._refused = self._now()

    def _now(self) -> _Refusal:
        table = self._table
        path = table.password_file or Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), table.password_credential or "")
        try:
            status = path.stat()
        except OSError:
            return _Refusal(None)
        return _Refusal((status.st_mtime_ns, status.st_ino, status.st_size))
