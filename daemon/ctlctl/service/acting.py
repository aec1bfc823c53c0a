"""Questions that change something: who may ask them, what they come to, and their entries in the audit log."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import structlog

from ctlctl.act.profiles import ProfileActions, ProfileWish
from ctlctl.assess.model import Json
from ctlctl.connectors.axl_enums import AuthenticationMode, CertificateOperation, EcKeySize, KeyOrder, KeySize
from ctlctl.connectors.axl_values import CapfProfile, CapfUserKind
from ctlctl.connectors.errors import ConnectorError, ConnectorFault, Place
from ctlctl.connectors.secret import Secret
from ctlctl.service.openers import Opener
from ctlctl.service.server import Peer, QuestionError
from ctlctl.store.store import Store
from ctlctl_config.model import ClusterSettings

_LOG: Final = structlog.get_logger("ctld")

#: What an operator writes for a mode, and CUCM's word for it.
MODES: Final[Mapping[str, AuthenticationMode]] = {
    "string": AuthenticationMode.STRING,
    "null": AuthenticationMode.NULL,
    "lsc": AuthenticationMode.LSC,
    "mic": AuthenticationMode.MIC,
}
OPERATIONS: Final[Mapping[str, CertificateOperation]] = {
    "install": CertificateOperation.INSTALL,
    "delete": CertificateOperation.DELETE,
    "troubleshoot": CertificateOperation.TROUBLESHOOT,
    "none": CertificateOperation.NONE,
}
ORDERS: Final[Mapping[str, KeyOrder]] = {
    "rsa": KeyOrder.RSA_ONLY,
    "ec": KeyOrder.EC_ONLY,
    "ec-or-rsa": KeyOrder.EC_PREFERRED,
}
#: Faults that are a refusal, not a trouble: exit code 4.
_REFUSALS: Final = frozenset(
    {ConnectorFault.DUPLICATE, ConnectorFault.REFUSED, ConnectorFault.RIGHTS, ConnectorFault.INVALID}
)
_MAX_HOURS: Final = 240.0

_T = TypeVar("_T")


def may_write(who: Peer, writers: tuple[str, ...]) -> bool:
    """Tell whether somebody may have clusters changed.

    Args:
        who: by the kernel's word.
        writers: names of users, and of groups behind an @.
    """
    if who.uid == 0:
        return True
    return any(one[1:] in who.groups if one.startswith("@") else one == who.name and who.name for one in writers)


class Acting:
    """Answers the questions that change a cluster."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        """Change nothing yet.

        Args:
            store: where the audit log is.
            now: the clock, seconds since 1970.
        """
        self._store = store
        self._now = now
        self._questions: Mapping[str, Callable[[_Asked], dict[str, Any]]] = {
            "capf-profile-create": self._create,
            "capf-profile-update": self._update,
            "capf-profile-remove": self._remove,
        }

    def knows(self, ask: str) -> bool:
        """Tell whether a question is one of these."""
        return ask in self._questions

    def answer(  # noqa: PLR0913 - what, about what, by whom
        self,
        ask: str,
        words: Mapping[str, str],
        who: Peer,
        writers: tuple[str, ...],
        cluster: ClusterSettings,
        opener: Opener,
    ) -> dict[str, Any]:
        """Carry a question out.

        Args:
            ask: which.
            words: what belongs to it; ``cluster`` is the cluster's name.
            who: who asks.
            writers: who may.
            cluster: the cluster's settings.
            opener: opens its interfaces.

        Raises:
            QuestionError: it was not done, or nobody knows whether it was.
        """
        name = words.get("cluster", "")
        if not may_write(who, writers):
            self._note(who, f"{ask}-denied", name, {})
            raise QuestionError("denied", f"{who} may not have {name} changed: root may, and whom [api] writers names")
        asked = _Asked(name, words, who, cluster, opener)
        try:
            return {"schema": f"ctlctl.{ask}/1", "at": int(self._now()), "cluster": name, **self._questions[ask](asked)}
        except ConnectorError as error:
            raise QuestionError("denied" if error.fault in _REFUSALS else "undecided", str(error)) from None

    def _note(self, who: Peer, event: str, cluster: str, detail: Mapping[str, Json]) -> None:
        entry = self._store.audit(int(self._now()), str(who), event, cluster, detail)
        # The newest hash in the journal shows whether entries were cut off the log.
        _LOG.info("audit", number=entry.number, event_name=event, who=str(who), cluster=cluster, hash=entry.hash)

    # CAPF profiles.

    def _create(self, asked: "_Asked") -> dict[str, Any]:
        return {"profile": _document(self._with_profiles(asked, ProfileActions.create, asked.wish(self._now())))}

    def _update(self, asked: "_Asked") -> dict[str, Any]:
        return {"profile": _document(self._with_profiles(asked, ProfileActions.update, asked.wish(self._now())))}

    def _remove(self, asked: "_Asked") -> dict[str, Any]:
        self._with_profiles(asked, ProfileActions.remove)
        return {"removed": {"user": asked.word("user"), "instance_id": asked.word("instance")}}

    def _with_profiles(self, asked: "_Asked", do: Callable[..., _T], *more: ProfileWish) -> _T:
        kind = asked.choice("kind", {one.value: one for one in CapfUserKind})
        place = Place(asked.name, asked.cluster.axl.host, "AXL")
        with asked.opener.writer() as axl:
            actions = ProfileActions(axl, lambda event, detail: self._note(asked.who, event, asked.name, detail), place)
            return do(actions, kind, asked.word("user"), asked.word("instance"), *more)


class _Asked:
    """A question with its words."""

    def __init__(
        self, name: str, words: Mapping[str, str], who: Peer, cluster: ClusterSettings, opener: Opener
    ) -> None:
        self.name = name
        self.who = who
        self.cluster = cluster
        self.opener = opener
        self._words = words

    def word(self, name: str) -> str:
        """Return a word that must be there."""
        found = self._words.get(name, "")
        if not found:
            raise QuestionError("usage", f"{name} is missing")
        return found

    def choice(self, name: str, choices: Mapping[str, _T]) -> _T:
        """Return what a word stands for."""
        found = choices.get(self.word(name))
        if found is None:
            raise QuestionError("usage", f"{name}: one of {', '.join(choices)}")
        return found

    def _maybe(self, name: str, choices: Mapping[str, _T]) -> _T | None:
        return self.choice(name, choices) if self._words.get(name) else None

    def wish(self, now: float) -> ProfileWish:
        """Return what the words wish a profile to be."""
        string = self._words.get("authentication_string")
        return ProfileWish(
            operation=self._maybe("operation", OPERATIONS),
            mode=self._maybe("mode", MODES),
            string=Secret(string) if string else None,
            key_size=self._maybe("key_size", {one.value: one for one in KeySize}),
            key_order=self._maybe("key_order", ORDERS),
            ec_key_size=self._maybe("ec_key_size", {one.value: one for one in EcKeySize}),
            finish_by=self._finish_by(now),
        )

    def _finish_by(self, now: float) -> datetime | None:
        text = self._words.get("hours", "")
        if not text:
            return None
        try:
            hours = float(text)
        except ValueError:
            hours = -1.0
        if not 0 < hours <= _MAX_HOURS:
            raise QuestionError("usage", f"hours: a number up to {_MAX_HOURS:g}")
        # AXL takes the cluster's own time, without saying which zone that is.
        local = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(self.cluster.timezone))
        return (local + timedelta(hours=hours)).replace(second=0, microsecond=0, tzinfo=None)


def _document(profile: CapfProfile) -> dict[str, Any]:
    return {
        "kind": profile.kind.value,
        "user": profile.user,
        "instance_id": profile.instance_id,
        "operation": profile.operation,
        "status": profile.status,
        "authentication_mode": profile.authentication_mode,
        "key_size": profile.key_size,
        "key_order": profile.key_order,
        "ec_key_size": profile.ec_key_size,
        "finish_time": profile.finish_time,
    }
