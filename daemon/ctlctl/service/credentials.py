"""A user with a password, and what tells later whether they are still the same without telling what they are."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Final

from ctlctl.connectors.secret import Secret

#: Parameters of scrypt (RFC 7914) by the name that is kept beside a digest: N, r, p. The last is used for new ones; it
#: takes 32 MiB and some 0.3 s of a core (OWASP Password Storage Cheat Sheet: one of the settings it calls equal).
_METHODS: Final[Mapping[str, tuple[int, int, int]]] = MappingProxyType({"scrypt-15-8-3": (1 << 15, 8, 3)})
_NEWEST: Final = "scrypt-15-8-3"
#: Bytes that scrypt may take; twice what it does.
_MAX_MEMORY: Final = 64 << 20
_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32
#: At a start all accounts of all clusters may have to be compared: not all at once.
_ONE_AT_A_TIME: Final = Lock()


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in, and with what."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Seal:
    """What is kept of credentials.

    Attributes:
        method: how the digest was made.
        salt: random bytes that went into it.
        digest: of both, slow to make: whoever has it needs that long for each guess.
    """

    method: str
    salt: bytes
    digest: bytes

    def __repr__(self) -> str:
        """Show nothing of it: what logs print, somebody keeps."""
        return f"Seal({self.method!r})"


def seal(credentials: Credentials) -> Seal:
    """Make what tells these credentials from others. Blocks for a while.

    Raises:
        ValueError: this machine's OpenSSL has no scrypt.
        MemoryError: there is no room for it now.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    return Seal(_NEWEST, salt, _digest(credentials, salt, _METHODS[_NEWEST]))


def is_sealed(credentials: Credentials, kept: Seal) -> bool:
    """Tell whether these are the credentials; True where it cannot be told, because that way nothing is tried. Blocks.

    Raises:
        ValueError: as `seal`.
        MemoryError: as `seal`.
    """
    parameters = _METHODS.get(kept.method)
    return parameters is None or hmac.compare_digest(_digest(credentials, kept.salt, parameters), kept.digest)


def _digest(credentials: Credentials, salt: bytes, parameters: tuple[int, int, int]) -> bytes:
    user, (n, r, p) = credentials.username.encode(), parameters
    # The length keeps "ab" with "c" and "a" with "bc" apart.
    words = len(user).to_bytes(4, "big") + user + credentials.password.reveal().encode()
    with _ONE_AT_A_TIME:
        return hashlib.scrypt(words, salt=salt, n=n, r=r, p=p, maxmem=_MAX_MEMORY, dklen=_DIGEST_BYTES)
