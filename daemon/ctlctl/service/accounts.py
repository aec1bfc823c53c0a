"""An account of a cluster: its password, read when needed, and the memory that a refused one is not tried again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.logins import LoginGuard
from ctlctl.connectors.secret import Secret
from ctlctl.inventory.refused import RefusedAccount
from ctlctl.service.credentials import Credentials
from ctlctl.service.refusals import AccountMemory, Refusal, StandingRefusalError
from ctlctl.store.store import StoreError
from ctlctl_config.model import AccountTable
from ctlctl_config.secretfiles import SecretError

_T = TypeVar("_T")


class AccountError(ConnectorError):
    """The account of a cluster cannot be used: its password cannot be had, or was refused and has not changed."""


class Account:
    """One account as the settings have it. CUCM locks accounts that keep trying, so one refusal is the last try.

    Threads share it.
    """

    def __init__(self, name: str, username: str, table: AccountTable, place: Place, memory: AccountMemory) -> None:
        """Read nothing yet.

        Args:
            name: what the settings call it.
            username: whose it is.
            table: where the password lies.
            place: what errors say about where they come from.
            memory: what is known of it.
        """
        self.name = name
        self.username = username
        self.place = place
        self._table = table
        self._memory = memory

    def check(self, *, strict: bool = False) -> None:
        """Hold that the password may be tried.

        Args:
            strict: also where somebody has asked for one more try of a refused one, it may not.

        Raises:
            AccountError: it cannot be had, or it was refused before and is still the same.
        """
        self._hold(self._read(), strict=strict)

    def password(self) -> Secret:
        """Read the password, now; send it by what `guard` returns.

        Raises:
            AccountError: it cannot be had, or it was refused before and is still the same.
        """
        password = self._read()
        self._hold(password)
        return password

    def guard(self, password: Secret) -> LoginGuard:
        """Return what a client sends the password through. It raises AccountError as `use` does."""
        return _Guard(self, password)

    def use(self, act: Callable[[Secret], _T]) -> _T:
        """Do something that the cluster takes the password for, or refuses.

        Args:
            act: does it; raises ConnectorError with the fault "credentials" where the password was refused.

        Raises:
            AccountError: it cannot be had, or it was refused before and is still the same.
            ConnectorError: as ``act`` raises it.
        """
        password = self._read()
        self._hold(password)
        return self.attempt(password, lambda: act(password))

    def attempt(self, password: Secret, send: Callable[[], _T]) -> _T:
        """Send a password that was read before; arguments and errors as `use`."""
        try:
            return self._memory.attempt(self._credentials(password), send)
        except StandingRefusalError as standing:
            raise self._refused(standing.refusal) from None
        except StoreError as error:
            raise self._untold(error) from None

    def is_taken(self) -> bool:
        """Tell whether the cluster took the password as it is now; False where that cannot be had."""
        try:
            return self._memory.is_taken(self._credentials(self._read()))
        except AccountError:
            return False

    def refusal(self) -> RefusedAccount | None:
        """Return when and by whom the account was refused; None where it was not, or has changed since.

        Raises:
            AccountError: the password cannot be had.
            StoreError: nobody can tell, because the store cannot be read.
        """
        found = self._memory.standing(self._credentials(self._read()))
        return None if found is None else RefusedAccount(self.name, self.username, found.interface, found.at)

    def try_once_more(self) -> None:
        """Let the password be tried once, although it was refused."""
        self._memory.try_once_more()

    def _credentials(self, password: Secret) -> Credentials:
        return Credentials(self.username, password)

    def _read(self) -> Secret:
        try:
            return Secret(self._table.read_password().get_secret_value())
        except SecretError as error:
            raise AccountError(ConnectorFault.INVALID, str(error), place=self.place) from None

    def _hold(self, password: Secret, *, strict: bool = False) -> None:
        try:
            refusal = self._memory.standing(self._credentials(password))
        except StoreError as error:
            raise self._untold(error) from None
        if refusal is not None and (strict or not self._memory.may_try_once_more()):
            raise self._refused(refusal)

    def _refused(self, refusal: Refusal) -> AccountError:
        when = f"{datetime.fromtimestamp(refusal.at, UTC):%Y-%m-%d %H:%M} UTC"
        detail = (
            f"user {self.username!r} was refused by {refusal.interface} ({when}), and user and password are still the "
            "same; nothing was sent"
        )
        return AccountError(ConnectorFault.CREDENTIALS, detail, place=self.place)

    def _untold(self, error: StoreError) -> AccountError:
        # A password that may have been refused is not sent: CUCM counts, and the store may be back in a minute.
        detail = f"whether user {self.username!r} was refused before cannot be told: {error.detail}"
        return AccountError(ConnectorFault.INVALID, detail, place=self.place, advice=error.advice)


@dataclass(frozen=True, slots=True)
class _Guard:
    """An account with the password that a client was opened with."""

    account: Account
    password: Secret

    def __call__(self, send: Callable[[], _T]) -> _T:
        return self.account.attempt(self.password, send)
