"""Mutations that know the format: they change one thing and mend the lengths and, now and then, the signature.

A mutator that only turns bytes is stopped by the first length or by the signature; this one reaches what lies behind.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ctlctl_trust.signature import DIGESTS, SHA512
from support.lists import sign_in_place

#: (bytes, limit) -> other bytes; libFuzzer's own, or `turn_bytes`.
ByteMutator = Callable[[bytes, int], bytes]

_CONTAINERS = {
    3: {4, 5, 6},
    7: {8, 9, 10, 11},
    9: {10, 11},
    16: set(range(17, 26)),
    17: {18, 19, 20},
    21: {22, 23, 24, 25},
}
_PADDING = 13


@dataclass(slots=True)
class Loose:
    """A file taken apart as far as its lengths allow."""

    header: list[tuple[int, bytes]]
    records: list[list[tuple[int, bytes]]]
    rest: bytes


def take_apart(data: bytes, *, records: bool) -> Loose | None:
    """Take a file apart; None when it has no header to speak of."""
    if len(data) < 10:
        return None
    end = min(int.from_bytes(data[8:10], "big"), len(data))
    header: list[tuple[int, bytes]] = []
    place = 0
    while place < end:
        tag = data[place]
        if tag == _PADDING or tag in _CONTAINERS:
            header.append((tag, b""))
            place += 1 if tag == _PADDING else 3
            continue
        size = int.from_bytes(data[place + 1 : place + 3], "big")
        header.append((tag, data[place + 3 : place + 3 + size]))
        place += 3 + size
    found: list[list[tuple[int, bytes]]] = []
    place = end
    while records and place + 5 <= len(data) and data[place] == 1:
        size = max(5, int.from_bytes(data[place + 3 : place + 5], "big"))
        found.append(_members(data[place + 5 : place + size]))
        place += size
    return Loose(header, found, data[place:])


def _members(data: bytes) -> list[tuple[int, bytes]]:
    members: list[tuple[int, bytes]] = []
    place = 0
    while place + 3 <= len(data):
        size = int.from_bytes(data[place + 1 : place + 3], "big")
        members.append((data[place], data[place + 3 : place + 3 + size]))
        place += 3 + size
    return members


def put_together(loose: Loose, random: Random) -> bytes:
    """Write a file again with right lengths; seldom, one is left wrong."""

    def size(length: int) -> bytes:
        if random.random() < 0.02:
            length += random.choice((-7, -4, -3, -1, 1, 3, 65535))
        return (length & 0xFFFF).to_bytes(2, "big")

    header = bytearray()
    for place, (tag, value) in enumerate(loose.header):
        header.append(tag)
        if tag in _CONTAINERS:
            length = 0
            for inner, inner_value in loose.header[place + 1 :]:
                if inner not in _CONTAINERS[tag]:
                    break
                length += 3 + len(inner_value)
            header += size(length)
        elif tag != _PADDING:
            header += size(len(value)) + value
    if len(header) >= 10:
        header[8:10] = size(len(header))
    body = bytearray()
    for record in loose.records:
        members = b"".join(bytes((tag,)) + size(len(value)) + value for tag, value in record)
        body += b"\x01\x00\x02" + size(5 + len(members)) + members
    return bytes(header + body + loose.rest)


def turn_bytes(random: Random) -> ByteMutator:
    """Return a mutator of a few bytes that keeps the length, for where no fuzzer is at hand."""

    def mutate(data: bytes, limit: int) -> bytes:
        out = bytearray(data[:limit] or b"\0")
        for _ in range(random.randint(1, 3)):
            out[random.randrange(len(out))] = random.randrange(256)
        return bytes(out)

    return mutate


def mutated(
    data: bytes, limit: int, random: Random, mutate: ByteMutator, key: RSAPrivateKey, *, records: bool
) -> bytes:
    """Return ``data`` with one or two things changed.

    Args:
        data: a file, good or bad.
        limit: largest result in bytes.
        random: where choices come from.
        mutate: changes the bytes of one value.
        key: signs, where a signature is to be good again.
        records: whether records follow the header.
    """
    loose = take_apart(data, records=records)
    if loose is None:
        return mutate(data, limit)
    for _ in range(random.choice((1, 1, 2))):
        _change(loose, random, mutate)
    out = put_together(loose, random)[:limit]
    if random.random() < 0.25:
        code = next((value for tag, value in loose.header if tag == 8), b"\3")
        out = sign_in_place(out, key, DIGESTS.get(code[0] if code else 3, SHA512))
    return out


def _change(loose: Loose, random: Random, mutate: ByteMutator) -> None:
    if loose.records and random.random() < 0.15:
        _shuffle(loose.records, random)
        return
    if not loose.records and loose.rest and random.random() < 0.2:
        loose.rest = mutate(loose.rest, len(loose.rest) + 64)
        return
    members = random.choice((loose.header[2:], *loose.records)) if loose.records else loose.header[2:]
    home = next((record for record in loose.records if record is members), None)
    if random.random() < 0.2:
        _shuffle(members, random)
    elif members:
        place = random.randrange(len(members))
        tag, value = members[place]
        if random.random() < 0.1:
            tag = random.choice((random.randrange(32), random.randrange(256)))
        elif random.random() < 0.5:
            value = turn_bytes(random)(value, len(value) or 1)
        else:
            value = mutate(value, len(value) + 32)
        members[place] = (tag, value)
    if home is None:
        loose.header[2:] = members


def _shuffle(things: list[Any], random: Random) -> None:
    if not things:
        return
    place, other = random.randrange(len(things)), random.randrange(len(things))
    match random.randrange(4):
        case 0:
            things.insert(other, things[place])
        case 1:
            del things[place]
        case 2:
            things[place], things[other] = things[other], things[place]
        case _:
            things[place] = things[other]
