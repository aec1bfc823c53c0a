"""ctld's round over the certificates of users that it keeps fresh: one attempt where one is due, then patience."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import structlog

from ctlctl.assess.model import Json
from ctlctl.connectors.errors import ConnectorError
from ctlctl.enroll.anchors import Anchors, of_cluster, of_pem
from ctlctl.enroll.credential import Server, StoredCredential, password_of, read_stored
from ctlctl.enroll.due import RenewalRule, decide_renewal
from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.enroll.folder import PIN, CredentialFolder
from ctlctl.enroll.identity import Identity, UserKind, named, of_user
from ctlctl.enroll.keys import KeyPolicy, parse_key
from ctlctl.enroll.renewing import EnrolmentState, History, is_turn, read_history, write_history
from ctlctl.enroll.resolve import publisher, read_file
from ctlctl.enroll.session import Done, Session, Wish, by_certificate
from ctlctl.inventory.values import SeenCertificate, ServedList
from ctlctl.inventory.words import Source
from ctlctl.store.store import Store
from ctlctl.verify.settings import UsageError
from ctlctl_capf.renewal import Decision
from ctlctl_config.enrolment import EnrolmentSettings
from ctlctl_config.model import ClusterSettings
from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate

_LOG: Final = structlog.get_logger("ctld")

_WHO: Final = "ctld"
_EVENT: Final = "enrolment-renew"
#: Instances of one cluster do not come at once.
_JITTER: Final = timedelta(days=7)
#: Seconds for one session: a round holds a thread of the scheduler.
_DEADLINE_SECONDS: Final = 120.0


class Orderer(Protocol):
    """Has CAPF told that a new certificate may be fetched; `ctlctl.service.enrolorders.ProfileOrders` is one."""

    def order(self, enrolment: EnrolmentSettings) -> None:
        """Order an installation, by the certificate that is there.

        Raises:
            ConnectorError: it was not ordered, or nobody knows.
        """


class EnrolmentRound:
    """The round of one cluster. One thread at a time."""

    def __init__(  # noqa: PLR0913 - one argument per thing that a round hangs on
        self,
        cluster: str,
        settings: ClusterSettings,
        store: Store,
        now: Callable[[], float],
        orderer: Orderer | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Do nothing yet.

        Args:
            cluster: the cluster's name.
            settings: its settings.
            store: where the audit log is, and what is known of the cluster's trust lists.
            now: the clock, seconds since 1970.
            orderer: orders renewals where the settings want that; None fails those.
            stopping: tells whether the daemon ends, so that no more is begun.
        """
        self._cluster = cluster
        self._settings = settings
        self._store = store
        self._clock = now
        self._orderer = orderer
        self._stopping = stopping
        self._states: dict[str, EnrolmentState] = {}
        self._log = _LOG.bind(cluster=cluster)

    @property
    def states(self) -> tuple[EnrolmentState, ...]:
        """What the last round or look knew, in the order of the settings; empty before the first."""
        return tuple(self._states[one.name] for one in self._settings.enrolments if one.name in self._states)

    def due(self, now: datetime) -> tuple[str, ...]:
        """Look at every credential, ask nobody, and return the names of those whose turn it is.

        Args:
            now: this instant, aware.
        """
        turn = []
        for enrolment in self._settings.enrolments:
            case = self._look(enrolment, now)
            self._states[enrolment.name] = case.state
            if case.is_turn:
                turn.append(enrolment.name)
        return tuple(turn)

    def run(self) -> tuple[EnrolmentState, ...]:
        """Renew those whose turn it is, one attempt each; return what is known of all of them."""
        turn = self.due(self._now())
        for enrolment in self._settings.enrolments:
            if enrolment.name in turn and not self._stopping():
                self._states[enrolment.name] = self._renew(enrolment)
        return self.states

    # One credential.

    def _look(self, enrolment: EnrolmentSettings, now: datetime) -> "_Case":
        folder = CredentialFolder(enrolment.directory)
        history = read_history(folder)
        state = EnrolmentState(
            self._cluster,
            enrolment.name,
            last_attempt=history.last_attempt,
            failures=history.failures,
            failure=history.fault,
            words=history.words,
        )
        try:
            stored = _credential(folder, enrolment)
            # Whoever is to be believed: when it ends is known.
            state = replace(
                state,
                device=stored.about.identity.name,
                not_after=stored.certificate.not_after,
                last_renewal=stored.about.enrolled_at,
            )
            anchors = self._anchors(enrolment, folder, stored, now)
        except EnrollError as error:
            return _Case(folder, history, replace(state, failure=error.fault, words=str(error)))
        except UsageError as error:
            return _Case(folder, history, replace(state, failure=EnrollFault.USAGE, words=str(error)))
        if history.last_attempt is not None and history.last_attempt < stored.about.enrolled_at:
            # Somebody has renewed it by hand since: what failed before says nothing any more.
            history = History()
            state = replace(state, last_attempt=None, failures=0, failure=None, words="")
        rule = RenewalRule(
            timedelta(days=enrolment.renew_before_days), timedelta(days=enrolment.capf_rest_days), _JITTER
        )
        decision = decide_renewal(stored, anchors.certificates, now, rule)
        end = stored.certificate.not_after
        state = replace(
            state,
            usable_until=decision.end,
            due_at=decision.until,
            verdict=decision.verdict.value,
            code=decision.code.value,
            next_attempt=history.retry_at or decision.until,
        )
        if now >= end:
            words = "the certificate has ended: nobody can authenticate by it; enrol anew with an authentication string"
            state = replace(state, failure=EnrollFault.EXPIRED, words=words, next_attempt=None)
        return _Case(folder, history, state, is_turn(decision, end, history, now), anchors, decision)

    def _renew(self, enrolment: EnrolmentSettings) -> EnrolmentState:
        folder = CredentialFolder(enrolment.directory)
        try:
            with folder.locked():
                # Somebody may have renewed it by hand while this waited for its turn.
                case = self._look(enrolment, self._now())
                if not case.is_turn or case.anchors is None or case.decision is None:
                    return case.state
                return self._attempt(enrolment, case, case.anchors, case.decision)
        except EnrollError as error:
            # The lock alone: whoever holds it is at work on the same.
            return replace(self._states[enrolment.name], failure=error.fault, words=str(error))

    def _attempt(
        self, enrolment: EnrolmentSettings, case: "_Case", anchors: Anchors, decision: Decision
    ) -> EnrolmentState:
        detail: dict[str, Json] = {
            "name": enrolment.name,
            "user": enrolment.user or enrolment.end_user or enrolment.device_name,
            "instance_id": enrolment.instance,
            "directory": str(enrolment.directory),
            "why": decision.code.value,
        }
        self._audit(f"{_EVENT}-begins", detail)
        try:
            stored = _credential(case.folder, enrolment)
            if enrolment.order:
                self._order(enrolment)
            done = self._session(enrolment, case.folder, stored, anchors)
        except EnrollError as error:
            history = case.history.failed(error, self._now())
            self._audit(_EVENT, detail | {"result": "failed", "fault": error.fault.value, "words": str(error)})
            self._log.warning("enrolment-failed", enrolment=enrolment.name, fault=error.fault.value, words=str(error))
        except Exception as error:
            self._audit(_EVENT, detail | {"result": "broke off", "words": type(error).__name__})
            raise
        else:
            history = History()
            self._audit(_EVENT, detail | {"result": "done"} | _of_new(done))
            self._log.info("enrolment-renewed", enrolment=enrolment.name)
        # A history that cannot be kept costs an attempt too many after a restart.
        with suppress(OSError):
            write_history(case.folder, history)
        state = self._look(enrolment, self._now()).state
        if history.fault is None:
            return state
        return replace(
            state,
            failure=history.fault,
            words=history.words,
            failures=history.failures,
            last_attempt=history.last_attempt,
            next_attempt=history.retry_at,
        )

    def _session(
        self, enrolment: EnrolmentSettings, folder: CredentialFolder, stored: StoredCredential, anchors: Anchors
    ) -> Done:
        wish = Wish(
            identity=stored.about.identity,
            server=self._server(enrolment),
            anchors=anchors,
            policy=KeyPolicy(None if enrolment.key is None else parse_key(enrolment.key)),
            subject=enrolment.subject or stored.about.subject,
            password=password_of(stored.about) or stored.made_password,
            password_file=stored.about.password_file,
            allow_lab=self._settings.lab,
            deadline_seconds=_DEADLINE_SECONDS,
        )
        proof = by_certificate(stored.certificate, stored.key, self._now())
        return Session(folder, wish, self._now, _never_first).install(proof)

    def _order(self, enrolment: EnrolmentSettings) -> None:
        if self._orderer is None:
            advice = f"Write [clusters.{self._cluster}.writer], or order = false and order it yourself"
            raise EnrollError(EnrollFault.CLUSTER, "nothing orders renewals here", advice)
        try:
            self._orderer.order(enrolment)
        except ConnectorError as error:
            raise EnrollError(
                EnrollFault.CLUSTER, f"the renewal was not ordered: {error.detail}", error.advice
            ) from None

    def _server(self, enrolment: EnrolmentSettings) -> Server:
        host, port = publisher(self._cluster, self._settings)
        return Server(enrolment.host or host, enrolment.port or port, self._cluster, enrolment.legacy_tls)

    def _anchors(
        self, enrolment: EnrolmentSettings, folder: CredentialFolder, stored: StoredCredential, now: datetime
    ) -> Anchors:
        """Return whom to believe: the certificate of the settings, what the cluster's lists prove, or the pin."""
        self._server(enrolment)
        issuers = stored.chain if stored.about.outside_issuer else ()
        if enrolment.issuer is not None:
            issuers = _certificates(enrolment.issuer)
        if enrolment.trust_anchor is not None:
            path = enrolment.trust_anchor
            return Anchors(_certificates(path), "file", f"certificate of {path}", issuers)
        view = self._store.trust_view(self._cluster)
        try:
            found = of_cluster(self._cluster, _lists(view.lists), _keys(view.certificates), now)
        except EnrollError:
            pem = folder.pin()
            if pem is None:
                raise
            found = Anchors(of_pem(PIN, pem), "pin", f"certificate that answered before ({folder.path / PIN})")
        return replace(found, issuers=issuers)

    def _audit(self, event: str, detail: Mapping[str, Json]) -> None:
        entry = self._store.audit(int(self._clock()), _WHO, event, self._cluster, detail)
        # The newest hash in the journal shows whether entries were cut off the log.
        self._log.info("audit", number=entry.number, event_name=event, who=_WHO, hash=entry.hash)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


@dataclass(frozen=True, slots=True)
class _Case:
    """One credential, looked at."""

    folder: CredentialFolder
    history: History
    state: EnrolmentState
    is_turn: bool = False
    anchors: Anchors | None = None
    decision: Decision | None = None


def identity_of(enrolment: EnrolmentSettings) -> Identity:
    """Return whom the settings name.

    Raises:
        EnrollError: it cannot be a name.
    """
    if enrolment.device_name is not None:
        return named(enrolment.device_name)
    kind: UserKind = "application-user" if enrolment.user is not None else "end-user"
    user = enrolment.user or enrolment.end_user or ""
    return of_user(kind, user, enrolment.instance or "", enrolment.name_format)


def _credential(folder: CredentialFolder, enrolment: EnrolmentSettings) -> StoredCredential:
    identity = identity_of(enrolment)
    stored = read_stored(folder)
    if stored is None:
        advice = f"Get the first one: ctlctl capf enroll --out {folder.path}, with an authentication string"
        raise EnrollError(EnrollFault.NO_CREDENTIAL, f"{folder.path}: there is no credential in it", advice)
    if stored.about.identity.name != identity.name:
        detail = f"{folder.path} holds the credential of {stored.about.identity.name!r}, not of {identity.name!r}"
        raise EnrollError(EnrollFault.OTHER_NAME, detail, "Correct user, instance, device_name or name_format")
    return stored


def _certificates(path: Path) -> tuple[Certificate, ...]:
    return of_pem(str(path), read_file("the settings:", path))


def _lists(lists: tuple[ServedList, ...]) -> list[tuple[str, bytes]]:
    return [(f"{one.kind.upper()} of {one.node}", one.current.data) for one in lists if one.current is not None]


def _keys(certificates: tuple[SeenCertificate, ...]) -> frozenset[bytes]:
    found = set()
    for one in certificates:
        if one.source is Source.AXL:
            with suppress(CertificateError):
                found.add(read_certificate(one.der).list_key)
    return frozenset(key for key in found if key is not None)


def _of_new(done: Done) -> dict[str, Json]:
    certificate = done.certificate
    if certificate is None:
        return {}
    return {
        "not_after": f"{certificate.not_after:%Y-%m-%dT%H:%M:%SZ}",
        "sha256": sha256(certificate.der).hexdigest(),
        "caution": done.caution,
    }


def _never_first(_: object) -> None:
    raise AssertionError("ctld believes nobody because they answer first")
