"""An account of a cluster: its password, read when needed, and the memory that a refused one is not tried again."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.secret import Secret
from ctlctl_config.model import AccountTable
from ctlctl_config.secretfiles import SecretError

_T = TypeVar("_T")


class AccountError(ConnectorError):
    """The account of a cluster cannot be used: its password cannot be had, or was refused and has not changed."""


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A password as it was at some time: by its place in the file system, never by its text."""

    file: tuple[int, int, int] | None


class Account:
    """One account as one interface takes it. CUCM locks accounts that keep trying, so one refusal is the last try.

    Threads share it.
    """

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
        self._refused: _Stamp | None = None
        self._taken: _Stamp | None = None
        self._read: _Stamp | None = None
        self._one_at_a_time = Lock()

    def check(self) -> None:
        """Hold that the password may be tried.

        Raises:
            AccountError: it was refused before and is still the same.
        """
        if self._refused is not None and self._refused == self._now():
            detail = f"user {self.username!r} was refused before, and the password is still the same"
            raise AccountError(ConnectorFault.CREDENTIALS, detail, place=self.place)

    def password(self) -> Secret:
        """Read the password, now.

        Raises:
            AccountError: it cannot be had, or it was refused before and is still the same.
        """
        self.check()
        # Before the password: one that is written meanwhile is then tried once more, and never left untried.
        self._read = self._now()
        try:
            return Secret(self._table.read_password().get_secret_value())
        except SecretError as error:
            raise AccountError(ConnectorFault.INVALID, str(error), place=self.place) from None

    def use(self, act: Callable[[Secret], _T]) -> _T:
        """Do something that the cluster takes the password for, or refuses.

        A password that has not been taken yet is tried by one thread at a time, so that a wrong one is sent once,
        however many sources and nodes there are to ask with it.

        Args:
            act: does it; raises ConnectorError with the fault "credentials" where the password was refused.

        Raises:
            AccountError: it cannot be had, or it was refused before and is still the same.
            ConnectorError: as ``act`` raises it.
        """
        if self._taken is not None and self._taken == self._now():
            return self._try(act)
        with self._one_at_a_time:
            return self._try(act)

    def _try(self, act: Callable[[Secret], _T]) -> _T:
        stamp = self._now()
        password = self.password()
        try:
            done = act(password)
        except ConnectorError as error:
            if error.fault is ConnectorFault.CREDENTIALS:
                # What was tried was refused, not what may have been written into the file since.
                self._refused, self._taken = stamp, None
            raise
        self._taken = stamp
        return done

    def was_refused(self) -> None:
        """Remember that the cluster refused the password that was read last."""
        self._refused, self._taken = self._read, None

    def _now(self) -> _Stamp:
        table = self._table
        path = table.password_file or Path(os.environ.get("CREDENTIALS_DIRECTORY", ""), table.password_credential or "")
        try:
            status = path.stat()
        except OSError:
            return _Stamp(None)
        return _Stamp((status.st_mtime_ns, status.st_ino, status.st_size))
