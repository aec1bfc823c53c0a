"""What stands between an interface and a login with a password: CUCM locks accounts that keep trying."""

from collections.abc import Callable
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class LoginGuard(Protocol):
    """Minds one password of one account; whoever sends the password sends it through this."""

    def __call__(self, send: Callable[[], _T]) -> _T:
        """Send, where that may be done.

        Args:
            send: sends; raises ConnectorError, with the fault "credentials" where the password is refused.

        Returns:
            What ``send`` returned.

        Raises:
            ConnectorError: as ``send`` raises it, or the account must not be tried.
        """
