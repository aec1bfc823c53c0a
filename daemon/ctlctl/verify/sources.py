"""Getting the bytes an operator points at: a file, standard input, or a TFTP or HTTP address."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ctlctl_trust.codes import Code
from ctlctl_trust.findings import Finding
from ctlctl_trust.tlv import MAX_INPUT

if TYPE_CHECKING:
    from ctlctl.connectors.ports import FetchLimits, TlsTrust

#: File names that a directory is searched for, in any case.
SUFFIXES = (".tlv", ".sgn")
_SCHEMES = ("tftp://", "http://", "https://")


class Content(NamedTuple):
    """What a target gave.

    Attributes:
        target: the target as the operator wrote it, or the path of a file in a directory he named.
        data: the bytes, or None when there are none to judge.
        name: the file name to judge by, or None for standard input.
        requested: the name asked of a server, or None for a file on disk.
        size: size in bytes where known, the unread ones included.
        problem: why there are no bytes.
    """

    target: str
    data: bytes | None = None
    name: str | None = None
    requested: str | None = None
    size: int | None = None
    problem: Finding | None = None


class Network(NamedTuple):
    """How network targets are fetched.

    Attributes:
        limits: byte cap and deadline.
        tls: how an HTTPS server proves who it is.
    """

    limits: "FetchLimits | None" = None
    tls: "TlsTrust | None" = None


def is_address(target: str) -> bool:
    """Tell whether a target is a network address."""
    return target.lower().startswith(_SCHEMES)


def read_target(target: str, network: Network | None = None) -> Content:
    """Return the bytes of one target that is no directory; never raises for what the world holds."""
    if target == "-":
        return _from_stdin()
    if is_address(target):
        return _from_network(target, network or Network())
    return read_file(target)


def read_file(path: str, limit: int = MAX_INPUT) -> Content:
    """Read a regular file of at most ``limit`` bytes.

    Args:
        path: where it is.
        limit: bytes; a larger file is not read at all.

    Returns:
        Its bytes, or the problem: ``unreadable`` for what is missing, forbidden or no regular file,
        ``too-large`` for a file over the limit.
    """
    name = os.path.basename(path)
    try:
        # Asked before opening, because opening a device can act on it; asked again after, because it can be swapped.
        before = os.stat(path)
        _require_regular(before)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            status = os.fstat(descriptor)
            _require_regular(status)
            size = status.st_size
            if size > limit:
                return Content(path, None, name, None, size, _too_large(size, limit))
            data = _read_all(partial(os.read, descriptor), limit)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Content(path, None, name, problem=Finding(Code.UNREADABLE, reason))
    if len(data) > limit:
        return Content(path, None, name, None, len(data), _too_large(len(data), limit))
    return Content(path, data, name, None, len(data))


def _require_regular(status: os.stat_result) -> None:
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return
    kinds = (
        (stat.S_ISDIR, "is a directory"),
        (stat.S_ISFIFO, "is a FIFO, not a file: reading it could wait for ever; pipe it into `-` instead"),
        (stat.S_ISCHR, "is a device, not a file"),
        (stat.S_ISBLK, "is a device, not a file"),
        (stat.S_ISSOCK, "is a socket, not a file"),
    )
    raise ValueError(next((what for test, what in kinds if test(mode)), "is no regular file"))


def _read_all(read: Callable[[int], bytes | None], limit: int) -> bytes:
    chunks = bytearray()
    while len(chunks) <= limit:
        chunk = read(limit + 1 - len(chunks))
        if not chunk:
            break
        chunks += chunk
    return bytes(chunks)


def _too_large(size: int, limit: int) -> Finding:
    return Finding(Code.TOO_LARGE, f"{size:,} bytes: more than {limit:,} are not read")


def _from_stdin() -> Content:
    if sys.stdin is None:
        return Content("-", problem=Finding(Code.UNREADABLE, "standard input is closed"))
    try:
        data = _read_all(sys.stdin.buffer.read, MAX_INPUT)
    except OSError as error:
        return Content("-", problem=Finding(Code.UNREADABLE, error.strerror or str(error)))
    if len(data) > MAX_INPUT:
        problem = Finding(Code.TOO_LARGE, f"more than {MAX_INPUT:,} bytes are not read")
        return Content("-", size=len(data), problem=problem)
    return Content("-", data, size=len(data))


def _from_network(target: str, network: Network) -> Content:
    # A cold verify of a file must not pay for the network.
    from ctlctl.connectors.fetch import fetch, parse_target  # noqa: PLC0415
    from ctlctl.connectors.ports import (  # noqa: PLC0415
        FetchError,
        FetchFault,
        FetchLimits,
        TargetError,
        TlsTrust,
    )

    try:
        parsed = parse_target(target)
        data = fetch(parsed, network.limits or FetchLimits(), network.tls or TlsTrust())
    except TargetError as error:
        return Content(target, problem=Finding(Code.UNREACHABLE, str(error)))
    except FetchError as error:
        code = Code.TOO_LARGE if error.fault is FetchFault.TOO_LARGE else Code.UNREACHABLE
        return Content(target, problem=Finding(code, str(error)))
    return Content(target, data, parsed.name.rpartition("/")[2], parsed.name, len(data))


def list_directory(path: str) -> Iterator[str]:
    """Yield the paths of a directory's trust lists and signed files, by name.

    Raises:
        OSError: the directory cannot be read.
    """
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES))
    for name in names:
        yield os.path.join(path, name)
