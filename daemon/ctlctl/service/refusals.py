"""Which accounts a cluster has refused: in memory, and in the store, so that no restart tries them again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock, RLock
from typing import Final, Protocol, TypeVar

import structlog

from ctlctl.connectors.errors import ConnectorError, ConnectorFault
from ctlctl.service.credentials import Credentials, Seal, is_sealed, seal
from ctlctl.store.store import StoreError
from ctlctl.store.values import StoredRefusal

_LOG: Final = structlog.get_logger("ctld")

#: Seconds between two attempts to write what the store did not take; each may wait for a lock.
_REST_SECONDS: Final = 30.0

_T = TypeVar("_T")


class RefusalStore(Protocol):
    """Where refusals outlive the daemon; `ctlctl.store.store.Store` is one. Every method may raise `StoreError`."""

    def keep_refusal(self, cluster: str, refusal: StoredRefusal) -> None:
        """Remember one."""

    def forget_refusal(self, cluster: str, account: str) -> None:
        """Forget one."""

    def refusal(self, cluster: str, account: str) -> StoredRefusal | None:
        """Return one."""


class StoreMeter(Protocol):
    """Counts; `ctlctl.metrics.telemetry.Telemetry` is one."""

    def store_error(self, kind: str) -> None:
        """Count trouble with the store."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal that stands.

    Attributes:
        interface: who refused.
        at: when, seconds since 1970.
        kept: how to know the credentials again after a restart; None before that was made.
    """

    interface: str
    at: int
    kept: Seal | None = None


class StandingRefusalError(Exception):
    """These credentials were refused, and nobody has said that they may be tried again.

    Attributes:
        refusal: when and by whom.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"refused by {refusal.interface}")
        self.refusal = refusal


class AccountMemory:
    """What is known of one account: which credentials its cluster took, and which it refused. Threads share it."""

    def __init__(
        self, cluster: str, account: str, store: RefusalStore, meter: StoreMeter, now: Callable[[], float]
    ) -> None:
        self._cluster = cluster
        self._account = account
        self._store = store
        self._meter = meter
        self._now = now
        #: Held while credentials are tried that were not taken yet.
        self._trying = Lock()
        #: Held while what follows changes.
        self._changing = RLock()
        #: What the settings had last.
        self._current: Credentials | None = None
        self._taken: Credentials | None = None
        self._refusal: Refusal | None = None
        #: The credentials that were refused, once this process has met them.
        self._refused: Credentials | None = None
        self._recalled = False
        self._once_more = False
        self._unsaved = False
        self._rest_until = 0.0

    def standing(self, credentials: Credentials) -> Refusal | None:
        """Return the refusal of the credentials that are in the settings now; that of others is forgotten.

        Raises:
            StoreError: nobody can tell, because the store cannot be read.
        """
        with self._changing:
            self._current = credentials
            found = self._refusal_of(credentials)
            if found is None and self._refusal is not None:
                _LOG.info("refusal-forgotten", cluster=self._cluster, account=self._account, why="it has changed")
                self._forget()
            elif self._unsaved and time.monotonic() >= self._rest_until:
                self._save()
            return found

    def _refusal_of(self, credentials: Credentials) -> Refusal | None:
        """Return the refusal of credentials; those of a client that was opened earlier may be others than now."""
        with self._changing:
            self._recall()
            if self._refusal is None:
                return None
            kept = self._refusal.kept
            if self._refused is None and kept is not None and is_sealed(credentials, kept):
                self._refused = credentials
            return self._refusal if self._refused == credentials else None

    def is_taken(self, credentials: Credentials) -> bool:
        """Tell whether the cluster took these credentials last, as far as this process knows."""
        return self._taken == credentials

    def may_try_once_more(self) -> bool:
        """Tell whether somebody has asked for one more try, which nobody has made yet."""
        return self._once_more

    def try_once_more(self) -> None:
        """Let refused credentials be tried once. The refusal stands until they are taken, also over a restart."""
        with self._changing:
            self._once_more = self._refusal is not None

    def attempt(self, credentials: Credentials, send: Callable[[], _T]) -> _T:
        """Do something that the cluster takes the credentials for, or refuses.

        Credentials that were not taken yet are tried by one thread at a time, so that wrong ones are sent once,
        however many sources and nodes there are to ask with them.

        Args:
            credentials: what is sent.
            send: sends it; raises ConnectorError with the fault "credentials" where it was refused.

        Raises:
            StandingRefusalError: they were refused before; nothing was sent.
            StoreError: nobody can tell whether they were; nothing was sent.
            ConnectorError: as ``send`` raises it.
        """
        if self._taken == credentials:
            return self._tried(credentials, send, once_more=False)
        with self._trying:
            refusal = self._refusal_of(credentials)
            once_more = refusal is not None and self._once_more
            if refusal is not None and not once_more:
                raise StandingRefusalError(refusal)
            if once_more:
                self._once_more = False
            return self._tried(credentials, send, once_more=once_more)

    def _tried(self, credentials: Credentials, send: Callable[[], _T], *, once_more: bool) -> _T:
        try:
            done = send()
        except ConnectorError as error:
            if error.fault is ConnectorFault.CREDENTIALS:
                self._note_refused(credentials, error.interface)
            raise
        if self._taken != credentials:
            self._note_taken(credentials, once_more=once_more)
        return done

    def _note_refused(self, credentials: Credentials, interface: str) -> None:
        with self._changing:
            if self._current is not None and self._current != credentials:
                # An answer to a password that was replaced while it was on its way.
                return
            self._taken = None
            known = self._refusal if self._refused == credentials else None
            refusal = Refusal(interface, int(self._now()))
            self._refusal = refusal if known is None else replace(refusal, kept=known.kept)
            self._refused, self._recalled, self._once_more = credentials, True, False
            _LOG.warning("account-refused", cluster=self._cluster, account=self._account, interface=interface)
            self._save()

    def _note_taken(self, credentials: Credentials, *, once_more: bool) -> None:
        with self._changing:
            if self._refusal is not None:
                if not once_more:
                    # Another node took meanwhile what one has refused, or an earlier client's is taken still: what
                    # was refused stands.
                    return
                _LOG.info("refusal-forgotten", cluster=self._cluster, account=self._account, why="it is taken again")
                self._forget()
            self._taken = credentials

    def _recall(self) -> None:
        if not self._recalled:
            stored = self._store.refusal(self._cluster, self._account)
            if stored is not None:
                kept = Seal(stored.method, stored.salt, stored.digest)
                self._refusal = Refusal(stored.interface, stored.at, kept)
            self._recalled = True

    def _forget(self) -> None:
        self._refusal = self._refused = None
        self._once_more = False
        self._save()

    # What the store does not take stays in memory, and is written later.

    def save(self) -> None:
        """Write what the store did not take, if there is such a thing. Trouble is logged and counted."""
        with self._changing:
            if self._unsaved:
                self._save()

    def _save(self) -> None:
        self._unsaved = True
        self._rest_until = time.monotonic() + _REST_SECONDS
        try:
            if self._refusal is None:
                self._store.forget_refusal(self._cluster, self._account)
            else:
                self._store.keep_refusal(self._cluster, self._stored(self._refusal))
        except StoreError as error:
            self._meter.store_error(error.kind)
            _LOG.error("refusal-not-kept", cluster=self._cluster, account=self._account, detail=str(error))
        except (ValueError, MemoryError) as error:
            # No digest can be made: what is remembered ends with this process.
            _LOG.error("refusal-not-kept", cluster=self._cluster, account=self._account, detail=type(error).__name__)
        else:
            self._unsaved = False

    def _stored(self, refusal: Refusal) -> StoredRefusal:
        kept = refusal.kept
        if kept is None:
            if self._refused is None:
                raise AssertionError("a refusal without a seal is one of this process, which knows of what")
            kept = seal(self._refused)
            self._refusal = replace(refusal, kept=kept)
        return StoredRefusal(self._account, refusal.interface, refusal.at, kept.method, kept.salt, kept.digest)


class Refusals:
    """The memories of all accounts of all clusters; they outlive a change of the settings. Threads share it."""

    def __init__(self, store: RefusalStore, meter: StoreMeter, now: Callable[[], float]) -> None:
        """Recall nothing yet.

        Args:
            store: where refusals outlive the daemon.
            meter: counts.
            now: the clock, seconds since 1970.
        """
        self._store = store
        self._meter = meter
        self._now = now
        self._lock = Lock()
        self._known: dict[tuple[str, str], AccountMemory] = {}

    def of(self, cluster: str, account: str) -> AccountMemory:
        """Return the memory of an account, always the same one."""
        with self._lock:
            key = (cluster, account)
            if key not in self._known:
                self._known[key] = AccountMemory(cluster, account, self._store, self._meter, self._now)
            return self._known[key]

    def save(self) -> None:
        """Write what the store did not take before; the last thing that a daemon does with them."""
        with self._lock:
            memories = tuple(self._known.values())
        for memory in memories:
            memory.save()
