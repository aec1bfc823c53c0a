"""Who enrols: a name as CAPF wants it, or a user and instance that are spelled to one.

CAPF keeps application and end users by user and instance ID (Cisco JTAPI and TAPI developer guides); how a client puts
the two into the one name that AUTH_RESPONSE has is not public. So it is a format, and the default is unproven.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl_capf.rules import MAX_DEVICE
from ctlctl_config.enrolment import DEFAULT_NAME_FORMAT

UserKind = Literal["application-user", "end-user"]

_FIELD: Final = re.compile(r"\{(user|instance)\}")

#: Said where a spelling that nobody has proved is used for the first time.
UNPROVEN: Final = (
    "how CAPF wants user and instance spelled is not public: {name!r} is sent ({format}), which is unproven. If CAPF "
    "does not know that name, try another --name-format"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who enrols.

    Attributes:
        name: the name that CAPF is told.
        user: the user; empty where only the name was given.
        instance: the instance ID, likewise.
        kind: which kind of user; None where only the name was given.
        name_format: how the name was made; empty where it was given.
    """

    name: str
    user: str = ""
    instance: str = ""
    kind: UserKind | None = None
    name_format: str = ""

    @property
    def note(self) -> str | None:
        """What there is to say about the name, or None."""
        return UNPROVEN.format(name=self.name, format=self.name_format) if self.name_format else None

    @property
    def expected_names(self) -> tuple[str, ...]:
        """CNs that a new certificate may have: the name that was told, or the user's, for CAPF's choice is not public.

        Of a name that was given only itself.
        """
        return tuple(dict.fromkeys((self.name, self.user))) if self.user else (self.name,)


def named(name: str) -> Identity:
    """Return who has a name of their own.

    Raises:
        EnrollError: it cannot be one.
    """
    return Identity(_checked(name))


def of_user(kind: UserKind, user: str, instance: str, name_format: str = DEFAULT_NAME_FORMAT) -> Identity:
    """Return who is a user's instance.

    Raises:
        EnrollError: the format or what comes of it cannot be.
    """
    if not user or not instance:
        raise EnrollError(EnrollFault.USAGE, "a user enrols for one instance", "Give both, user and instance ID")
    if not _FIELD.search(name_format) or set(_FIELD.sub("", name_format)) & set("{}"):
        advice = (
            f"Write {{user}}, {{instance}} or both, and nothing else in braces; the default is {DEFAULT_NAME_FORMAT}"
        )
        raise EnrollError(EnrollFault.USAGE, f"{name_format!r} is no format of a name", advice)
    words = {"user": user, "instance": instance}
    name = _FIELD.sub(lambda found: words[found[1]], name_format)
    return Identity(_checked(name), user, instance, kind, name_format)


def _checked(name: str) -> str:
    if not name or len(name) > MAX_DEVICE or not name.isprintable():
        advice = f"It has 1 to {MAX_DEVICE} printable characters"
        raise EnrollError(EnrollFault.USAGE, f"{name[:MAX_DEVICE]!r} is no name", advice)
    return name
