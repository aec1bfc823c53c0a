"""Changing CAPF profiles of users: read, check, write, read back, with an entry in the audit log before and after."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NoReturn, Protocol

from ctlctl.assess.model import Json
from ctlctl.connectors.axl_enums import (
    AuthenticationMode,
    CertificateOperation,
    CertificateStatus,
    EcKeySize,
    KeyOrder,
    KeySize,
)
from ctlctl.connectors.axl_values import CapfProfile, CapfProfileChange, CapfUserKind, NewCapfProfile
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.secret import Secret

#: Adds an entry to the audit log: event and detail.
Journal = Callable[[str, Mapping[str, Json]], None]

_CREATE: Final = "capf-profile-create"
_UPDATE: Final = "capf-profile-update"
_REMOVE: Final = "capf-profile-remove"


class ProfileRefusedError(ConnectorError):
    """A change of a profile was not begun: something speaks against it."""


class ProfilePort(Protocol):
    """What of AXL is used; `ctlctl.connectors.axl.AxlClient` is one."""

    def capf_profiles(self, kind: CapfUserKind) -> Iterator[CapfProfile]:
        """Give every profile of a kind."""

    def capf_profile(self, kind: CapfUserKind, pkid: str) -> CapfProfile:
        """Return one profile."""

    def add_capf_profile(self, kind: CapfUserKind, profile: NewCapfProfile) -> str:
        """Add one; return its key."""

    def update_capf_profile(self, kind: CapfUserKind, pkid: str, change: CapfProfileChange) -> None:
        """Change one."""

    def remove_capf_profile(self, kind: CapfUserKind, pkid: str) -> None:
        """Remove one."""


@dataclass(frozen=True, slots=True)
class ProfileWish:
    """What a profile is to be; None leaves a thing as it is, or as CUCM has it by default.

    Attributes:
        operation: what CAPF is to do.
        mode: how the user proves themselves to CAPF.
        string: the one-time authentication string.
        key_size: bits of an RSA key.
        key_order: which kind of key.
        ec_key_size: bits of an elliptic curve key.
        finish_by: "Operation Completes By", in the cluster's own time.
    """

    operation: CertificateOperation | None = None
    mode: AuthenticationMode | None = None
    string: Secret | None = None
    key_size: KeySize | None = None
    key_order: KeyOrder | None = None
    ec_key_size: EcKeySize | None = None
    finish_by: datetime | None = None

    def shown(self) -> dict[str, Json]:
        """Return it as the audit log has it: that there is a string, never which."""
        return {
            "operation": self.operation,
            "authentication_mode": self.mode,
            "authentication_string": None if self.string is None else "given",
            "key_size": self.key_size,
            "key_order": self.key_order,
            "ec_key_size": self.ec_key_size,
            "finish_by": None if self.finish_by is None else f"{self.finish_by:%Y-%m-%d %H:%M}",
        }


class ProfileActions:
    """Changes the CAPF profiles of one cluster."""

    def __init__(self, axl: ProfilePort, journal: Journal, place: Place) -> None:
        """Do nothing yet.

        Args:
            axl: an open connection that may write.
            journal: adds to the audit log.
            place: what errors say about where they come from.
        """
        self._axl = axl
        self._journal = journal
        self._place = place

    def create(self, kind: CapfUserKind, user: str, instance_id: str, wish: ProfileWish) -> CapfProfile:
        """Add a profile.

        Raises:
            ProfileRefusedError: there is one already, or the wish makes no sense; nothing was changed.
            ConnectorError: it was not added; fault "uncertain" if nobody knows.
        """
        self._check_wish(wish, wish.mode or AuthenticationMode.NULL)
        if self._find(kind, user, instance_id) is not None:
            # Of one instance ID, CTIManager closes both connections (JTAPI Developer Guide).
            self._refuse(ConnectorFault.DUPLICATE, f"{user!r} has a profile with instance ID {instance_id!r} already")
        new = NewCapfProfile(
            user=user,
            instance_id=instance_id,
            operation=wish.operation or CertificateOperation.NONE,
            authentication_mode=wish.mode or AuthenticationMode.NULL,
            authentication_string=wish.string,
            key_size=wish.key_size or KeySize.RSA_2048,
            key_order=wish.key_order,
            ec_key_size=wish.ec_key_size,
            finish_by=wish.finish_by,
        )
        what: dict[str, Json] = {"kind": kind.value, "user": user, "instance_id": instance_id}
        with _Journalled(self._journal, _CREATE, what | {"wish": wish.shown()}) as entry:
            pkid = self._axl.add_capf_profile(kind, new)
            entry["pkid"] = pkid
            made = self._axl.capf_profile(kind, pkid)
            entry["read_back"] = _shown(made)
            self._compare(wish, made)
        return made

    def update(self, kind: CapfUserKind, user: str, instance_id: str, wish: ProfileWish) -> CapfProfile:
        """Change a profile.

        Raises:
            ProfileRefusedError: there is none, an operation is pending, or the wish makes no sense.
            ConnectorError: it was not changed; fault "uncertain" if nobody knows.
        """
        before = self._existing(kind, user, instance_id)
        mode = wish.mode or before.authentication_mode
        self._check_wish(wish, mode if isinstance(mode, AuthenticationMode) else None)
        starts = wish.operation not in {None, CertificateOperation.NONE}
        if starts and before.status is CertificateStatus.PENDING:
            self._refuse(ConnectorFault.REFUSED, f"an operation is pending for {user!r}: {before.operation}")
        change = CapfProfileChange(
            operation=wish.operation,
            authentication_mode=wish.mode,
            authentication_string=wish.string,
            key_size=wish.key_size,
            key_order=wish.key_order,
            ec_key_size=wish.ec_key_size,
            finish_by=wish.finish_by,
        )
        what: dict[str, Json] = {"kind": kind.value, "user": user, "instance_id": instance_id, "pkid": before.pkid}
        with _Journalled(self._journal, _UPDATE, what | {"wish": wish.shown(), "before": _shown(before)}) as entry:
            self._axl.update_capf_profile(kind, before.pkid, change)
            after = self._axl.capf_profile(kind, before.pkid)
            entry["read_back"] = _shown(after)
            self._compare(wish, after)
        return after

    def remove(self, kind: CapfUserKind, user: str, instance_id: str) -> None:
        """Remove a profile. The certificate that was issued for it stays valid until its end.

        Raises:
            ProfileRefusedError: there is none.
            ConnectorError: it was not removed; fault "uncertain" if nobody knows.
        """
        before = self._existing(kind, user, instance_id)
        what: dict[str, Json] = {"kind": kind.value, "user": user, "instance_id": instance_id, "pkid": before.pkid}
        with _Journalled(self._journal, _REMOVE, what | {"before": _shown(before)}):
            self._axl.remove_capf_profile(kind, before.pkid)
            if self._find(kind, user, instance_id) is not None:
                self._refuse(ConnectorFault.UNCERTAIN, f"{user!r} still has the profile {instance_id!r}")

    def _find(self, kind: CapfUserKind, user: str, instance_id: str) -> CapfProfile | None:
        # Users' names have no case in CUCM; instance IDs have.
        return next(
            (
                one
                for one in self._axl.capf_profiles(kind)
                if one.user.lower() == user.lower() and one.instance_id == instance_id
            ),
            None,
        )

    def _existing(self, kind: CapfUserKind, user: str, instance_id: str) -> CapfProfile:
        found = self._find(kind, user, instance_id)
        if found is None:
            self._refuse(ConnectorFault.NO_SUCH_ITEM, f"{user!r} has no profile with instance ID {instance_id!r}")
        return found

    def _check_wish(self, wish: ProfileWish, mode: AuthenticationMode | None) -> None:
        if wish.key_size is KeySize.RSA_512:
            self._refuse(ConnectorFault.INVALID, "RSA keys of 512 bits are broken within hours")
        if wish.string is not None and mode is not AuthenticationMode.STRING:
            self._refuse(ConnectorFault.INVALID, "an authentication string is of no use unless the mode asks for one")
        if wish.string is None and wish.mode is AuthenticationMode.STRING and wish.operation is not None:
            self._refuse(ConnectorFault.INVALID, "the mode asks for an authentication string, and there is none")

    def _compare(self, wish: ProfileWish, found: CapfProfile) -> None:
        """Hold what was read back against what was wished; the string is never read."""
        pairs = {
            "operation": (wish.operation, found.operation),
            "authentication mode": (wish.mode, found.authentication_mode),
            "key size": (wish.key_size, found.key_size),
            "key order": (wish.key_order, found.key_order),
            "EC key size": (wish.ec_key_size, found.ec_key_size),
        }
        wrong = [
            f"{name} is {is_now}, not {wanted}" for name, (wanted, is_now) in pairs.items() if _differ(wanted, is_now)
        ]
        if wrong:
            self._refuse(ConnectorFault.UNCERTAIN, f"the cluster took it and says something else: {'; '.join(wrong)}")

    def _refuse(self, fault: ConnectorFault, detail: str) -> NoReturn:
        raise ProfileRefusedError(fault, detail, place=self._place)


def _differ(wanted: str | None, found: str | None) -> bool:
    return wanted is not None and found is not None and str.__str__(wanted) != str.__str__(found)


def _shown(profile: CapfProfile) -> dict[str, Json]:
    return {
        "operation": profile.operation,
        "status": profile.status,
        "authentication_mode": profile.authentication_mode,
        "key_size": profile.key_size,
        "key_order": profile.key_order,
        "ec_key_size": profile.ec_key_size,
        "finish_time": profile.finish_time,
    }


class _Journalled:
    """An entry before something is done, and one after it, whatever came of it."""

    def __init__(self, journal: Journal, event: str, what: dict[str, Json]) -> None:
        self._journal = journal
        self._event = event
        self._what = what
        self._more: dict[str, Json] = {}

    def __enter__(self) -> dict[str, Json]:
        self._journal(f"{self._event}-begins", self._what)
        return self._more

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        result: dict[str, Json] = {"result": "done"}
        if isinstance(error, ConnectorError):
            result = {"result": "failed", "fault": error.fault.value, "words": error.detail}
        elif error is not None:
            result = {"result": "broke off", "words": type(error).__name__}
        self._journal(self._event, self._what | self._more | result)
