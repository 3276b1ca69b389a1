"""What the doctor sees in a site's database and packages. Reads only; numbers, no values. Above: `site_doctor`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import psycopg

from mihub.apps import folders
from mihub.database.faults import translated
from mihub.database.migrate import applied, missing, refuse_newer
from mihub.errors import MihubError
from mihub.site.packages.shelf import FILE_NAME, Shelf
from mihub.site.search.of_packages import catalogue_of_packages
from mihub.site.settings import SiteSettings
from mihub.site.site import index_version

Level = Literal["error", "warning", "fine"]
Connection = psycopg.Connection[tuple[Any, ...]]

_OLDEST: Final = 150_000
_BEHIND: Final = 1000
_AUDIT_SHARE: Final = 0.5
# Off, an acknowledged write can be lost when the machine or the server dies.
_DURABLE: Final = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One sentence about the site, and what to do when it is no good one."""

    level: Level
    check: str
    what: str
    next_step: str = ""


def database(connection: Connection, folder: Path, settings: SiteSettings) -> Iterator[Told]:
    """Everything about the database, one room after the other."""
    yield _version(connection)
    yield from _durable(connection)
    yield from _clock(connection)
    try:
        refuse_newer(applied(connection))
    except MihubError as error:
        yield Told("error", "tables", error.what, error.next_step)
        return
    lacking = missing(connection, "mihub.site")
    if lacking:
        yield Told(
            "warning", "tables", f"{len(lacking)} migrations are not applied yet.",
            "They are applied at the next start; try them before: mihub site migrate --dry-run",
        )  # fmt: skip
    else:
        yield Told("fine", "tables", "The tables are those of this version.")
    for needs, look in _LOOKS:
        if _has(connection, needs):
            yield from look(connection, folder, settings)


def rows(connection: Connection) -> int:
    """How many resources there are, deleted ones included."""
    if not _has(connection, "record_state"):
        return 0
    return int(_one(connection, "SELECT resources FROM record_state") or 0)


def index_is_stale(connection: Connection, settings: SiteSettings) -> bool:
    """Does this version index something else than what the record was indexed with?"""
    if not _has(connection, "record_state"):
        return False
    kept = _one(connection, "SELECT catalogue FROM record_state")
    return kept is not None and kept != index_version(
        catalogue_of_packages(settings.data_dir), settings.time_zone
    )


def member_lists(folder: Path, settings: SiteSettings) -> list[str]:
    """The signed lists that the hub brought."""
    url, server = folders.database_url(folder, settings.database_url, "site")
    try:
        with translated(), psycopg.connect(url, connect_timeout=10) as connection:
            if not _has(connection, "mailbox_member_list"):
                return []
            return [str(row[0]) for row in connection.execute("SELECT token FROM mailbox_member_list")]
    finally:
        if server is not None:
            server.stop()


def packages(folder: Path) -> Iterator[Told]:
    """FHIR packages, and what of them can not be used."""
    path = folder / FILE_NAME
    if not path.exists():
        yield Told(
            "warning", "packages", "No FHIR package is loaded: resources are checked against base R4 only.",
            "Load the packages of your core data set: mihub packages add",
        )  # fmt: skip
        return
    shelf = Shelf.open(path)
    try:
        for package, unusable in shelf.check().items():
            if unusable:
                yield Told(
                    "warning", "packages", f"{package}: {len(unusable)} definitions can not be used.",
                    f"See which and why: mihub packages check --site {folder} {package.partition('#')[0]}",
                )  # fmt: skip
        yield Told("fine", "packages", f"{len(shelf.list())} FHIR packages are loaded.")
    finally:
        shelf.close()


def _version(connection: Connection) -> Told:
    number = connection.info.server_version
    said = f"PostgreSQL {number // 10_000}.{number % 10_000} answers."
    if number < _OLDEST:
        return Told(
            "error", "database", said, "Move to PostgreSQL 15 or newer: docs/how-to/back-up-and-restore.md"
        )
    return Told("fine", "database", said)


def _durable(connection: Connection) -> Iterator[Told]:
    for name, good in _DURABLE.items():
        value = _one(connection, "SELECT current_setting(%s)", name)
        if value not in good:
            yield Told(
                "error",
                "database",
                f"{name} is {value}: an acknowledged write can be lost in a crash.",
                f"Set {name} = on in PostgreSQL.",
            )
    if _one(connection, "SELECT current_setting('autovacuum')") != "on":
        yield Told(
            "warning",
            "database",
            "autovacuum is off: searches become slow.",
            "Set autovacuum = on in PostgreSQL.",
        )


def _clock(connection: Connection) -> Iterator[Told]:
    before = time.time()
    theirs = _one(connection, "SELECT extract(epoch FROM clock_timestamp())")
    skew = abs(float(theirs) - (before + time.time()) / 2)
    if skew > 5:
        yield Told(
            "error",
            "clock",
            f"The clocks of this machine and of the database differ by {skew:.0f} s.",
            "Let both follow a time server (NTP).",
        )


def _future(connection: Connection, folder: Path, settings: SiteSettings) -> Iterator[Told]:
    newest = _one(
        connection,
        "SELECT max(last_updated) FROM resource WHERE position = (SELECT max(position) FROM resource)",
    )
    if newest is not None and (newest - datetime.now(UTC)).total_seconds() > 60:
        yield Told(
            "error", "clock", "The newest version is of a time that has not come yet: the clock went back.",
            "Check the clock; versions keep the later time until it is reached.",
        )  # fmt: skip


def _index(connection: Connection, folder: Path, settings: SiteSettings) -> Iterator[Told]:
    if index_is_stale(connection, settings):
        yield Told(
            "warning", "index", "The search index was made by another version or for other settings.",
            "The next start makes it anew; plan some minutes a million resources.",
        )  # fmt: skip
    else:
        yield Told("fine", "index", f"The search index of {rows(connection)} resources is of this version.")


def _facts(connection: Connection, folder: Path, settings: SiteSettings) -> Iterator[Told]:
    position = int(_one(connection, "SELECT position FROM record_state") or 0)
    try:
        kept = int(orjson.loads((folder / "facts" / "manifest.json").read_bytes())["position"])
    except FileNotFoundError:
        kept = 0
    except (ValueError, KeyError, TypeError):
        yield Told(
            "warning",
            "facts",
            "The facts can not be read.",
            "Remove the folder facts; the next start builds them anew.",
        )
        return
    if kept > position:
        yield Told(
            "error",
            "facts",
            "The facts are ahead of the record.",
            "Remove the folder facts; the next start builds them anew.",
        )
    elif position - kept > _BEHIND:
        yield Told(
            "warning", "facts", f"The facts are {position - kept} versions behind the record.",
            "They follow while the site serves: mihub site serve; if they do not, read its log.",
        )  # fmt: skip
    else:
        yield Told("fine", "facts", f"The facts stand at {kept} of {position}.")


def _quarantine(connection: Connection, folder: Path, settings: SiteSettings) -> Iterator[Told]:
    row = connection.execute(
        "SELECT count(*), min(received_at) FROM quarantine WHERE state IN ('waiting', 'repaired')"
    ).fetchone()
    if row is None or not row[0]:
        yield Told("fine", "quarantine", "No refused record waits.")
        return
    days = (datetime.now(UTC) - row[1]).days
    yield Told(
        "warning",
        "quarantine",
        f"{row[0]} refused records wait, the oldest for {days} days.",
        "Look at them: mihub quarantine list",
    )


def _audit(connection: Connection, folder: Path, settings: SiteSettings) -> Iterator[Told]:
    size, whole = (
        int(_one(connection, f"SELECT {what}") or 0)
        for what in ("pg_total_relation_size('audit')", "pg_database_size(current_database())")
    )
    row = connection.execute(
        "SELECT max(id) - min(id) + 1, extract(epoch FROM max(recorded) - min(recorded)) / 86400 FROM audit"
        " WHERE id > (SELECT coalesce(max(id), 0) - 100000 FROM audit)"
    ).fetchone()
    lines, days = (int(row[0] or 0), float(row[1] or 0)) if row else (0, 0.0)
    a_day = lines / days if days > 1 else lines
    total = int(_one(connection, "SELECT coalesce(max(id), 0) FROM audit") or 0)
    growth = a_day * size / total if total else 0
    said = f"The audit has {total} lines, {size / 2**20:.0f} MB, and grows by {growth / 2**20:.1f} MB a day."
    left = shutil.disk_usage(folder).free / growth if growth else 1e9
    if left < 90:
        yield Told(
            "warning",
            "audit",
            f"{said} The disk lasts for {left:.0f} days.",
            "Plan a larger disk; lines of the audit are kept.",
        )
    elif whole > 2**30 and size > _AUDIT_SHARE * whole:
        yield Told(
            "warning",
            "audit",
            f"{said} It is more than half of the database.",
            "Find who reads so much: GET /fhir/AuditEvent",
        )
    else:
        yield Told("fine", "audit", said)


def _maintenance(connection: Connection, folder: Path, settings: SiteSettings) -> Iterator[Told]:
    found = connection.execute(
        "SELECT relname FROM pg_stat_user_tables WHERE n_live_tup > 50000"
        " AND (n_dead_tup > n_live_tup OR coalesce(last_analyze, last_autoanalyze) IS NULL) ORDER BY 1"
    ).fetchall()
    if found:
        names = ", ".join(row[0] for row in found)
        yield Told(
            "warning",
            "database",
            f"These tables wait for maintenance: {names}.",
            "Run VACUUM ANALYZE in the database.",
        )


_Look = Callable[[Connection, Path, SiteSettings], Iterator[Told]]
_LOOKS: Final[tuple[tuple[str, _Look], ...]] = (
    ("resource", _future),
    ("record_state", _index),
    ("record_state", _facts),
    ("quarantine", _quarantine),
    ("audit", _audit),
    ("resource", _maintenance),
)


def _has(connection: Connection, table: str) -> bool:
    return bool(_one(connection, "SELECT to_regclass(%s) IS NOT NULL", table))


def _one(connection: Connection, query: str, *values: object) -> Any:
    row = connection.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None
