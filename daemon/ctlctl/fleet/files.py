"""The snapshot: a directory with two files for each cluster, written whole or not at all, read by `ctlctl`.

``NAME.json`` is the cluster's document, ``NAME.phones.jsonl`` has one phone a line. Mode 0640: readers are those of the
directory's group.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

Document: TypeAlias = dict[str, object]

_CLUSTER: Final = ".json"
_PHONES: Final = ".phones.jsonl"
_MODE: Final = 0o640
_DIRECTORY_MODE: Final = 0o750
#: Bytes of a cluster's document; a thousand findings and certificates have 1 MB.
_MAX_BYTES: Final = 256 * 1024 * 1024


class SnapshotError(Exception):
    """The snapshot cannot be read; the text says why and what to do."""


class SnapshotFiles:
    """Writes and reads the snapshot of a fleet."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._written: dict[str, bytes] = {}

    def prepare(self, group: int | None) -> None:
        """Make the directory, for a group to read.

        Args:
            group: number of the group, or None for that of the process.

        Raises:
            OSError: it cannot be made.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with suppress(PermissionError):
            # Only a member may give a file to a group; the peers' rights are the socket's to check then.
            if group is not None:
                os.chown(self.directory, -1, group)
        self.directory.chmod(_DIRECTORY_MODE)

    def write(self, name: str, cluster: Mapping[str, object], phones: Iterable[Mapping[str, object]]) -> None:
        """Write both files of a cluster; one whose bytes stay the same is left alone.

        Raises:
            OSError: they cannot be written; the older ones stay.
        """
        lines = (json.dumps(phone, ensure_ascii=False, separators=(",", ":")) + "\n" for phone in phones)
        self._replace(name + _PHONES, (line.encode() for line in lines))
        self._replace(name + _CLUSTER, [json.dumps(cluster, ensure_ascii=False).encode()])

    def forget(self, name: str) -> None:
        """Remove a cluster that is no more in the settings."""
        for ending in (_CLUSTER, _PHONES):
            with suppress(OSError):
                (self.directory / (name + ending)).unlink()
            self._written.pop(name + ending, None)

    def _replace(self, name: str, pieces: Iterable[bytes]) -> None:
        path, new = self.directory / name, self.directory / f".{name}.new"
        digest = sha256()
        # What a daemon that was killed has left there is removed; a link is not followed to somebody else's file.
        with suppress(FileNotFoundError):
            new.unlink()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
        try:
            with open(descriptor, "wb") as stream:
                os.fchmod(descriptor, _MODE)
                group = self.directory.stat().st_gid
                # Under systemd it is the daemon's own group, and no file may be given away there.
                if os.fstat(descriptor).st_gid != group:
                    os.fchown(descriptor, -1, group)
                for piece in pieces:
                    digest.update(piece)
                    stream.write(piece)
            if self._written.get(name) == digest.digest() and path.exists():
                new.unlink()
                return
            new.replace(path)
            self._written[name] = digest.digest()
        except OSError:
            with suppress(OSError):
                new.unlink()
            raise

    def clusters(self) -> list[Document]:
        """Return the documents of all clusters.

        Raises:
            SnapshotError: there is no snapshot, or it cannot be read.
        """
        return [self._read(path) for path in self._files(_CLUSTER)]

    def cluster(self, name: str) -> Document | None:
        """Return one cluster's document, or None.

        Raises:
            SnapshotError: it cannot be read.
        """
        path = self._known(name, _CLUSTER)
        return None if path is None else self._read(path)

    def phones(self, name: str) -> Iterator[Document]:
        """Give the phones of a cluster.

        Raises:
            SnapshotError: they cannot be read.
        """
        path = self._phones(name)
        try:
            with path.open("rb") as lines:
                for line in lines:
                    yield _object(path, line)
        except OSError as error:
            raise SnapshotError(f"{path}: cannot be read ({error.strerror})") from None

    def phone(self, name: str, device: str) -> Document | None:
        """Return one phone, or None; without reading the others as JSON.

        Raises:
            SnapshotError: they cannot be read.
        """
        # No phone has half a pair of surrogates in its name, but a command line may.
        start = f'{{"name":{json.dumps(device, ensure_ascii=False)},'.encode(errors="surrogatepass")
        path = self._phones(name)
        try:
            with path.open("rb") as lines:
                for line in lines:
                    if line.startswith(start):
                        return _object(path, line)
        except OSError as error:
            raise SnapshotError(f"{path}: cannot be read ({error.strerror})") from None
        return None

    def _files(self, ending: str) -> list[Path]:
        try:
            return sorted(path for path in self.directory.iterdir() if path.name.endswith(ending))
        except OSError as error:
            raise SnapshotError(f"{self.directory}: no snapshot can be read ({error.strerror})") from None

    def _known(self, name: str, ending: str) -> Path | None:
        # The name is whatever somebody asks for: it is looked for among what is here, and never made a path, which
        # could lead to a file of somebody else's that ctld may read.
        return next((path for path in self._files(ending) if path.name == name + ending), None)

    def _phones(self, name: str) -> Path:
        path = self._known(name, _PHONES)
        if path is None:
            raise SnapshotError(f"{self.directory}: no phones of {name!r} are in it")
        return path

    def _read(self, path: Path) -> Document:
        try:
            with path.open("rb") as stream:
                return _object(path, stream.read(_MAX_BYTES))
        except OSError as error:
            raise SnapshotError(f"{path}: cannot be read ({error.strerror})") from None


def _object(path: Path, text: bytes) -> Document:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SnapshotError(f"{path}: is damaged; ctld writes it anew")
    return found
