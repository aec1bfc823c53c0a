"""What stands in the settings about rollouts: when phones may be touched, how many at a time, and who may say so.

The numbers are where a rollout starts, from what operators and other tools for rollouts do (hawkBit, Argo Rollouts,
ConfigMgr); Cisco gives no figure for certificates a minute, so they are to be set from what a cluster is seen to carry.
"""

import re
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ctlctl_config.base import FilePath, Table, Word

#: Monday first, as `datetime.date.weekday` counts.
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError('this is no time of day such as "22:00"')
    return text


def _closing(text: str) -> str:
    return text if text == "24:00" else _clock(text)


def minutes_of_day(text: str) -> int:
    """Return the minutes from midnight that a time of day such as "22:00" stands for; 1,440 for "24:00"."""
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


class WindowSettings(Table):
    """A change window that comes every week, in the cluster's time zone.

    Attributes:
        days: on which it opens.
        opens: time of day.
        closes: time of day; earlier than `opens` is the next day's.
    """

    days: Annotated[tuple[Weekday, ...], Field(strict=False, min_length=1)] = Field(
        default=WEEKDAYS, description="days on which it opens", examples=[["mon", "tue"]]
    )
    opens: Annotated[str, AfterValidator(_clock)] = Field(
        description="time of day at which it opens", examples=["22:00"]
    )
    closes: Annotated[str, AfterValidator(_closing)] = Field(
        description="time of day at which it closes, the next day's where that is earlier", examples=["04:00"]
    )

    wanted: ClassVar[str] = 'a whole day is opens = "00:00" and closes = "24:00"'

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.opens == self.closes:
            raise ValueError("a window that opens and closes at the same time of day is none")
        return self


class RolloutSettings(Table):
    """How phones of one cluster are given new certificates.

    Attributes:
        windows: when phones may be reset.
        approvers: users who may approve a plan.
        approver_groups: groups whose members may.
        second_approver: whether two different people have to.
        approval_days: an approval holds for so long.
        drift_percent: share of a plan's phones that may have changed before the approval falls.
        do_not_touch: file with names of phones, one a line, that no plan takes in.
        canary_sizes: phones of the batches that come first.
        canary_rest_minutes: a canary is watched for so long before the next begins.
        batch_size: phones of every batch after them.
        in_flight: phones that are under way at the same time.
        site_percent: share of one site (device pool) that may be under way.
        group_percent: share of one CallManager group that may be.
        phones_per_minute: what the cluster is reckoned to carry.
        off_air_seconds: how long a phone is off the air for one reset, at least and at most.
        retries: how often a phone is tried again after its first time.
        halt_failures: failures in a batch that halt the rollout.
        halt_percent: share of a batch whose failure halts it.
        halt_unknown_percent: share of a batch of which nobody can tell, over which it halts.
        halt_unregistered_percent: loss of registrations, beyond phones under way, that halts it.
        capf_rest_days: CAPF's certificate has to last for so long at least.
        renew_before_days: an LSC is due for renewal so long before its end.
        unregistered_days: a phone that is not registered for so long is left out.
        facts_max_minutes: what is known of the cluster may be so old when a plan is made.
        backup_hours: a backup older than that is warned of.
        deadline_days: a rollout has to be done within so many days of its start.
    """

    windows: Annotated[tuple[WindowSettings, ...], Field(strict=False, min_length=1)] = Field(
        default=(WindowSettings(opens="22:00", closes="04:00"),), description="when phones may be reset"
    )
    approvers: Annotated[tuple[Word, ...], Field(strict=False)] = Field(
        default=(), description="users who may approve a plan", examples=[["anna", "ben"]]
    )
    approver_groups: Annotated[tuple[Word, ...], Field(strict=False)] = Field(
        default=(), description="groups whose members may approve a plan", examples=[["voice-leads"]]
    )
    second_approver: bool = Field(default=False, description="true: two different people have to", examples=[True])
    approval_days: int = Field(default=14, ge=1, le=90, description="an approval holds for so long", examples=[14])
    drift_percent: int = Field(default=5, ge=0, le=100, description="phones that may have changed", examples=[5])
    do_not_touch: FilePath | None = Field(
        default=None, description="file with names of phones that no plan takes in", examples=["do-not-touch.txt"]
    )
    canary_sizes: Annotated[tuple[Annotated[int, Field(ge=1, le=10_000)], ...], Field(strict=False, max_length=10)] = (
        Field(default=(10, 50, 200), description="phones of the first batches", examples=[[10, 50, 200]])
    )
    canary_rest_minutes: int = Field(default=30, ge=0, le=10_080, description="watch of a canary", examples=[30])
    batch_size: int = Field(default=250, ge=1, le=10_000, description="phones of a batch", examples=[250])
    in_flight: int = Field(default=64, ge=1, le=2_000, description="phones under way at a time", examples=[64])
    site_percent: int = Field(default=10, ge=1, le=100, description="of one site under way", examples=[10])
    group_percent: int = Field(default=20, ge=1, le=100, description="of one CallManager group", examples=[20])
    # 250 phones in ten minutes: a window of six hours carries 9,000.
    phones_per_minute: float = Field(
        default=25.0, gt=0, le=1_000, allow_inf_nan=False, description="what the cluster carries", examples=[25]
    )
    off_air_seconds: Annotated[
        tuple[Annotated[int, Field(ge=1, le=3_600)], Annotated[int, Field(ge=1, le=3_600)]], Field(strict=False)
    ] = Field(default=(40, 90), description="off the air for one reset, at least and at most", examples=[[40, 90]])
    retries: int = Field(default=3, ge=0, le=10, description="tries after the first", examples=[3])
    halt_failures: int = Field(default=10, ge=1, le=10_000, description="failures that halt", examples=[10])
    halt_percent: int = Field(default=2, ge=0, le=100, description="of a batch failed halts", examples=[2])
    halt_unknown_percent: int = Field(default=20, ge=0, le=100, description="of a batch unknown halts", examples=[20])
    halt_unregistered_percent: int = Field(
        default=3, ge=0, le=100, description="lost registrations that halt", examples=[3]
    )
    capf_rest_days: int = Field(default=365, ge=0, le=7_300, description="rest of CAPF's certificate", examples=[365])
    renew_before_days: int = Field(
        default=90, ge=1, le=1_825, description="an LSC is due before its end", examples=[90]
    )
    unregistered_days: int = Field(default=30, ge=1, le=3_650, description="not registered so long", examples=[30])
    facts_max_minutes: int = Field(default=120, ge=1, le=10_080, description="age of facts at most", examples=[120])
    # A backup by which the certificates of today can be restored is the only way back for a publisher.
    backup_hours: int = Field(default=24, ge=1, le=8_760, description="a backup is old", examples=[24])
    deadline_days: int = Field(default=30, ge=1, le=365, description="done within so many days", examples=[30])

    wanted: ClassVar[str] = "the first of off_air_seconds is the least, the second the most"

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.off_air_seconds[0] > self.off_air_seconds[1]:
            raise ValueError("off_air_seconds says that the least is more than the most")
        return self
