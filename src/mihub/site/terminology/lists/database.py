"""The one SQLite file of code lists: tables, connections, and whether another process has changed it.

`<site folder>/codes.sqlite`. Knowledge, no record of a patient: it can be deleted and loaded again. Readers see whole lists only
(write-ahead log). Numbers of concepts and wordings carry their list in the upper bits, so that a list is one range in every
table. Above: `shelf`, `loading`, `provider`, `search`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mihub.errors import ConfigurationError, StorageFull, Unavailable

FILE_NAME: Final = "codes.sqlite"
SHIFT: Final = 24
MAX_CONCEPTS: Final = (1 << SHIFT) - 1
_FORMAT: Final = 1
_BUSY_SECONDS: Final = 600
_SAME_FILE_SECONDS: Final = 0.5
_PRAGMAS: Final = {"ro": ("mmap_size=1073741824", "query_only=ON"), "rwc": ("temp_store=FILE",)}
_SCHEMA: Final = """
CREATE TABLE list (
  id INTEGER PRIMARY KEY, key TEXT, kind TEXT, url TEXT, version TEXT, title TEXT, publisher TEXT, language TEXT, notice TEXT,
  hierarchy TEXT, case_sensitive INT, leads_to TEXT, files TEXT, loaded_at TEXT, size INT, words INT, rank INT, search INT,
  UNIQUE (kind, key, url, version));
CREATE TABLE property_kind (id INTEGER PRIMARY KEY, list INT, code TEXT, type TEXT, description TEXT, UNIQUE (list, code));
CREATE TABLE concept (
  id INTEGER PRIMARY KEY, list INT, code TEXT, squashed TEXT, display TEXT, place INT, last INT, abstract INT, inactive INT,
  status TEXT, definition TEXT);
CREATE UNIQUE INDEX concept_code ON concept (list, code);
CREATE INDEX concept_squashed ON concept (list, squashed);
CREATE INDEX concept_place ON concept (list, place);
CREATE TABLE edge (child INT, parent INT, PRIMARY KEY (child, parent)) WITHOUT ROWID;
CREATE INDEX edge_parent ON edge (parent);
CREATE TABLE span (concept INT, low INT, high INT, PRIMARY KEY (concept, low)) WITHOUT ROWID;
CREATE TABLE property (concept INT, kind INT, value TEXT, PRIMARY KEY (concept, kind, value)) WITHOUT ROWID;
CREATE INDEX property_value ON property (kind, value);
CREATE TABLE wording (id INTEGER PRIMARY KEY, concept INT, use INT, language TEXT, text TEXT);
CREATE INDEX wording_concept ON wording (concept);
CREATE TABLE lead (concept INT PRIMARY KEY, code TEXT) WITHOUT ROWID;
CREATE TABLE word (list INT, word TEXT, PRIMARY KEY (list, word)) WITHOUT ROWID;
CREATE TABLE change (number INT);
INSERT INTO change VALUES (0);
"""


class Database:
    """Connections to the file: one per thread for reading, a fresh one for each writing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._guard = threading.Lock()

    @property
    def exists(self) -> bool:
        """Whether anything was ever loaded."""
        if not self.path.exists():
            return False
        connection = self.reading()
        with faults(self.path):
            return bool(connection.execute("PRAGMA user_version").fetchone()[0])

    def reading(self) -> sqlite3.Connection:
        """This thread's connection. It never writes."""
        local = self._local
        now = time.monotonic()
        if now < getattr(local, "until", 0.0):
            known: sqlite3.Connection = local.connection
            return known
        with faults(self.path):
            file = self.path.stat().st_ino if self.path.exists() else 0
            if getattr(local, "file", None) != file:
                local.connection, local.file, local.seen = self._connect("ro"), file, (-1, 0)
                with self._guard:
                    self._opened.append(local.connection)
        # Whether the file itself was replaced is looked at now and then; changes inside it are seen at once.
        local.until = now + _SAME_FILE_SECONDS
        found: sqlite3.Connection = local.connection
        return found

    @property
    def change(self) -> int:
        """Grows with every writing of any process; 0 when nothing was ever loaded."""
        if not self.exists:
            return 0
        connection = self.reading()
        with faults(self.path):
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            if self._local.seen[0] != version:
                self._local.seen = (version, connection.execute("SELECT number FROM change").fetchone()[0])
        return int(self._local.seen[1])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing. Waits for another writer; the file is made when there is none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with faults(self.path):
            connection = self._connect("rwc")
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA cache_size=-65536")
                self._prepare(connection)
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("UPDATE change SET number = number + 1")
                connection.execute("COMMIT")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

    @staticmethod
    def _prepare(connection: sqlite3.Connection) -> None:
        """The tables, in a transaction of their own: what is refused later must not take them along."""
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={_FORMAT}")
        connection.execute("COMMIT")

    def _connect(self, mode: str) -> sqlite3.Connection:
        address = f"{self.path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(
            address,
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=_BUSY_SECONDS,
            cached_statements=512,
        )
        for pragma in _PRAGMAS[mode]:
            connection.execute(f"PRAGMA {pragma}")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, _FORMAT):
            connection.close()
            raise ConfigurationError(
                f"{self.path} was written by another version of this program.",
                rule=f"format {_FORMAT}, found {found}",
                next_step="Delete it and load the publishers' files again: mihub codes add",
            )
        return connection

    def close(self) -> None:
        """Give back every connection."""
        with self._guard:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
        self._local = threading.local()


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """SQLite's errors in a sentence."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise StorageFull(
                "The disk is full; nothing was half-written.",
                where=str(path),
                next_step="Make room, then run the command again.",
            ) from error
        if "locked" in text or "busy" in text:
            raise Unavailable(
                "Another process is loading code lists.",
                where=str(path),
                next_step="Try again when it has ended.",
            ) from error
        if "unable to open" in text or "readonly" in text:
            raise ConfigurationError(
                f"{path} can not be opened.",
                rule="a file that this program may read and write",
                next_step="Check its rights.",
            ) from error
        raise
    except sqlite3.DatabaseError as error:
        if "malformed" not in str(error) and "not a database" not in str(error):
            raise
        raise ConfigurationError(
            f"{path} is damaged.",
            rule="a file written by mihub codes add",
            next_step="Delete it and load the publishers' files again.",
        ) from error


def bounds(list_id: int) -> tuple[int, int]:
    """First and last number that a concept or wording of a list can have."""
    return list_id << SHIFT, ((list_id + 1) << SHIFT) - 1
