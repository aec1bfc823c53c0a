"""One pass over the phones: each one's view, and everything that is counted of them.

A cluster may have 40,000 phones, so they are gone through once, and what is kept beside the views does not grow with
them: counts, a few names as examples, first and last ends.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from ctlctl.assess.credentials import NON_SECURE_MODE, SECURE_MODES, CredentialRules, is_lsc, is_secure
from ctlctl.assess.families import knows_itl, model_family
from ctlctl.assess.known import Known
from ctlctl.assess.model import (
    CredentialState,
    Held,
    HeldList,
    HeldVersion,
    Json,
    Numbers,
    PhoneCredential,
    PhoneView,
    Policy,
)
from ctlctl.assess.phonelists import BEHIND, PhoneLists
from ctlctl.assess.words import DAY, month, shares
from ctlctl.inventory.values import CapfProfileFact, ListVersion, Phone, ServedList, Snapshot
from ctlctl.inventory.words import ListKind

#: Days within which LSCs that end are counted.
WITHIN_DAYS: Final = (30, 90, 180, 365)
#: Words of one kind that are counted apart; more than a cluster has, so that only nonsense is lumped together.
_MOST_WORDS: Final = 40
_OTHER: Final = "other"
_NOT_KNOWN: Final = "unknown"
#: Names that a finding shows as examples.
_EXAMPLES: Final = 10
#: Days before now and after it whose months are counted apart; LSCs live five years at most.
_MONTHS_BACK, _MONTHS_AHEAD = 366 * DAY, 6 * 366 * DAY

#: RIS: the phone is there.
REGISTERED: Final = frozenset({"Registered", "PartiallyRegistered"})
#: RIS: the phone was there, or wanted to be, and is not.
_OUT: Final = frozenset({"UnRegistered", "Rejected"})
NOT_ASKED: Final = "NotAsked"
_UNKNOWN_STATUS: Final = "Unknown"

STATUS_PENDING: Final = "Operation Pending"
_NO_LISTS: Final[frozenset[ListKind]] = frozenset()
_LISTS: Final[tuple[ListKind, ...]] = ("ctl", "itl")
_KINDS: Final[Mapping[str, str]] = {"application-user": "appuser", "end-user": "enduser"}


@dataclass(slots=True)
class Group:
    """Phones, or CAPF profiles, that have something in common.

    Attributes:
        count: how many.
        secure: those of them that need TLS.
        models: how many of each model.
        words: how many of each word that the rule counts: an issuer, a status.
        examples: names of the first ones.
        first: earliest instant that the rule looks at.
    """

    count: int = 0
    secure: int = 0
    models: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    first: int | None = None

    def add(self, name: str, model: str, *, secure: bool, word: str | None = None, at: int | None = None) -> None:
        """Count one."""
        self.count += 1
        self.secure += secure
        self.models[model] += 1
        if word is not None:
            self.words[word] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(name)
        if at is not None and (self.first is None or at < self.first):
            self.first = at

    @property
    def kinds(self) -> str:
        """The models, as a sentence says them: "7962: 180, 8841: 32"."""
        return shares((model.removeprefix("Cisco "), number) for model, number in self.models.items())

    def evidence(self, **more: Json) -> dict[str, Json]:
        """Return what a finding shows of it."""
        models: dict[str, Json] = dict(_bounded(self.models))
        words: dict[str, Json] = dict(_bounded(self.words))
        names: list[Json] = list(self.examples)
        shown: dict[str, Json] = {"phones": self.count, "secure": self.secure, "models": models, "examples": names}
        if words:
            shown["words"] = words
        return {**shown, **more}


@dataclass(frozen=True, slots=True)
class Newest:
    """When the newest list of each kind was first seen, where it took the place of another.

    Attributes:
        ctl: of the CTL.
        itl: of the last ITL.
        before: for each kind and node that changed its list, when it served the list of now already: first and last
            instant, the current time too.
    """

    ctl: int | None
    itl: int | None
    before: Mapping[ListKind, tuple[tuple[tuple[int, float], ...], ...]] = field(default_factory=dict)

    def has(self, kind: ListKind, since: int) -> bool:
        """Tell whether a phone that is registered since an instant was served the newest list, as times tell."""
        newest = self.ctl if kind == "ctl" else self.itl
        if newest is None or since >= newest:
            return True
        return all(any(first <= since <= last for first, last in periods) for periods in self.before[kind])


def newest_lists(snapshot: Snapshot, known: Known) -> Newest:
    """Return since when the newest lists are served; None where that is not known, or does not matter."""
    times: dict[ListKind, list[int]] = {"ctl": [], "itl": []}
    before: dict[ListKind, list[tuple[tuple[int, float], ...]]] = {"ctl": [], "itl": []}
    for served in snapshot.lists:
        # How old a list was when it was first looked at, nobody knows.
        if served.current is not None and served.previous is not None and served.kind in times:
            times[served.kind].append(served.current.first_seen)
            before[served.kind].append(tuple(_periods(served, served.current, snapshot)))
    newest = max(times["ctl"], default=None) if known.is_mixed else None
    return Newest(newest, max(times["itl"], default=None), {kind: tuple(each) for kind, each in before.items()})


def _periods(served: ServedList, current: ListVersion, snapshot: Snapshot) -> Iterator[tuple[int, float]]:
    """Give when a node served the list of now: since then, and before another took its place and went again."""
    yield current.first_seen, math.inf
    for version in served.earlier:
        if version.sha256 == current.sha256:
            is_oldest = version is served.earlier[-1] and not any(
                (past.node, past.kind) == (served.node, served.kind) and past.first_seen < version.first_seen
                for past in snapshot.past_versions
            )
            # Who started before anybody looked has the list that was found there, as long as no other is known.
            yield 0 if is_oldest else version.first_seen, version.last_seen


class Tally:
    """Counts the phones of a snapshot, one after the other.

    Attributes:
        views: each phone judged, in the snapshot's order.
        secure: phones in secure profiles.
        ends: effective ends of LSCs that have not ended.
        by_state: phones in secure profiles of a cluster in mixed mode (True) and others, by credential.
        contradictions: phones about which sources disagree.
        no_itl: phones that cannot ask TVS.
        out: phones that are not registered.
        registered_known: phones of which RIS knows a state.
        not_taken: phones that have not taken the newest list, by kind.
        not_taken_by_time: those of them of which only times say so, by kind.
        behind: those of them of which their own pages say so, by kind; the word is what they hold.
        held_versions: those of them that hold a version of before, by kind and version.
        capf_stuck: pending operations that are too old, by kind.
        capf_failed: failed operations by kind.
        capf_failed_without: phones of those that need TLS and have no good LSC.
        lscs_of: LSCs by issuer, with their latest end.
    """

    def __init__(self, snapshot: Snapshot, known: Known, policy: Policy, now: int) -> None:
        self._now = now
        self._known = known
        self._policy = policy
        self._newest = newest_lists(snapshot, known)
        self._phone_lists = PhoneLists(snapshot, known)
        self._retired = snapshot.retired
        self._phones: Counter[tuple[str, str, str]] = Counter()
        self._statuses: Counter[str] = Counter()
        self._months: Counter[str] = Counter()
        self._capf: Counter[tuple[str, str]] = Counter()
        self.views: list[PhoneView] = []
        self.secure = 0
        self.ends: list[int] = []
        self.by_state: dict[tuple[CredentialState, bool], Group] = {}
        self.contradictions = Group()
        self.no_itl = Group()
        self.out = Group()
        self.registered_known = 0
        self.not_taken: dict[ListKind, Group] = {"ctl": Group(), "itl": Group()}
        self.not_taken_by_time: dict[ListKind, Group] = {"ctl": Group(), "itl": Group()}
        self.behind: dict[ListKind, Group] = {"ctl": Group(), "itl": Group()}
        self.held_versions: dict[ListKind, Counter[HeldVersion]] = {"ctl": Counter(), "itl": Counter()}
        self._held: Counter[tuple[str, str]] = Counter()
        self.capf_stuck: dict[str, Group] = {}
        self.capf_failed: dict[str, Group] = {}
        self.capf_failed_without = 0
        self.lscs_of: dict[str, tuple[int, int]] = {}
        rules = CredentialRules(snapshot, known, policy, now)
        for phone in snapshot.phones:
            self._count(phone, rules.judge(phone))
        for profile in snapshot.profiles:
            self._count_profile(profile)

    @property
    def not_asked(self) -> int:
        """Phones for which RIS was not asked yet."""
        return self._statuses[NOT_ASKED]

    @property
    def newest(self) -> Newest:
        """Since when the newest lists are served."""
        return self._newest

    def _count(self, phone: Phone, credential: PhoneCredential) -> None:
        config = phone.config
        secure = is_secure(config)
        family = model_family(config.model)
        self.secure += secure
        self._phones[credential.state.value, _mode(config.security_mode), family] += 1
        matters = secure and self._known.is_mixed
        key = credential.state, matters
        group = self.by_state.get(key)
        if group is None:
            group = self.by_state[key] = Group()
        group.add(config.name, config.model, secure=secure, word=credential.issuer, at=credential.ends)
        if credential.contradiction is not None:
            self.contradictions.add(config.name, config.model, secure=secure, word=_general(credential.contradiction))
        if not knows_itl(config.model):
            self.no_itl.add(config.name, config.model, secure=secure)
        if is_lsc(credential):
            self._count_lsc(credential)
        self._count_registration(phone, secure=secure)
        status = config.capf_status or _NOT_KNOWN
        self._capf["phone", status] += 1
        if status == STATUS_PENDING or "Failed" in status:
            self._count_operation("phone", config.name, config.model, status, phone.capf_since, secure=secure)
            without = credential.state not in {CredentialState.LSC, CredentialState.LSC_EXPIRING}
            self.capf_failed_without += matters and without and status != STATUS_PENDING
        held: dict[ListKind, HeldList] = {kind: self._phone_lists.held(phone, kind) for kind in _LISTS}
        taken = self._lists_not_taken(phone, held, secure=secure)
        self.views.append(PhoneView(config.name, credential, family, taken, held["ctl"], held["itl"]))

    def _count_lsc(self, credential: PhoneCredential) -> None:
        ends = self._now if credential.ends is None else credential.ends
        issuer = credential.issuer or _NOT_KNOWN
        number, last = self.lscs_of.get(issuer, (0, ends))
        self.lscs_of[issuer] = number + 1, max(last, ends)
        if self._now - _MONTHS_BACK <= ends <= self._now + _MONTHS_AHEAD:
            self._months[month(ends)] += 1
        else:
            self._months["earlier" if ends < self._now else "later"] += 1
        if credential.state is not CredentialState.LSC_EXPIRED:
            self.ends.append(ends)

    def _count_registration(self, phone: Phone, *, secure: bool) -> None:
        found = phone.registration
        status = NOT_ASKED if found is None else found.status
        self._statuses[status] += 1
        if found is None or status == _UNKNOWN_STATUS:
            return
        self.registered_known += 1
        if status in _OUT:
            reason = f"{status} (reason {'not known' if found.reason is None else found.reason})"
            self.out.add(phone.config.name, phone.config.model, secure=secure, word=reason, at=found.changed_at)

    def _lists_not_taken(self, phone: Phone, held: Mapping[ListKind, HeldList], *, secure: bool) -> frozenset[ListKind]:
        kinds: list[ListKind] = []
        if secure and self._known.is_mixed and self._is_behind(phone, "ctl", held["ctl"], secure=secure):
            kinds.append("ctl")
        if knows_itl(phone.config.model) and self._is_behind(phone, "itl", held["itl"], secure=secure):
            kinds.append("itl")
        for kind in kinds:
            self.not_taken[kind].add(phone.config.name, phone.config.model, secure=secure)
        return frozenset(kinds) if kinds else _NO_LISTS

    def _is_behind(self, phone: Phone, kind: ListKind, held: HeldList, *, secure: bool) -> bool:
        """Tell whether a phone lacks the newest list: its own pages decide, else since when it is registered."""
        found = phone.registration
        registered = found is not None and found.status in REGISTERED
        if registered:
            self._held[kind, held.state.value] += 1
        if held.state is Held.NEWEST:
            return False
        if registered and held.state in BEHIND:
            self.behind[kind].add(phone.config.name, phone.config.model, secure=secure, word=held.state.value)
            if held.version is not None:
                self.held_versions[kind][held.version] += 1
            return True
        newest = self._newest.ctl if kind == "ctl" else self._newest.itl
        since = found.changed_at if found is not None and registered else None
        if newest is None or (since is not None and self._newest.has(kind, since)):
            return False
        self.not_taken_by_time[kind].add(phone.config.name, phone.config.model, secure=secure)
        return True

    def newest_known(self, kind: ListKind) -> int | None:
        """Return since when the newest list of a kind is known, whether it took another's place or not."""
        return self._phone_lists.since(kind)

    def _count_profile(self, profile: CapfProfileFact) -> None:
        status = profile.status or _NOT_KNOWN
        kind = _KINDS.get(profile.kind, _OTHER)
        self._capf[kind, status] += 1
        if status == STATUS_PENDING or "Failed" in status:
            name = f"{profile.user}/{profile.instance_id}"
            self._count_operation(kind, name, profile.kind, status, profile.since, secure=False)

    def _count_operation(  # noqa: PLR0913 - what phones and profiles have in common
        self, kind: str, name: str, model: str, status: str, since: int, *, secure: bool
    ) -> None:
        if status != STATUS_PENDING:
            groups = self.capf_failed
        elif self._now - since > self._policy.capf_stuck_after:
            groups = self.capf_stuck
        else:
            return
        groups.setdefault(kind, Group()).add(name, model, secure=secure, word=status, at=since)

    def group(self, state: CredentialState, *, matters: bool = True) -> Group:
        """Return the phones of a credential: those that need TLS in a cluster in mixed mode, or the others."""
        return self.by_state.get((state, matters)) or Group()

    def numbers(self) -> Numbers:
        """Return what metrics show."""
        now = self._now
        issuers = Counter({name: number for name, (number, _) in self.lscs_of.items()})
        taken: dict[str, int] = {kind: group.count for kind, group in self.not_taken.items()}
        return Numbers(
            phones=dict(self._phones),
            registrations=_bounded(self._statuses),
            lsc_expiring={days: sum(now <= end <= now + days * DAY for end in self.ends) for days in WITHIN_DAYS},
            lsc_by_issuer=_bounded(issuers),
            lsc_by_month=dict(sorted(self._months.items())),
            capf=_bounded_pairs(self._capf),
            not_taken=taken,
            retired=self._retired,
            list_hashes=dict(self._held),
        )


def _mode(word: str | None) -> str:
    if word in SECURE_MODES or word == NON_SECURE_MODE:
        return word or _NOT_KNOWN
    return _NOT_KNOWN if word is None else _OTHER


def _general(contradiction: str) -> str:
    """Return a contradiction without what differs from phone to phone, to be counted."""
    return contradiction.partition(" that ends ")[0].partition(" that the LSC ends ")[0]


def _bounded(counts: Counter[str]) -> dict[str, int]:
    """Return counts by word; rare words beyond the most that a cluster has are counted together."""
    if len(counts) <= _MOST_WORDS:
        return dict(counts)
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(common[:_MOST_WORDS])
    kept[_OTHER] = kept.get(_OTHER, 0) + sum(number for _, number in common[_MOST_WORDS:])
    return kept


def _bounded_pairs(counts: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    kinds = {kind for kind, _ in counts}
    return {
        (kind, status): number
        for kind in sorted(kinds)
        for status, number in _bounded(Counter({word: n for (one, word), n in counts.items() if one == kind})).items()
    }
