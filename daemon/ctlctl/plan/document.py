"""A plan as the bytes that are compared and approved: written in one way only, and read only if they are that way.

A line for each field, sorted, and one for each phone, so that two plans can be compared line by line. The SHA-256 is
over all lines but its own. An edit of any byte shows: either the hash is another, or the bytes are not how this program
writes what they say.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final, NoReturn

from ctlctl.plan.checking import expected_guards
from ctlctl.plan.codec import CodecError, from_plain, to_plain
from ctlctl.plan.model import SCHEMA, SHORT, Plan, SealedPlan
from ctlctl_capf.rollout.model import RolloutPlanError

#: Bytes of a plan: 60,000 phones have 40 MB.
MAX_BYTES: Final = 64 * 1024 * 1024
#: How often these may stand in it, so that reading it takes a bounded multiple of its size: a phone has one object and
#: some twenty commas.
_MOST: Final = {b"{": 400_000, b"[": 400_000, b",": 4_000_000}
#: Characters of a device name (AXL, String128).
_MAX_NAME: Final = 128
#: Change windows of a plan; a week has seven days, and people name a few on each.
_MOST_WINDOWS: Final = 100
_HASH: Final = "sha256"
_SCHEMA: Final = "schema"
#: Fields of which each entry has a line of its own.
_BY_LINE: Final = frozenset({"guards", "left_out", "phones"})


class PlanFileError(Exception):
    """The bytes are no plan, or were edited; the text says what is wrong."""


def seal(plan: Plan) -> SealedPlan:
    """Write a plan.

    Raises:
        PlanFileError: it could not be read again: it has no phones, a guard refuses it, or a text in it is too long.
    """
    document = {_SCHEMA: SCHEMA, **_plain(plan)}
    digest = _digest(document)
    data = _canonical({**document, _HASH: digest})
    if len(data) > MAX_BYTES:
        raise PlanFileError(f"the plan has more than {MAX_BYTES // 2**20} MiB: plan fewer phones at once")
    try:
        # Whoever approves it has to be able to read it.
        return replace(read_plan(data), plan=plan)
    except PlanFileError as error:
        raise PlanFileError(f"the plan cannot be written: {error}") from None


def read_plan(data: bytes) -> SealedPlan:
    """Read a plan.

    Args:
        data: the file.

    Raises:
        PlanFileError: it is none, it was edited, or it says what cannot be.
    """
    document = _parse(data)
    schema, digest = document.pop(_SCHEMA, None), document.pop(_HASH, None)
    if schema != SCHEMA:
        raise PlanFileError(f"this is no plan of this version: its schema is not {SCHEMA}")
    if not isinstance(digest, str):
        raise PlanFileError("the plan has no SHA-256")
    try:
        found = _digest({_SCHEMA: SCHEMA, **document})
    except RecursionError:
        raise PlanFileError("this is no plan: it is nested too deep") from None
    if found != digest:
        raise PlanFileError(
            f"the plan was edited: it says SHA-256 {digest[:64]!a}, and its bytes have {found!a}; make a new plan"
        )
    if _canonical({**document, _SCHEMA: SCHEMA, _HASH: digest}) != data:
        raise PlanFileError(f"the plan was edited: not as ctlctl writes it, though it still says SHA-256 {digest}")
    try:
        plan = from_plain(Plan, document)
        _check(plan)
        sealed = SealedPlan(plan, data, digest)
        sealed.rollout(plan.created_at)
    except (CodecError, RolloutPlanError) as error:
        raise PlanFileError(f"the plan says what cannot be: {error}") from None
    return sealed


def file_name(sealed: SealedPlan) -> str:
    """Return the name under which a plan is saved where none is given."""
    return f"lsc-{sealed.plan.operation.value}-{sealed.sha256[:SHORT]}.json"


def _check(plan: Plan) -> None:
    """Refuse what no plan of ours says, whoever has made the hash right.

    Raises:
        CodecError: the plan contradicts itself.
    """
    _check_phones(plan)
    _check_guards(plan)
    if not plan.phones_per_minute > 0 or not plan.deadline_days > 0:
        raise CodecError("its rate or its deadline is none")
    if len(plan.windows) > _MOST_WINDOWS:
        raise CodecError(f"it has more than {_MOST_WINDOWS} change windows")
    try:
        plan.calendar()
    except (ValueError, KeyError, OSError) as error:
        raise CodecError(f"its change windows are none: {error}") from None


def _check_phones(plan: Plan) -> None:
    if not plan.phones:
        raise CodecError("it has no phones")
    if plan.impact.phones != len(plan.phones) or plan.impact.resets != len(plan.phones):
        raise CodecError("it has other phones than its impact says")
    names = {one.phone.name for one in plan.phones}
    odd = next((name for name in names if not 1 <= len(name) <= _MAX_NAME or " " in name), None)
    if odd is not None:
        raise CodecError(f"{odd[:40]!a} is no name of a device")
    both = names & {one.name for one in plan.left_out}
    if both:
        raise CodecError(f"{min(both)} is left out and in it")


def _check_guards(plan: Plan) -> None:
    if plan.stopped_by:
        raise CodecError(f"guard {plan.stopped_by[0].code.value} refuses it")
    if any(guard.accepted and not guard.can_be_accepted for guard in plan.guards):
        raise CodecError("a guard is accepted that cannot be")
    if sorted(guard.code for guard in plan.guards) != sorted(expected_guards(plan.operation)):
        raise CodecError("its guards are not those of its operation, each once")


def _plain(plan: Plan) -> dict[str, Any]:
    made = to_plain(plan)
    if not isinstance(made, dict):  # a dataclass always makes one
        raise TypeError
    return made


def _digest(document: dict[str, Any]) -> str:
    return sha256(_canonical(document)).hexdigest()


def _canonical(document: dict[str, Any]) -> bytes:
    """Return an object's one form: ASCII, keys sorted, no blanks, a line for each field."""
    lines = ",\n".join(f"{_dumps(key)}:{_field(key, document[key])}" for key in sorted(document))
    return f"{{\n{lines}\n}}\n".encode("ascii")


def _field(key: str, value: object) -> str:
    if key in _BY_LINE and isinstance(value, list) and value:
        return "[\n" + ",\n".join(map(_dumps, value)) + "\n]"
    return _dumps(value)


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _parse(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise PlanFileError(f"this is no plan: it has more than {MAX_BYTES // 2**20} MiB")
    if any(data.count(sign) > most for sign, most in _MOST.items()):
        raise PlanFileError("this is no plan: it has more parts than a cluster has phones")
    try:
        found = json.loads(
            data.decode("ascii"), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except RecursionError:
        raise PlanFileError("this is no plan: it is nested too deep") from None
    except ValueError as error:  # JSON, ASCII, a number of thousands of digits
        raise PlanFileError(f"this is no plan: {error}") from None
    if not isinstance(found, dict):
        raise PlanFileError("this is no plan: it is no object")
    return found


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key[:40]!a} stands twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    """Read a number that has a point or an exponent; JSON has no limit for those, and 1e999 is read as infinity."""
    found = float(text)
    return found if math.isfinite(found) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is no number")
