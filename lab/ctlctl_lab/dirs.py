"""The lab's directory: keys that are made once, secrets, the settings file, and who runs a lab in it now."""

import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

#: The kinds of key the lab makes.
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_P256 = ec.SECP256R1()

SETTINGS_NAME = "ctld.toml"
SOCKET_NAME = "lab.sock"


class LabError(Exception):
    """The lab cannot do what was asked; the message says why, and what to do."""


class LabDir:
    """A directory that belongs to one lab.

    Attributes:
        path: where it is.
        born: instant of its first use, in seconds since 1970-01-01 UTC; every lasting certificate counts from it.
    """

    def __init__(self, path: Path) -> None:
        """Open the directory, or make it.

        Args:
            path: the directory; made with mode 0700 where it is missing.

        Raises:
            LabError: it cannot be used.
        """
        self.path = path
        self._lock = Lock()
        self._keys: dict[str, PrivateKey] = {}
        self._held: int | None = None
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in ("keys", "secrets"):
                (path / name).mkdir(exist_ok=True, mode=0o700)
            self.born = self._read_born()
        except (OSError, ValueError) as error:
            raise LabError(f"{path} cannot be the lab's directory: {error}; give another with --dir") from error

    def _read_born(self) -> int:
        # Whoever writes first decides: several processes may share the keys of one directory.
        text = self._once("lab.json", lambda: json.dumps({"born": int(time.time())}).encode())
        found = json.loads(text)
        born = found.get("born") if isinstance(found, dict) else None
        if not isinstance(born, int):
            raise ValueError("lab.json is not a lab's")  # noqa: TRY004 - the caller knows one kind of damage
        return born

    def _once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return a file's bytes; the first to come writes it, whole and with mode 0600."""
        path = self.path / name
        with suppress(FileNotFoundError):
            return path.read_bytes()
        self.write(name, make(), replace=False)
        return path.read_bytes()

    def write(self, name: str, data: bytes, *, replace: bool = True) -> Path:
        """Write a file with mode 0600, whole or not at all.

        Args:
            name: path inside the directory.
            data: its bytes.
            replace: whether an older one is replaced; else it stays as it is.

        Returns:
            Where it is.
        """
        path = self.path / name
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
            if replace:
                os.replace(temporary, path)  # noqa: PTH105 - mkstemp gives a text
            else:
                with suppress(FileExistsError):
                    os.link(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108 - mkstemp gives a text
        return path

    def rsa_key(self, label: str, bits: int = 2048) -> rsa.RSAPrivateKey:
        """Return the RSA key of this name, made at its first use."""
        key = self._key(label, lambda: rsa.generate_private_key(65537, bits))
        if not isinstance(key, rsa.RSAPrivateKey):
            raise LabError(f"the key {label} in {self.path} is no RSA key; remove it")
        return key

    def ec_key(self, label: str, curve: ec.EllipticCurve = _P256) -> ec.EllipticCurvePrivateKey:
        """Return the EC key of this name, made at its first use."""
        key = self._key(label, lambda: ec.generate_private_key(curve))
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise LabError(f"the key {label} in {self.path} is no EC key; remove it")
        return key

    def _key(self, label: str, generate: Callable[[], PrivateKey]) -> PrivateKey:
        with self._lock:
            if (known := self._keys.get(label)) is not None:
                return known
            try:
                pem = self._once(
                    f"keys/{label}.pem",
                    lambda: generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
                )
                # These keys were made here; checking each again costs as much as a start.
                key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
            except (OSError, ValueError, TypeError, UnsupportedAlgorithm, InternalError) as error:
                raise LabError(f"the key {label} in {self.path} cannot be read: {error}; remove it") from error
            if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
                raise LabError(f"the key {label} in {self.path} is of another kind; remove it")
            self._keys[label] = key
            return key

    def secret(self, name: str) -> str:
        """Return a password that is kept in ``secrets/<name>``, made at its first use."""
        try:
            data = self._once(f"secrets/{name}", lambda: secrets.token_urlsafe(18).encode() + b"\n")
            return data.decode().strip()
        except (OSError, ValueError) as error:
            raise LabError(f"the secret {name} in {self.path} cannot be read: {error}; remove it") from error

    def hold(self) -> None:
        """Claim the directory for a running lab.

        Raises:
            LabError: another lab runs in it.
        """
        descriptor = os.open(self.path / "lab.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise LabError(f"a lab runs in {self.path} already; stop it, or give another --dir") from None
        self._held = descriptor

    def release(self) -> None:
        """Give the directory free."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
