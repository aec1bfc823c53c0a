"""The CUCM roles that an account needs, by the names that User Management shows.

AXL: Cisco's AXL FAQ and authentication guide (a read-only role came with 11.5(1)). RIS and Control Center: the roles
that public tools ask for; Cisco documents none.
"""

from typing import Final, NamedTuple


class RoleNeed(NamedTuple):
    """A role, and what it is for."""

    role: str
    purpose: str


#: An account that only looks; what `cluster add` wants.
READER_ROLES: Final = (
    RoleNeed("Standard AXL API Users", "AXL, together with the next"),
    RoleNeed("Standard AXL Read Only API Access", "AXL without the right to change anything"),
    RoleNeed("Standard RealtimeAndTraceCollection", "RIS and Control Center: where phones are, which services run"),
)
#: An account that changes things; only a rollout uses one.
WRITER_ROLES: Final = (
    RoleNeed("Standard CCM Admin Users", "AXL, together with the next"),
    RoleNeed("Standard AXL API Access", "AXL with changes"),
    RoleNeed("Standard RealtimeAndTraceCollection", "RIS and Control Center: where phones are, which services run"),
)
#: Where roles are given.
WHERE: Final = "User Management > Application User, through an access control group that has the roles"


def missing_roles(needs: tuple[RoleNeed, ...]) -> str:
    """Return the advice to look for roles."""
    return f"Check that the user has the roles {', '.join(need.role for need in needs)} ({WHERE})"
