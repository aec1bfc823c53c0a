"""From the words of a command line to values, each checked."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ctlctl.verify.clusters import PREFIX
from ctlctl.verify.helpers import HelperPaths
from ctlctl.verify.options import VerifyArguments
from ctlctl.verify.sources import Network, is_address, read_file

if TYPE_CHECKING:
    from ctlctl.connectors.ports import TlsTrust

#: Seconds; a deadline longer than an hour is a slip of the finger.
MAX_TIMEOUT = 3600.0


class UsageError(Exception):
    """The command line asks for something that makes no sense; the message says what to write instead."""


class VerifySettings(NamedTuple):
    """What one run of `ctlctl verify` shall do.

    Attributes:
        targets: files, directories, addresses or `-`.
        helpers: where the helper files are.
        now: the instant to judge validity at.
        allow_sha256: accept digest code 2.
        network: how to fetch.
        output: "text" or "json".
    """

    targets: tuple[str, ...]
    helpers: HelperPaths
    now: datetime
    allow_sha256: bool
    network: Network
    output: str


def parse_instant(text: str) -> datetime:
    """Return the instant that ``text`` names; UTC where it names no zone.

    Raises:
        UsageError: it names none.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--at {text}: no instant; write it like 2026-11-23T12:00:00Z") from None


def make_settings(arguments: VerifyArguments, clock: datetime, *, clusters: bool = False) -> VerifySettings:
    """Check the words of a command line.

    Args:
        arguments: the words.
        clock: the present, used where --at is not given.
        clusters: whether targets may be clusters.

    Raises:
        UsageError: a word makes no sense.
    """
    for target in arguments.targets:
        if target.startswith(PREFIX) and not clusters:
            raise UsageError(f"{target}: no clusters are known here; give files or addresses")
        if not target:
            raise UsageError("an empty word is no target; give a file, a directory, an address or -")
    helpers = HelperPaths(
        arguments.trust_anchor, arguments.previous, arguments.ctl, arguments.trust_list, arguments.decrypt_key
    )
    paths = (*arguments.targets, *helpers.all())
    if paths.count("-") > 1:
        raise UsageError("standard input (-) can be read only once")
    return VerifySettings(
        arguments.targets,
        helpers,
        clock if arguments.at is None else parse_instant(arguments.at),
        "sha256" in arguments.allow_digest,
        make_network(arguments.timeout, arguments.tls_ca, arguments.tls_pin, paths),
        arguments.output,
    )


def make_network(timeout: str, tls_ca: str | None, tls_pin: str | None, targets: tuple[str, ...]) -> Network:
    """Check the network options; they cost an import only when one is used.

    Raises:
        UsageError: one makes no sense.
    """
    try:
        seconds = float(timeout)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        raise UsageError(f"--timeout {timeout}: give seconds, more than 0 and at most {MAX_TIMEOUT:.0f}")
    if tls_ca is not None and tls_pin is not None:
        raise UsageError("give --tls-ca or --tls-pin, not both")
    addresses = [target for target in targets if is_address(target)]
    if tls_ca is not None or tls_pin is not None:
        plain = [address for address in addresses if not address.lower().startswith("https://")]
        if plain or not addresses:
            what = f"{plain[0]} is not" if plain else "there is none"
            raise UsageError(f"--tls-ca and --tls-pin are for https addresses only; {what}")
    if not addresses:
        return Network()
    from ctlctl.connectors.fetch import parse_target  # noqa: PLC0415 - see above
    from ctlctl.connectors.ports import FetchLimits, TargetError  # noqa: PLC0415

    for address in addresses:
        try:
            parse_target(address)
        except TargetError as error:
            raise UsageError(f"{address}: {error}") from None
    return Network(FetchLimits(deadline_seconds=seconds), _tls_trust(tls_ca, tls_pin))


def _tls_trust(tls_ca: str | None, tls_pin: str | None) -> "TlsTrust":
    import re  # noqa: PLC0415 - see make_network
    from pathlib import Path  # noqa: PLC0415

    from ctlctl.connectors.ports import TlsTrust  # noqa: PLC0415

    if tls_ca is not None:
        content = read_file(tls_ca)
        if content.data is None:
            raise UsageError(f"--tls-ca {tls_ca}: {content.problem.message if content.problem else 'nothing was read'}")
        return TlsTrust(ca_file=Path(tls_ca))
    if tls_pin is None:
        return TlsTrust()
    if not re.fullmatch(r"(?:[0-9a-fA-F]{2}[: ]?){31}[0-9a-fA-F]{2}", tls_pin):
        raise UsageError(f"--tls-pin {tls_pin}: give the 64 hexadecimal digits of a SHA-256 fingerprint")
    return TlsTrust.pinned(tls_pin)
