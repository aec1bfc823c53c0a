"""Bad logins to a node's platform, and what comes of them: three lock the account there for five minutes.

The numbers are CUCM's defaults (CLI Reference Guide, ``show accountlocking``).
"""

import hmac
from typing import TYPE_CHECKING, Final

from ctlctl_lab.model import PlatformAccount

if TYPE_CHECKING:
    from ctlctl_lab.world import World

MAX_BAD_LOGINS: Final = 3
#: Lab seconds.
LOCK_SECONDS: Final = 300


class Logins:
    """Counts bad logins by node and account. Use it under `Cluster.lock`."""

    def __init__(self) -> None:
        self._bad: dict[tuple[str, str], int] = {}

    def check(self, world: "World", node: str, user: str, password: str) -> PlatformAccount | None:
        """Return the account, or None; see `World.platform_login`."""
        account = world.cluster.platform_accounts.get(user)
        expected = "" if account is None else account.password
        same = hmac.compare_digest(expected.encode(), password.encode())
        if account is None:
            # Nobody's bad logins lock nothing, and are not remembered.
            return None
        key, locked = (node, user), world.faults.ssh_locked
        if key in locked:
            if world.now() < locked[key]:
                return None
            del locked[key]
        if same:
            self._bad.pop(key, None)
            return account
        self._bad[key] = self._bad.get(key, 0) + 1
        if self._bad[key] >= MAX_BAD_LOGINS:
            del self._bad[key]
            locked[key] = world.now() + LOCK_SECONDS
        return None

    def clear(self) -> None:
        """Forget every bad login."""
        self._bad.clear()
