"""A plan as a value: what is going to be done, to which phones, why not to others, and what speaks against it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from ctlctl.plan.calendar import Calendar, Window
from ctlctl_capf.rollout.model import Limits, Operation, PlannedPhone, RolloutPlan

SCHEMA: Final = "ctlctl.plan/1"
#: Hexadecimal digits of a plan's short name.
SHORT: Final = 6
_DAY: Final = 86_400


class ExclusionCode(StrEnum):
    """Why a phone is left out. The values are stable: plan files and scripts hold them."""

    DO_NOT_TOUCH = "do-not-touch"
    #: Named by the operator, and not among the phones that AXL gives now: retired, or never there.
    NOT_IN_CLUSTER = "not-in-cluster"
    NO_LSC_SUPPORT = "no-lsc-support"
    LSC_SUPPORT_UNKNOWN = "lsc-support-unknown"
    OPERATION_PENDING = "operation-pending"
    CAPF_STATE_UNKNOWN = "capf-state-unknown"
    OFFLINE = "offline"
    REGISTRATION_UNKNOWN = "registration-unknown"
    CREDENTIAL_UNKNOWN = "credential-unknown"
    HAS_LSC = "has-lsc"
    NO_LSC = "no-lsc"
    NOT_DUE = "not-due"
    NO_GAIN = "no-gain"


class GuardCode(StrEnum):
    """What is checked before anything is done. The values are stable: plan files and `--accept` hold them."""

    AUTHENTICATION_STRING = "authentication-string"
    AUTHENTICATION_MODE = "authentication-mode"
    NULL_STRING = "null-string"
    KEY_SIZE = "key-size"
    MIC_STANDBY = "mic-standby"
    CAPF_REST = "capf-rest"
    TRUST_LISTS = "trust-lists"
    STALE_CTL = "stale-ctl"
    DO_NOT_TOUCH = "do-not-touch"
    WINDOWS = "windows"
    DEADLINE = "deadline"
    BACKUP = "backup"
    FACTS = "facts"
    ONE_ROLLOUT = "one-rollout"


class GuardVerdict(StrEnum):
    """What came of a check, worst first. UNKNOWN says that nobody can tell: it is never folded into "ok"."""

    REFUSE = "refuse"
    UNKNOWN = "unknown"
    WARN = "warn"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Guard:
    """One check.

    Attributes:
        code: which.
        verdict: what came of it.
        words: one sentence with numbers, without a full stop.
        numbers: those that it was concluded from.
        accepted: whether the operator has taken it on by name, so that it does not stop the plan.
    """

    code: GuardCode
    verdict: GuardVerdict
    words: str
    numbers: Mapping[str, int]
    accepted: bool = False

    @property
    def stops(self) -> bool:
        """Whether the plan is refused because of it."""
        return not self.accepted and self.blocks

    @property
    def blocks(self) -> bool:
        """Whether the plan is refused unless it is accepted."""
        if self.verdict is GuardVerdict.UNKNOWN:
            return self.code in UNKNOWN_BLOCKS
        return self.verdict is GuardVerdict.REFUSE

    @property
    def can_be_accepted(self) -> bool:
        """Whether the operator may take it on: what nobody can tell, and what is unwise but works."""
        return self.verdict is GuardVerdict.UNKNOWN or self.code in _UNWISE


#: What has to be known before phones are touched. The others are looked at again before each batch.
UNKNOWN_BLOCKS: Final = frozenset(
    {
        GuardCode.AUTHENTICATION_STRING,
        GuardCode.AUTHENTICATION_MODE,
        GuardCode.MIC_STANDBY,
        GuardCode.CAPF_REST,
        GuardCode.TRUST_LISTS,
        GuardCode.STALE_CTL,
        GuardCode.ONE_ROLLOUT,
    }
)
#: A first LSC by null string works, but whoever is faster than the phone gets it (Security Guide, CAPF chapter).
_UNWISE: Final = frozenset({GuardCode.NULL_STRING})


@dataclass(frozen=True, slots=True)
class FrozenPhone:
    """A phone of the plan as it was known when the plan was made.

    Attributes:
        phone: what the rollout works by.
        credential: what it shows, as `ctlctl.assess.model.CredentialState` says.
        credential_ends: effective end of that; None where it is not known.
        credential_issuer: CN of who issued it; None where it is not known.
        last_status: CAPF's last word about it; None where it is not known.
    """

    phone: PlannedPhone
    credential: str
    credential_ends: int | None
    credential_issuer: str | None
    last_status: str | None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A phone that was asked for and is left out.

    Attributes:
        name: device name.
        model: such as "Cisco 7940"; "" where it is not known.
        code: why.
        words: the same for a person.
    """

    name: str
    model: str
    code: ExclusionCode
    words: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which phones were asked for.

    Attributes:
        words: filters as the command line has them.
        listed: names that a file gave; None where there was none.
        everything: whether all phones were meant, and said so.
        matched: phones that were asked for.
        cluster_phones: phones of the cluster.
    """

    words: Mapping[str, str]
    listed: int | None
    everything: bool
    matched: int
    cluster_phones: int


@dataclass(frozen=True, slots=True)
class KnownAt:
    """How old what the plan was made of was.

    Attributes:
        live: whether a running ctld gave it; else it is from the snapshot it left.
        axl_at: when AXL last answered.
        ris_at: when RIS last answered.
        lists_at: when trust lists were last fetched; None for never.
    """

    live: bool
    axl_at: int
    ris_at: int
    lists_at: int | None


@dataclass(frozen=True, slots=True)
class Impact:
    """What phones and people will notice.

    Attributes:
        phones: how many are touched.
        resets: one for each, when all goes well.
        off_air_seconds: of one phone for one reset, at least.
        off_air_seconds_most: at most.
        windows: change windows needed; None where more than can be reckoned with are.
        first_window: when the first opens, or when the plan was made if one was open; None where none comes.
        finish: when it would be done; None as with `windows`.
        service_restarts: services that are restarted: none.
        sites: phones of each device pool; "" for none.
        families: phones of each model family.
        cm_groups: phones of each CallManager group; "" where it is not known.
    """

    phones: int
    resets: int
    off_air_seconds: int
    off_air_seconds_most: int
    windows: int | None
    first_window: int | None
    finish: int | None
    service_restarts: int
    sites: Mapping[str, int]
    families: Mapping[str, int]
    cm_groups: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A change window that comes every week: days from 0 (Monday), minutes from that day's midnight."""

    days: tuple[int, ...]
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan.

    Attributes:
        cluster: its name in the settings.
        operation: what is done on each phone.
        created_at: when it was made.
        tool: version of ctlctl that made it.
        known: how old what it was made of was.
        selection: which phones were asked for.
        timezone: the cluster's.
        windows: when phones may be reset.
        deadline_days: days from the start within which it has to be done.
        phones_per_minute: what the cluster is reckoned to carry.
        limits: what bounds the rollout.
        impact: what will be noticed.
        guards: worst first.
        phones: in the order in which they are taken.
        left_out: by name.
        site_sizes: phones of each device pool, those that are not in the plan too.
        cm_group_sizes: the same of each CallManager group.
    """

    cluster: str
    operation: Operation
    created_at: int
    tool: str
    known: KnownAt
    selection: Selection
    timezone: str
    windows: tuple[PlannedWindow, ...]
    deadline_days: int
    phones_per_minute: float
    limits: Limits
    impact: Impact
    guards: tuple[Guard, ...]
    phones: tuple[FrozenPhone, ...]
    left_out: tuple[Exclusion, ...]
    site_sizes: Mapping[str, int]
    cm_group_sizes: Mapping[str, int]

    @property
    def stopped_by(self) -> tuple[Guard, ...]:
        """Guards that refuse it."""
        return tuple(guard for guard in self.guards if guard.stops)

    def calendar(self) -> Calendar:
        """Return its change windows.

        Raises:
            ValueError: a window is none.
            ZoneInfoNotFoundError: this machine does not know the time zone (a KeyError).
        """
        windows = tuple(Window(frozenset(one.days), one.opens, one.closes) for one in self.windows)
        return Calendar(ZoneInfo(self.timezone), windows)


@dataclass(frozen=True, slots=True)
class SealedPlan:
    """A plan with the bytes that are approved.

    Attributes:
        plan: the plan.
        data: its file, to the byte.
        sha256: hexadecimal; over the file without its own line of this.
    """

    plan: Plan
    data: bytes
    sha256: str

    @property
    def id(self) -> str:
        """Short name."""
        return self.sha256[:SHORT]

    def rollout(self, started_at: int) -> RolloutPlan:
        """Return what a rollout works by.

        Args:
            started_at: when it begins; the deadline counts from there.
        """
        plan = self.plan
        return RolloutPlan(
            id=self.id,
            sha256=self.sha256,
            cluster=plan.cluster,
            operation=plan.operation,
            phones=tuple(one.phone for one in plan.phones),
            limits=plan.limits,
            deadline=started_at + plan.deadline_days * _DAY,
            site_sizes=plan.site_sizes,
            cm_group_sizes=plan.cm_group_sizes,
        )
