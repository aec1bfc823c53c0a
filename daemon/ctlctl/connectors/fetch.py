"""From what an operator types to the bytes of a file."""

import re
from typing import Final, assert_never
from urllib.parse import SplitResult, unquote, urlsplit

from ctlctl.connectors.ports import (
    DEFAULT_PORTS,
    FetchLimits,
    FetchTarget,
    Scheme,
    TargetError,
    TlsTrust,
    printable,
)

_SCHEMES: Final[dict[str, Scheme]] = {scheme: scheme for scheme in DEFAULT_PORTS}
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")

_DEFAULT_LIMITS: Final = FetchLimits()
_SYSTEM_TRUST: Final = TlsTrust()


def parse_target(url: str) -> FetchTarget:
    """Read `tftp://host[:69]/name`, `http://host[:6970]/name` or `https://host[:6971]/name`.

    Args:
        url: What the operator typed. An IPv6 address stands in brackets (its zone after `%25`, RFC 6874); a
            port that is written wins over the default; the name may be percent-encoded (UTF-8).

    Returns:
        The target.

    Raises:
        TargetError: It is not such a URL. User names, queries and fragments are refused, as are names that
            `ports.check_name` refuses.
    """
    # urlsplit drops line ends and tabs without a word, so they are refused before it sees them.
    if not url.isprintable() or " " in url:
        raise TargetError(f"{printable(url)!r} has a blank or a control character; write a blank as %20")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TargetError(f"{printable(url)!r} is not a URL: {printable(str(error))}") from None
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise TargetError(f"{printable(url)!r} does not start with tftp://HOST, http://HOST or https://HOST")
    _refuse_extras(url, parts)
    if not parts.hostname:
        raise TargetError(f"{printable(url)!r} names no host")
    return FetchTarget(
        scheme=scheme,
        host=parts.hostname.replace("%25", "%"),
        port=DEFAULT_PORTS[scheme] if port is None else port,
        name=_decode(parts.path.removeprefix("/")),
    )


def _refuse_extras(url: str, parts: SplitResult) -> None:
    # The marks are looked for in the text itself: an empty query or fragment is not to be told from none
    # after splitting.
    if "@" in parts.netloc:
        raise TargetError("a user name or password has no place here; CUCM's TFTP service asks for none")
    if "?" in url:
        raise TargetError("a query (after '?') has no place here; write a '?' of the name itself as %3F")
    if "#" in url:
        raise TargetError("a fragment (after '#') has no place here; write a '#' of the name itself as %23")


def _decode(path: str) -> str:
    if _BROKEN_ESCAPE.search(path):
        raise TargetError(f"{path!r} has a '%' without two hexadecimal digits; write a '%' itself as %25")
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        raise TargetError(f"{path!r} is not UTF-8 behind its percent signs") from None


def fetch(target: FetchTarget, limits: FetchLimits = _DEFAULT_LIMITS, tls: TlsTrust = _SYSTEM_TRUST) -> bytes:
    """Get the whole file (the `ports.FileFetcher` of the application).

    Args:
        target: The file.
        limits: How many bytes and seconds it may take.
        tls: How an HTTPS server proves itself; not used by the other schemes.

    Returns:
        The bytes of the file; `b""` for an empty one, which is a success.

    Raises:
        FetchError: The file could not be had whole.
    """
    # Sockets, TLS and HTTP are loaded here, when a fetch really is done: a cold start need not pay for them.
    match target.scheme:
        case "tftp":
            from ctlctl.connectors.tftp import fetch_tftp  # noqa: PLC0415

            return fetch_tftp(target, limits)
        case "http" | "https":
            from ctlctl.connectors.http import fetch_http  # noqa: PLC0415

            return fetch_http(target, limits, tls)
        case _:
            assert_never(target.scheme)
