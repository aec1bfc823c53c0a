"""The directory of a credential: the set in use, the one before, the pin; exchanged so that no crash leaves a mixture.

DIR/key.pem, certificate.pem, …   links into current/, always the same
DIR/current                       link to the set in use; a rename of this link is the exchange
DIR/previous                      link to the set before
DIR/sets/…                        the sets, each whole and on disk before anything points to it
DIR/capf.pem                      the certificate that CAPF has proved itself by: the pin
"""

import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from ctlctl.enroll.errors import EnrollError, EnrollFault
from ctlctl.files import write_whole
from ctlctl_config.plainfiles import NoPlainFileError, read_plain

KEY: Final = "key.pem"
CERTIFICATE: Final = "certificate.pem"
CHAIN: Final = "chain.pem"
KEYSTORE: Final = "client.p12"
#: Password of the PKCS#12 file, where it was made here.
KEYSTORE_PASSWORD: Final = "client.p12.password"  # noqa: S105 - the name of a file
ABOUT: Final = "enrolment.json"
PIN: Final = "capf.pem"
#: Files of a set that stand in the directory itself, as links.
SHOWN: Final = (KEY, CERTIFICATE, CHAIN, KEYSTORE, KEYSTORE_PASSWORD, ABOUT)

_CURRENT: Final = "current"
_PREVIOUS: Final = "previous"
_SETS: Final = "sets"
_LOCK: Final = ".lock"
_RESERVE: Final = "reserve"
#: Bytes that a set may take: key and PKCS#12 file of RSA-4096 and chain are under 16,000.
_RESERVED: Final = 64 * 1024
#: Bytes of any file that is read here.
_MAX_BYTES: Final = 256 * 1024
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class CredentialFolder:
    """The directory of one credential."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # Reading.

    def current(self) -> Mapping[str, bytes] | None:
        """Return the files of the set in use; None where there is none.

        Raises:
            EnrollError: it cannot be read.
        """
        # The link is resolved once, so that all files are of one set whatever is exchanged meanwhile.
        try:
            folder = self.path / os.readlink(self.path / _CURRENT)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(_CURRENT, error) from None
        found: dict[str, bytes] = {}
        for name in SHOWN:
            data = self._read(folder / name)
            if data is not None:
                found[name] = data
        return found

    def pin(self) -> bytes | None:
        """Return the file with the pinned certificate of CAPF; None where there is none.

        Raises:
            EnrollError: it cannot be read.
        """
        return self._read(self.path / PIN)

    def _read(self, path: Path) -> bytes | None:
        try:
            data, _ = read_plain(path, _MAX_BYTES)
        except FileNotFoundError:
            return None
        except (OSError, NoPlainFileError) as error:
            raise self._unreadable(path.name, error) from None
        if len(data) > _MAX_BYTES:
            raise self._unreadable(path.name, ValueError("far too large"))
        return data

    def _unreadable(self, name: str, error: Exception) -> EnrollError:
        why = getattr(error, "strerror", None) or str(error) or "no plain file"
        advice = "Read it as the user it belongs to, or name another directory"
        return EnrollError(EnrollFault.NO_CREDENTIAL, f"{self.path / name}: cannot be read ({why})", advice)

    # Writing.

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others out for the length of a ``with`` block; the directory is made where there is none.

        Raises:
            EnrollError: somebody else is at work in it, others may write to it, or it cannot be used.
        """
        with self._trouble():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_owner()
            descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                advice = "Wait for ctlctl or ctld to end their work on it"
                raise EnrollError(EnrollFault.BUSY, f"{self.path}: somebody is at work in it", advice) from None
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def staged(self) -> Iterator["StagedSet"]:
        """Make room for a new set, on disk, before anything is asked for; what is not put in use is removed.

        Raises:
            EnrollError: there is no room, or no right.
        """
        made: StagedSet | None = None
        try:
            self._check_place()
            with self._trouble():
                made = StagedSet(self)
            yield made
        finally:
            if made is not None:
                made.discard()

    def keep_pin(self, pem: bytes) -> None:
        """Pin a certificate of CAPF.

        Raises:
            EnrollError: it cannot be written.
        """
        with self._trouble():
            write_whole(str(self.path / PIN), pem, replace=True, mode=0o600)

    def remove(self) -> bool:
        """Remove the credential, the one before it included; return whether there was one. The pin stays.

        Raises:
            OSError: it is still in use, or its files are still there.
        """
        had = (self.path / _CURRENT).is_symlink()
        for name in (_CURRENT, _PREVIOUS, *SHOWN):
            if (self.path / name).is_symlink():
                (self.path / name).unlink()
        _sync(self.path)
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path / _SETS)
        return had

    def put_in_use(self, name: str, files: Collection[str]) -> None:
        """Let ``current`` point to a set that is whole and on disk.

        Args:
            name: the set.
            files: what is in it.

        Raises:
            OSError: the one before is still in use.
        """
        for shown in files:
            if self._target(shown) is None:
                (self.path / shown).symlink_to(_link(shown))
        before = self._target(_CURRENT)
        _point(self.path, _CURRENT, f"{_SETS}/{name}")
        # From here on the new set is in use, whatever happens: what follows is tidying.
        with suppress(OSError):
            if before is not None:
                _point(self.path, _PREVIOUS, before)
            for shown in set(SHOWN).difference(files):
                (self.path / shown).unlink(missing_ok=True)
            _sync(self.path)
            self._tidy()

    def _check_owner(self) -> None:
        """Refuse a directory in which somebody else may exchange files and links under our hands.

        Raises:
            EnrollError: it is one.
            OSError: it cannot be looked at.
        """
        status = self.path.stat()
        if status.st_uid != os.geteuid():
            advice = f"Do this as the user it belongs to (uid {status.st_uid}), who alone can use what is put there"
            raise EnrollError(EnrollFault.STORAGE, f"{self.path}: belongs to somebody else", advice)
        if stat.S_IMODE(status.st_mode) & _OTHERS_WRITE:
            advice = f"chmod go-w {self.path}: who may write to it may put their own key there"
            raise EnrollError(EnrollFault.STORAGE, f"{self.path}: others may write to it", advice)

    def _check_place(self) -> None:
        """Refuse a directory that has files of others where links are to stand: an application would go on with them.

        Raises:
            EnrollError: there is one.
        """
        for name in SHOWN:
            if os.path.lexists(self.path / name) and self._target(name) != _link(name):
                advice = "Move it away, or name another directory"
                detail = f"{self.path / name}: is there already, and was not put there by ctlctl"
                raise EnrollError(EnrollFault.STORAGE, detail, advice)

    def _target(self, name: str) -> str | None:
        try:
            return os.readlink(self.path / name)
        except OSError:
            return None

    def _tidy(self) -> None:
        """Remove sets that nothing points to: those before the one before, and what a crash has left."""
        wanted = {self._target(_CURRENT), self._target(_PREVIOUS)}
        for folder in (self.path / _SETS).iterdir():
            if f"{_SETS}/{folder.name}" not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise no_room(self.path, error) from None

    @property
    def sets(self) -> Path:
        """Where the sets are."""
        return self.path / _SETS


class StagedSet:
    """A set that is being made, beside the others."""

    def __init__(self, folder: CredentialFolder) -> None:
        self._folder = folder
        self._name = secrets.token_hex(8)
        self._used = False
        folder.sets.mkdir(mode=0o700, exist_ok=True)
        self.path = folder.sets / self._name
        self.path.mkdir(mode=0o700)
        try:
            _write(self.path / _RESERVE, bytes(_RESERVED))
        except OSError:
            self.discard()
            raise

    def put_in_use(self, files: Mapping[str, bytes]) -> None:
        """Write the files and exchange the sets.

        Raises:
            OSError: that could not be done; the set before is in use as it was.
        """
        (self.path / _RESERVE).unlink()
        for name, data in files.items():
            _write(self.path / name, data)
        _sync(self.path)
        _sync(self._folder.sets)
        self._folder.put_in_use(self._name, files)
        self._used = True

    def discard(self) -> None:
        """Remove it, if it was not put in use."""
        if not self._used:
            shutil.rmtree(self.path, ignore_errors=True)


def no_room(path: Path, error: OSError) -> EnrollError:
    """Return what trouble with the disk means; the credential that was there is as it was."""
    advice = "Make room or give the right to write there; what was there before is untouched"
    return EnrollError(EnrollFault.STORAGE, f"{path}: cannot be written ({error.strerror or error})", advice)


def _link(name: str) -> str:
    return f"{_CURRENT}/{name}"


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        # The mode above is cut by the umask only; an inherited access list could widen it.
        os.fchmod(descriptor, 0o600)
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _point(folder: Path, name: str, target: str) -> None:
    """Let a link point elsewhere, in one step."""
    fresh = folder / f".{name}.{secrets.token_hex(4)}"
    fresh.symlink_to(target)
    try:
        fresh.rename(folder / name)
    except OSError:
        fresh.unlink()
        raise


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
