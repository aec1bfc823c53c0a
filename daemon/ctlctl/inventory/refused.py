"""Accounts that a cluster has refused, as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefusedAccount:
    """An account that is not tried again before it changes. Nothing here tells what its password is.

    Attributes:
        account: what the settings call it: "axl", "platform", "writer"; "control-center" for AXL's user there.
        username: the user.
        interface: who refused it, such as "AXL".
        at: when it was refused last.
    """

    account: str
    username: str
    interface: str
    at: int
