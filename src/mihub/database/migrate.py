"""Bring a database to the tables that this program needs: numbered SQL files, each applied once, in order.

A file that was applied is never edited (its checksum is compared); a database that is newer than the program
is refused. Files are named `NNNN_what_it_does.sql` and lie in the package of the room that owns the tables.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import psycopg

from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.errors import ConfigurationError

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_LEDGER = """
CREATE TABLE IF NOT EXISTS mihub_migration (
    package text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (package, number)
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Compared with the one that was applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrate(pool: Pool, package: str, *, rehearse: bool = False) -> int:
    """Apply what is missing of `package` (dotted name, its `NNNN_*.sql` files); the number of files applied
    now.

    `rehearse`: do it on the real tables and take all of it back. Raises `ConfigurationError` when the database is newer
    than this program or an applied file was changed.
    """
    known = migrations(package)
    with translated(), pool.connection() as connection, connection.transaction(force_rollback=rehearse):
        # One at a time, also across processes that start together.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('mihub_migration'))")
        connection.execute(_LEDGER)
        done = _applied(connection, package)
        _refuse_strangers(package, known, done)
        missing = [migration for migration in known if migration.number not in done]
        for migration in missing:
            connection.execute(migration.sql.encode())
            connection.execute(
                "INSERT INTO mihub_migration (package, number, name, checksum) VALUES (%s, %s, %s, %s)",
                (package, migration.number, migration.name, migration.checksum),
            )
    return len(missing)


def packages_below(root: str) -> list[str]:
    """The packages below a dotted name that have migrations, in order of their names."""
    found = []
    waiting = [(root, resources.files(root))]
    while waiting:
        name, folder = waiting.pop()
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
        if any(_NAME.fullmatch(entry.name) for entry in entries):
            found.append(name)
        waiting += [
            (f"{name}.{one.name}", one) for one in entries if one.is_dir() and one.name.isidentifier()
        ]
    return sorted(found)


def missing(connection: psycopg.Connection[tuple[object, ...]], root: str) -> list[str]:
    """The migrations below a dotted name that a database lacks, each as `package NNNN_name`."""
    newest = applied(connection)
    return [
        f"{package} {one.number:04d}_{one.name}"
        for package in packages_below(root)
        for one in migrations(package)
        if one.number > newest.get(package, 0)
    ]


def applied(connection: psycopg.Connection[tuple[object, ...]]) -> dict[str, int]:
    """The newest migration of each package in a database; {} for one that is not ours."""
    row = connection.execute("SELECT to_regclass('mihub_migration') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return {}
    rows = connection.execute("SELECT package, max(number) FROM mihub_migration GROUP BY package ORDER BY 1")
    return {str(package): int(str(number)) for package, number in rows}


def refuse_newer(packages: Mapping[str, int]) -> None:
    """Raises `ConfigurationError` when these tables are of a newer program than this one."""
    for package, newest in packages.items():
        known = _known(package)
        if newest > known:
            raise ConfigurationError(
                f"The tables are of a newer MiHUB (they are at {newest}, this program knows {known}).",
                where=package,
                next_step="Install that newer version; an older program must not write here.",
            )


def _known(package: str) -> int:
    try:
        return max((one.number for one in migrations(package)), default=0)
    except ModuleNotFoundError:
        return 0


def migrations(package: str) -> list[Migration]:
    """The numbered files of `package` in order. Raises `ConfigurationError` when a number appears twice."""
    found: dict[int, Migration] = {}
    for entry in resources.files(package).iterdir():
        match = _NAME.fullmatch(entry.name)
        if match is None:
            continue
        number = int(match[1])
        if number in found:
            raise ConfigurationError(
                f"Two migrations of {package} carry the number {number}.", rule="one number, one file"
            )
        found[number] = Migration(number, match[2], entry.read_text(encoding="utf-8"))
    return [found[number] for number in sorted(found)]


def _applied(connection: Connection, package: str) -> dict[int, str]:
    rows = connection.execute("SELECT number, checksum FROM mihub_migration WHERE package = %s", (package,))
    return dict(rows.fetchall())


def _refuse_strangers(package: str, known: list[Migration], done: dict[int, str]) -> None:
    newest = max((migration.number for migration in known), default=0)
    if done and max(done) > newest:
        raise ConfigurationError(
            f"The database is of a newer MiHUB (its tables are at {max(done)}, this program knows {newest}).",
            where=package,
            next_step="Install that newer version; an older program must not write here.",
        )
    for migration in known:
        if migration.number in done and done[migration.number] != migration.checksum:
            raise ConfigurationError(
                f"Migration {migration.number:04d}_{migration.name}.sql was changed after it was applied.",
                where=package,
                rule="an applied migration is never edited",
                next_step="Restore the file and put the change into a new number.",
            )
