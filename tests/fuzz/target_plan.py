"""Fuzz target: a plan file as it is, and what its text says with a hash that is right for it, as a forger writes it."""

import json
from functools import cache
from random import Random
from typing import Any

from ctlctl.plan.document import PlanFileError, _canonical, _digest, read_plan, seal
from ctlctl.plan.text import shown_lines
from support.mutate import ByteMutator
from support.plancases import NULL, lsc_phone, mic_phone, planned

NAME = "plan"
INSTRUMENT = ("ctlctl.plan",)
#: Bytes: a plan of one phone has 4,600.
MAX_LENGTH = 6144
#: What stands in the place of a value.
_JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2**53,
    2**70,
    0.5,
    1e308,
    "",
    "x",
    "ok",
    "refuse",
    "\u001b",
    [],
    {},
    [0],
    [7],
    {"x": 1},
)


@cache
def _plans() -> tuple[bytes, ...]:
    accepted = frozenset({"null-string", "mic-standby"})
    return (
        seal(planned("renew", lsc_phone("SEP1"))).data,
        seal(planned("install", mic_phone("SEP2", authentication_mode=NULL), accepted=accepted)).data,
        seal(planned("delete", lsc_phone("SEP3"), accepted=accepted)).data,
    )


def seeds() -> list[bytes]:
    return list(_plans())


def mutate(data: bytes, limit: int, random: Random, byte_mutator: ByteMutator) -> bytes:
    """Return another document, mostly with one value in the place of another."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return byte_mutator(data, limit)
    if random.random() < 0.2 or not isinstance(document, dict) or not document:
        return byte_mutator(data, limit)
    holder: Any = document
    while True:
        key = random.choice([*holder]) if isinstance(holder, dict) else random.randrange(len(holder))
        inner = holder[key]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.2:
            break
        holder = inner
    if random.random() < 0.1:
        del holder[key]
    else:
        holder[key] = random.choice(_JUNK)
    return json.dumps(document).encode()[:limit]


def one_input(data: bytes) -> None:
    """Read; it is a plan that is written to the same bytes, or the one documented error."""
    _read(data)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(document, dict):
        return
    document.pop("sha256", None)
    try:
        forged = _canonical({**document, "sha256": _digest(document)})
    except (ValueError, RecursionError):
        # What JSON has no form for: NaN, or a lone surrogate.
        return
    _read(forged)


def _read(data: bytes) -> None:
    try:
        sealed = read_plan(data)
    except PlanFileError as error:
        assert str(error).isprintable()  # noqa: PT017 - no test runner here
        return
    # The one thing that must never happen: two files that are the same plan.
    assert sealed.data == data
    assert seal(sealed.plan).data == data
    assert sealed.plan.stopped_by == ()
    assert sealed.rollout(0).phones
    assert all(line.isprintable() for line in shown_lines(sealed, colour=False))
