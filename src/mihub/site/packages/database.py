"""The one file that keeps a site's packages: SQLite, written in whole transactions, read by any number of processes.

A reader sees the last committed state while another process adds; `stamp` tells cheaply whether that state changed.
No other module of this room names the driver. Source: https://www.sqlite.org/wal.html,
https://www.sqlite.org/pragma.html#pragma_data_version. Above: `shelf`, `writing`, `snapshots`.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from mihub.errors import ConfigurationError, MihubError, StorageFull, Unavailable

SCHEMA_VERSION: Final = 1
_WAIT_SECONDS: Final = 60.0
_SCHEMA: Final = """
CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO state VALUES ('generation', 0);
CREATE TABLE package (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, canonical TEXT NOT NULL,
    fhir_versions TEXT NOT NULL, source TEXT NOT NULL, digest BLOB NOT NULL, added_at_utc TEXT NOT NULL,
    UNIQUE (name, version));
CREATE TABLE dependency (
    package INTEGER NOT NULL REFERENCES package ON DELETE CASCADE, name TEXT NOT NULL, version TEXT NOT NULL);
CREATE INDEX dependency_package ON dependency (package);
CREATE TABLE set_aside (
    package INTEGER NOT NULL REFERENCES package ON DELETE CASCADE,
    place TEXT NOT NULL, what TEXT NOT NULL, rule TEXT NOT NULL, next_step TEXT NOT NULL);
CREATE INDEX set_aside_package ON set_aside (package);
CREATE TABLE resource (
    id INTEGER PRIMARY KEY AUTOINCREMENT, package INTEGER NOT NULL REFERENCES package ON DELETE CASCADE,
    place TEXT NOT NULL, example INTEGER NOT NULL, resource_type TEXT NOT NULL, url TEXT NOT NULL,
    version TEXT NOT NULL, resource_id TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL,
    derivation TEXT NOT NULL, snapshot INTEGER NOT NULL, size_bytes INTEGER NOT NULL);
CREATE INDEX resource_url ON resource (url);
CREATE INDEX resource_package ON resource (package);
CREATE INDEX resource_type ON resource (resource_type, example);
CREATE TABLE body (resource INTEGER PRIMARY KEY REFERENCES resource ON DELETE CASCADE, packed BLOB NOT NULL);
CREATE TABLE snapshot (
    resource INTEGER PRIMARY KEY REFERENCES resource ON DELETE CASCADE,
    maker TEXT NOT NULL, uses BLOB NOT NULL, packed BLOB NOT NULL);
"""

Stamp = tuple[int, int]
ABSENT: Final[Stamp] = (0, 0)


class Database:
    """One shelf's tables, in a file (made by the first `write`) or in memory (`path` None). Safe from any thread."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        self._inode = 0
        self._closed = False
        if path is None:
            self._reader = _connect(":memory:")
            _make(self._reader)
            self._inode = 1

    @property
    def where(self) -> str:
        """The file, for people."""
        return str(self._path) if self._path is not None else "memory"

    def close(self) -> None:
        """Give back the file. Calling it again does nothing."""
        with self._lock:
            self._closed = True
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def stamp(self) -> Stamp:
        """Another value whenever somebody else has committed; `ABSENT` while there is no file."""
        # Asked before every look-up: no context manager on this path.
        with self._lock:
            try:
                reader = self._connected()
                if reader is None:
                    return ABSENT
                return self._inode, reader.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error as error:
                raise _translated(error, self.where) from error

    def read(self, question: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows; none while there is no file."""
        with self._lock, self._named():
            reader = self._connected()
            return [] if reader is None else reader.execute(question, values).fetchall()

    @contextmanager
    def write(self, *, wait_seconds: float = _WAIT_SECONDS) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or, when the block raises, none. Raises `Unavailable` when others write for longer."""
        if self._path is None:
            with self._lock, self._named():
                if self._reader is None:
                    raise Unavailable("The package shelf is closed.", next_step="Open it again.")
                with _transaction(self._reader):
                    yield self._reader
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._named(), closing(_connect(self._path, wait_seconds)) as writer:
            _make(writer)
            self._check_version(writer)
            with _transaction(writer):
                yield writer

    def shrink(self) -> None:
        """Give the room of what was removed back to the disk, as far as readers permit."""
        if self._path is not None:
            with self._named(), closing(_connect(self._path)) as writer:
                writer.execute("PRAGMA incremental_vacuum").fetchall()

    def _connected(self) -> sqlite3.Connection | None:
        """The reading connection to the file that lies there now; a file that was replaced is opened anew."""
        if self._path is None:
            return self._reader
        if self._closed:
            raise Unavailable("The package shelf is closed.", next_step="Open it again.")
        inode = _inode(self._path)
        if inode != self._inode and self._reader is not None:
            self._reader.close()
            self._reader = None
        if inode and self._reader is None:
            reader = _connect(self._path)
            try:
                # Another process has just begun to make the file: nothing is in it yet.
                if not self._check_version(reader):
                    reader.close()
                    return None
            except BaseException:
                reader.close()
                raise
            self._reader = reader
        self._inode = inode if self._reader is not None else 0
        return self._reader

    def _check_version(self, connection: sqlite3.Connection) -> bool:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, SCHEMA_VERSION):
            raise ConfigurationError(
                "The package shelf was made by another version of MiHUB.",
                where=self.where,
                rule=f"layout {SCHEMA_VERSION}, found {version}",
                next_step="Remove the file and add the packages again, or use the version that made it.",
            )
        return bool(version)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """The driver's errors as ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise _translated(error, self.where) from error


def _connect(path: Path | str, wait_seconds: float = _WAIT_SECONDS) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=wait_seconds, isolation_level=None, check_same_thread=False)
    # A quarter of SQLite's default: what is read is kept as resources, not as pages.
    connection.execute("PRAGMA cache_size=-512")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


def _make(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone()[0]:
        return
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    connection.execute("PRAGMA journal_mode=WAL")
    with _transaction(connection):
        # Somebody else may have made it while this one waited.
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            return
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return 0


def _translated(error: sqlite3.Error, where: str) -> MihubError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unavailable(
            "Another process is changing the package shelf.", where=where, next_step="Try again in a minute."
        )
    if code == sqlite3.SQLITE_FULL:
        return StorageFull(
            "The disk is full; nothing was half-written.", where=where, next_step="Make room, then try again."
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return ConfigurationError(
            "The package shelf is damaged.",
            where=where,
            rule="an SQLite file that MiHUB made",
            next_step="Remove the file and add the packages again.",
        )
    return ConfigurationError(
        f"The package shelf can not be used ({type(error).__name__}).",
        where=where,
        rule="a file that this user may read and write",
        next_step="Check its rights and the folder's.",
    )
