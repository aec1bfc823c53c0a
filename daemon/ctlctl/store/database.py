"""The database behind the store: where it is, how it is opened, and transactions whose errors an operator can read.

All that only SQLite does is in this module, in `errors` and in `backup`.
"""

import errno
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ctlctl.store.errors import DATABASE_ERRORS, StoreError, StoreFault, translated

# Time that a writer of another program is waited for before that is an error: seconds.
LOCK_TIMEOUT: Final = 10.0
# A log that one large transaction blew up is cut to this when it is next written from the start: bytes.
_LOG_KEPT: Final = 16 << 20
# Seconds between two tries to begin a new file that somebody else begins.
_BUSY_SECONDS: Final = 0.01
# Connections kept open. A daemon has about as many threads; more are opened at need, and closed again.
_POOL: Final = 8

_WRITES: Final = "ctlctl_writes"


class Database:
    """Connections to one database. Any thread may use it."""

    def __init__(self, url_or_path: str, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self._url = _parsed(url_or_path)
        self.is_file: Final = self._url.get_backend_name() == "sqlite"
        #: file, or URL without a password: for people.
        self.place: Final = self._url.database or "" if self.is_file else self._url.render_as_string(hide_password=True)
        self._folder = os.path.dirname(os.path.abspath(self.place)) if self.is_file else None
        self._inode: tuple[int, int] | None = None
        self._closed = False
        # Writers of this program wait for each other in turn; SQLite would let them poll, and the unlucky starve.
        self._writing: AbstractContextManager[object] = threading.Lock() if self.is_file else nullcontext()
        if self.is_file:
            self._make_file()
        self._engine = self._made_engine(lock_timeout)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read at one moment: writers neither wait nor are seen.

        Raises:
            StoreError: it cannot be read.
        """
        with self._errors_told(), self._engine.connect() as connection:
            if not self.is_file:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write all that the body does, or nothing.

        Raises:
            StoreError: it cannot be written, or not now; nothing was.
        """
        with self._writing, self._errors_told():
            self._hold_file()
            with self._engine.connect() as plain:
                connection = plain.execution_options(**{_WRITES: True})
                with connection.begin():
                    yield connection

    @contextmanager
    def raw(self) -> Iterator[Any]:
        """The driver's own connection outside any transaction: for what no transaction can do.

        Raises:
            StoreError: what the body did failed.
        """
        with self._errors_told():
            connection = self._engine.raw_connection()
            try:
                yield connection.driver_connection
            finally:
                connection.close()

    def close(self) -> None:
        """Close it; what runs in other threads ends with an error."""
        self._closed = True
        self._engine.dispose()

    def error(self, kind: StoreFault, detail: str, *, advice: str = "") -> StoreError:
        """Make an error about this database."""
        return StoreError(kind, self.place, detail, advice=advice)

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        if self._closed:
            raise self.error(StoreFault.UNUSABLE, "The store was closed", advice="Open it again")
        try:
            yield
        except DATABASE_ERRORS as error:
            told = translated(error, self.place, self._folder)
            if told is None:
                raise
            raise told from error

    def _made_engine(self, lock_timeout: float) -> Engine:
        try:
            # Errors with what was to be written in them would end up in logs.
            engine = create_engine(self._url, pool_size=_POOL, max_overflow=-1, hide_parameters=True)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            advice = "Install the driver, or use a file"
            raise self.error(StoreFault.UNUSABLE, f"No driver for this database: {error}", advice=advice) from error
        if self.is_file:
            event.listen(engine, "connect", _configure(lock_timeout))
            event.listen(engine, "begin", _begin)
        return engine

    def _make_file(self) -> None:
        """Make file and directory as private as what they hold: names and addresses of every phone."""
        try:
            os.makedirs(self._folder or ".", mode=0o700, exist_ok=True)
            descriptor = os.open(self.place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
            try:
                state = os.fstat(descriptor)
                if not stat.S_ISREG(state.st_mode):
                    raise self.error(StoreFault.UNUSABLE, "It is no regular file")
                if stat.S_IMODE(state.st_mode) & 0o077:
                    os.fchmod(descriptor, 0o600)
            finally:
                os.close(descriptor)
        except OSError as error:
            # An exhausted disk has no room for the entry in the directory either.
            kind = StoreFault.DISK_FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else StoreFault.UNUSABLE
            raise self.error(kind, f"It cannot be opened: {error.strerror}") from error
        self._inode = (state.st_dev, state.st_ino)

    def _hold_file(self) -> None:
        """Refuse to write to a file that nobody can find any more: SQLite would, and all of it would be lost."""
        if self._inode is None:
            return
        try:
            state = os.stat(self.place)
        except OSError:
            state = None
        if state is None or (state.st_dev, state.st_ino) != self._inode:
            advice = "Restart the daemon; it then uses the file that is there, or makes a new one"
            raise self.error(StoreFault.UNUSABLE, "The file was removed or replaced while in use", advice=advice)


def _parsed(url_or_path: str) -> URL:
    if "://" not in url_or_path:
        return URL.create("sqlite", database=os.path.abspath(url_or_path))
    try:
        url = make_url(url_or_path)
        backend = url.get_backend_name()
    except ArgumentError as error:
        raise StoreError(StoreFault.UNUSABLE, "store", "The URL of the store is none") from error
    if backend != "sqlite":
        return url
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StoreError(
            StoreFault.UNUSABLE, url_or_path, "The URL names no file", advice="Use sqlite:////path/to/file"
        )
    return url.set(database=os.path.abspath(url.database))


def _configure(lock_timeout: float) -> Any:  # noqa: ANN401 - SQLAlchemy's hooks are untyped
    def configure(connection: Any, _record: object) -> None:  # noqa: ANN401
        try:
            # Transactions are begun by `_begin`: the driver would begin them late, and not at all for a SELECT.
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {int(lock_timeout * 1000)}")
            _keep_log(connection, lock_timeout)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_KEPT}")
        except BaseException:
            connection.close()
            raise

    return configure


def _keep_log(connection: sqlite3.Connection, patience: float) -> None:
    """Have changes written to a log; of several that begin a new file at once, wait for the others.

    SQLite itself turns all but one away at once there, whatever busy_timeout says.
    """
    end = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end:
                raise
            time.sleep(_BUSY_SECONDS)
        else:
            return


def _begin(connection: Connection) -> None:
    # A writer says so at once: one that had read first could not wait for another, it would have to fail.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")
