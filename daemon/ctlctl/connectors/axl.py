"""The AXL client: a cluster's configuration as plain values, and the few changes that a lifecycle of trust needs."""

import time
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from ctlctl.connectors.axl_now import NAMES_AT_ONCE, PhoneNow, phones_now, read_phone_now
from ctlctl.connectors.axl_ports import START_WRITES_PER_SECOND, AxlObserver, AxlSettings
from ctlctl.connectors.axl_readers import bare_pkid
from ctlctl.connectors.axl_reads import AxlReads
from ctlctl.connectors.axl_requests import (
    CAPF_ITEM,
    Arguments,
    capf_profile_change,
    checked_name,
    checked_value,
    new_capf_profile,
    phone_change,
    secrets_of,
    security_profile_change,
    uuid_argument,
)
from ctlctl.connectors.axl_session import AxlSession
from ctlctl.connectors.axl_values import (
    CapfProfileChange,
    CapfUserKind,
    NewCapfProfile,
    Parameter,
    PhoneChange,
    SecurityProfileChange,
)
from ctlctl.connectors.errors import ConnectorFault
from ctlctl.connectors.pacing import Clock, Pace, Sleep
from ctlctl.connectors.secret import Secret
from ctlctl.connectors.soap_xml import read_answer, text

if TYPE_CHECKING:
    from ctlctl.connectors.axl_parameters import MappedParameter

# AXL's value of a boolean parameter.
_FLAGS: Final = frozenset({"T", "F"})


class AxlClient(AxlReads):
    """AXL of one cluster (`axl_ports.AxlReader` and `AxlWriter`). Threads may share it: they take turns.

    A change that is answered with 503 is made again later and more slowly; one whose answer is lost is not, because
    nobody knows whether it was made: read the item, then decide.
    """

    def __init__(
        self,
        settings: AxlSettings,
        *,
        clock: Clock = time.monotonic,
        sleep: Sleep = time.sleep,
        observer: AxlObserver | None = None,
    ) -> None:
        """Ask nothing yet.

        Args:
            settings: Where and how.
            clock: Seconds that only grow, for the pace of changes.
            sleep: Waits that many seconds.
            observer: Hears of every request.

        Raises:
            AxlError: Host or port cannot be.
        """
        pace = Pace(START_WRITES_PER_SECOND, settings.writes_per_second, clock=clock, sleep=sleep)
        super().__init__(AxlSession(settings, pace, sleep, observer), settings.parameter_names)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def phones_now(self, names: Iterable[str]) -> Iterator[PhoneNow]:
        """Read many phones as the database has them now, a few hundred with each question.

        Args:
            names: device names; case counts.

        Yields:
            Those that are there.

        Raises:
            AxlError: A question could not be answered, or a name cannot be one.
        """
        rest, columns = iter(names), self._lsc_columns()
        while piece := list(islice(rest, NAMES_AT_ONCE)):
            checked = [self._checked(checked_name, "the name of a phone", name) for name in piece]
            for row in self._session.query(phones_now(columns, checked)):
                yield read_phone_now(row)

    def update_phone(self, name: str, change: PhoneChange) -> None:
        """Change a phone in the database; the phone itself notices when it is applied or reset.

        Raises:
            AxlError: It was not changed; fault "uncertain" if nobody knows.
        """
        asked = self._checked(phone_change, name, change)
        self._change("updatePhone", asked, *secrets_of(change.authentication_string))

    def apply_phone(self, name: str) -> None:
        """Have a phone take its configuration anew, as "Apply Config" does; raises AxlError."""
        self._change("applyPhone", {"name": self._checked(checked_name, "the name of a phone", name)})

    def reset_phone(self, name: str) -> None:
        """Reset a phone; raises AxlError."""
        self._change("resetPhone", {"name": self._checked(checked_name, "the name of a phone", name)})

    def update_security_profile(self, name: str, change: SecurityProfileChange) -> None:
        """Change a phone security profile, and so every phone that uses it; raises AxlError."""
        self._change("updatePhoneSecurityProfile", self._checked(security_profile_change, name, change))

    def apply_security_profile(self, name: str) -> None:
        """Have every phone that uses a profile take its configuration anew; raises AxlError."""
        self._change("applyPhoneSecurityProfile", {"name": self._checked(checked_name, "the name of a profile", name)})

    def add_capf_profile(self, kind: CapfUserKind, profile: NewCapfProfile) -> str:
        """Add a CAPF profile for a user.

        Returns:
            Its key.

        Raises:
            AxlError: It was not added; fault "uncertain" if nobody knows.
        """
        asked = self._checked(new_capf_profile, kind, profile)
        return bare_pkid(self._change(f"add{CAPF_ITEM[kind]}", asked, *secrets_of(profile.authentication_string)))

    def update_capf_profile(self, kind: CapfUserKind, pkid: str, change: CapfProfileChange) -> None:
        """Change a CAPF profile; raises AxlError."""
        asked = self._checked(capf_profile_change, kind, pkid, change)
        self._change(f"update{CAPF_ITEM[kind]}", asked, *secrets_of(change.authentication_string))

    def remove_capf_profile(self, kind: CapfUserKind, pkid: str) -> None:
        """Remove a CAPF profile; raises AxlError."""
        self._change(f"remove{CAPF_ITEM[kind]}", {"uuid": self._checked(uuid_argument, pkid)})

    def update_parameter(self, label: str, value: str, *, node: str | None = None) -> None:
        """Change a parameter by its label in CUCM Administration.

        Args:
            label: As `axl_parameters.KNOWN_LABELS` has it.
            value: New value; "T" or "F" for a boolean one.
            node: Which node's, where each has its own.

        Raises:
            AxlError: Nothing was sent if the label is not mapped on this cluster (fault "unsupported"), is read-only
                or the value cannot be ("invalid"); otherwise as for every change.
        """
        current = self._writable(label, node)
        new = self._checked(checked_value, value)
        if current.value_type.lower() == "boolean" and new not in _FLAGS:
            self._session.fail(ConnectorFault.INVALID, f"{label} is T or F")
        asked: Arguments = {
            "processNodeName": current.node,
            "name": current.name,
            "service": current.service,
            "value": new,
        }
        self._change("updateServiceParameter", asked)

    def _writable(self, label: str, node: str | None) -> Parameter:
        known = self.parameter_map()
        mapped: MappedParameter | None = known.mapped.get(label)
        if mapped is None:
            why = known.unmapped.get(label, "it is no label that is known here")
            detail, advice = f"the parameter {label!r} is not changed: {why}", "Change it in CUCM Administration"
            self._session.fail(ConnectorFault.UNSUPPORTED, detail, advice)
        if not mapped.is_writable:
            self._session.fail(ConnectorFault.INVALID, f"the parameter {label!r} can only be read over AXL")
        candidates = [one for one in mapped.parameters if node is None or one.node == node]
        if len(candidates) != 1:
            nodes = ", ".join(one.node for one in mapped.parameters)
            self._session.fail(ConnectorFault.INVALID, f"say which node's {label!r} is meant: one of {nodes}")
        return candidates[0]

    def _change(self, operation: str, asked: Arguments, *secrets: Secret) -> str:
        read = partial(read_answer, operation=operation)
        answer = self._session.call(operation, asked, read, secrets)
        return text(answer, "return") or ""
