"""Secrets: read from files that nobody else can read, or from the credentials that systemd hands to a service."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from ctlctl_config.plainfiles import NoPlainFileError, read_plain

#: Bytes. A password has a few dozen.
MAX_SECRET_BYTES: Final = 4096
#: Permission bits of everybody but the owner.
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"


class SecretError(Exception):
    """A secret cannot be had; the text says why and what to do, and repeats nothing of it."""


def read_secret_file(path: Path) -> SecretStr:
    """Read a secret.

    Args:
        path: The file. Its permissions must shut out everybody but its owner. A line end after the secret is no part
            of it.

    Returns:
        The secret: one line of text, not empty.

    Raises:
        SecretError: It cannot be read, or others can read it, or it is no line of text.
    """
    return _parse(path, _read(path, private=True))


def read_credential(name: str) -> SecretStr:
    """Read a secret that systemd has put into ``$CREDENTIALS_DIRECTORY`` (LoadCredential=, SetCredential=).

    systemd guards that directory itself, with an access list where it can; so permission bits say nothing there.

    Args:
        name: The credential's name.

    Returns:
        The secret.

    Raises:
        SecretError: There is no such directory or credential, or it is no line of text.
    """
    folder = os.environ.get(CREDENTIALS_VARIABLE, "")
    if not folder:
        raise SecretError(
            f"${CREDENTIALS_VARIABLE} is not set: only a service that systemd starts has credentials; "
            "write password_file instead, or start this with LoadCredential="
        )
    path = Path(folder, name)
    return _parse(path, _read(path, private=False))


def _read(path: Path, *, private: bool) -> bytes:
    try:
        data, status = read_plain(path, MAX_SECRET_BYTES)
    except NoPlainFileError:
        raise SecretError(f"{path}: is no file; put the secret into a plain file with mode 0600") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SecretError(f"{path}: cannot be read ({why}); put the secret into this file") from None
    mode = stat.S_IMODE(status.st_mode)
    if private and mode & _OTHERS:
        raise SecretError(f"{path}: others can get at it (mode {mode:04o}): chmod 600 {path}, and change the secret")
    return data


def _parse(path: Path, data: bytes) -> SecretStr:
    if len(data) > MAX_SECRET_BYTES:
        raise SecretError(f"{path}: has more than {MAX_SECRET_BYTES} bytes; it must hold the secret and nothing else")
    try:
        text = data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretError(f"{path}: is not UTF-8 text; it must hold the secret and nothing else") from None
    if not text:
        raise SecretError(f"{path}: is empty; put the secret into it")
    if not text.isprintable():
        raise SecretError(f"{path}: has more than one line, or a control character; it must hold the secret alone")
    return SecretStr(text)


def write_secret_file(path: Path, secret: str) -> None:
    """Write a secret into a new file of mode 0600; its directory is made with mode 0700 where it is missing.

    Args:
        path: Where to.
        secret: One line of text.

    Raises:
        FileExistsError: There is a file already; it is left alone.
        OSError: It cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - it is open already
            # The mode above is cut by the umask only; an inherited access list could widen it.
            os.fchmod(descriptor, 0o600)
            file.write(secret.encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise
