"""Closure tables in one SQLite file of the site: they outlive the process and are shared by all processes of the site.

No patient data, only codes and their relations. Names a database driver (an engine module). Above: `site.site`.
Below: `closure` (the seam).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mihub.errors import StorageFull, Unavailable
from mihub.site.terminology.closure import (
    MOST_CODES,
    MOST_TABLES,
    Code,
    Compare,
    Relation,
    no_table,
    too_many,
)

FILE_NAME: Final = "closures.sqlite"
_WAIT_SECONDS: Final = 10.0
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tables (name TEXT PRIMARY KEY, version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS codes (name TEXT, system TEXT, code TEXT, PRIMARY KEY (name, system, code)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS relations (name TEXT, version INTEGER, system TEXT, below TEXT, above TEXT);
CREATE INDEX IF NOT EXISTS relations_by_version ON relations (name, version);
"""


class SqliteTables:
    """Implements `ClosureTables`. The file is made by the first table."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, name: str) -> None:
        with self._transaction() as connection:
            (count,) = connection.execute("SELECT count(*) FROM tables WHERE name <> ?", (name,)).fetchone()
            if count >= MOST_TABLES:
                raise too_many("tables", MOST_TABLES)
            connection.execute("DELETE FROM codes WHERE name = ?", (name,))
            connection.execute("DELETE FROM relations WHERE name = ?", (name,))
            connection.execute("INSERT OR REPLACE INTO tables VALUES (?, 0)", (name,))

    def add(self, name: str, codes: Sequence[Code], compare: Compare) -> tuple[int, list[Relation]]:
        with self._transaction() as connection:
            version = _version(connection, name)
            rows = connection.execute("SELECT system, code FROM codes WHERE name = ?", (name,))
            known: dict[Code, None] = dict.fromkeys(rows)
            new = [code for code in dict.fromkeys(codes) if code not in known]
            if len(known) + len(new) > MOST_CODES:
                raise too_many("codes", MOST_CODES)
            if not new:
                return version, []
            found: list[Relation] = []
            for code in new:
                found += [
                    Relation(r.system, r.below, r.above, version + 1) for r in compare(code, tuple(known))
                ]
                known[code] = None
            connection.executemany("INSERT INTO codes VALUES (?, ?, ?)", [(name, *code) for code in new])
            connection.executemany(
                "INSERT INTO relations VALUES (?, ?, ?, ?, ?)",
                [(name, r.version, r.system, r.below, r.above) for r in found],
            )
            connection.execute("UPDATE tables SET version = ? WHERE name = ?", (version + 1, name))
            return version + 1, found

    def since(self, name: str, version: int) -> tuple[int, list[Relation]]:
        with self._transaction() as connection:
            now = _version(connection, name)
            query = "SELECT system, below, above, version FROM relations WHERE name = ? AND version > ? ORDER BY rowid"
            return now, [Relation(*row) for row in connection.execute(query, (name, version))]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)
            try:
                connection.executescript(_SCHEMA)
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            raise _told(error) from error


def _version(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT version FROM tables WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise no_table()
    return int(row[0])


def _told(error: sqlite3.OperationalError) -> StorageFull | Unavailable:
    if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
        return StorageFull("There is no room left for a closure table.")
    return Unavailable("The closure tables can not be read or written now.", next_step="Try again.")
