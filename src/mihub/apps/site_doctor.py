"""`mihub site doctor`: what is wrong with a site and what to do, without changing anything; `mihub site migrate`.

Looks at the folder and at the database directly, because opening the site would already mend what should be told. Says numbers
and names of files, never a patient value. Above: `cli`. Below: `site_examined`, which looks into the database.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpx
import psycopg

from mihub.apps import console, folders, site_examined
from mihub.apps.site import settings_of
from mihub.apps.site_backup import KEYS
from mihub.apps.site_examined import Told
from mihub.core.wire.members import kept_list
from mihub.database.faults import translated
from mihub.database.migrate import migrate, missing, packages_below
from mihub.database.pool import open_pool
from mihub.errors import MihubError
from mihub.site.settings import SiteSettings

_LITTLE_BYTES: Final = 2 * 2**30
_NO_BYTES: Final = 256 * 2**20
_SKEW_SECONDS: Final = 30
_EXPIRES_SOON: Final = 7 * 86400
_ORDER: Final = {"error": 0, "warning": 1, "fine": 2}
_ROOT: Final = "mihub.site"


def run(folder: Path, *, as_json: bool) -> int:
    """Look, tell, and return the exit code: 65 with an error, else 0."""
    told = sorted(examine(folder), key=lambda one: _ORDER[one.level])
    errors = sum(one.level == "error" for one in told)
    if as_json:
        warnings = sum(one.level == "warning" for one in told)
        console.json_line({"errors": errors, "warnings": warnings, "checks": [asdict(one) for one in told]})
        return 65 if errors else 0
    for one in told:
        console.out.print(f"{one.level:<8}{one.check:<14}{one.what}", markup=False)
        if one.next_step:
            console.out.print(f"{'':<22}Next: {one.next_step}", markup=False)
    return 65 if errors else 0


def examine(folder: Path) -> list[Told]:
    """All checks; one that can not look says so and does not stop the others."""
    try:
        settings = settings_of(folder)
    except MihubError as error:
        return [Told("error", "settings", error.what, error.next_step)]
    looks: list[Callable[[], Iterator[Told]]] = [
        lambda: _settings(settings),
        lambda: _keys(folder),
        lambda: _disk(folder),
        lambda: _members(folder, settings),
        lambda: _hub(settings),
        lambda: site_examined.packages(folder),
        lambda: _database(folder, settings),
    ]
    told: list[Told] = []
    for look in looks:
        try:
            told += look()
        except MihubError as error:
            told.append(
                Told("error", "database" if look is looks[-1] else "files", error.what, error.next_step)
            )
    return told


def bring_up_to_date(folder: Path, *, dry_run: bool, as_json: bool) -> None:
    """Apply what is missing, or try it and take it back. Raises `ConfigurationError` for a newer database."""
    settings = settings_of(folder)
    url, server = folders.database_url(folder, settings.database_url, "site")
    try:
        with translated(), psycopg.connect(url, connect_timeout=10) as connection:
            wanted = missing(connection, _ROOT)
            rows = site_examined.rows(connection)
            stale = site_examined.index_is_stale(connection, settings)
        pool = open_pool(url, max_size=1)
        try:
            for package in packages_below(_ROOT):
                migrate(pool, package, rehearse=dry_run)
        finally:
            pool.close()
    finally:
        if server is not None:
            server.stop()
    if as_json:
        console.json_line({"dry_run": dry_run, "migrations": wanted, "resources": rows, "index_stale": stale})
        return
    word = "would be applied and were tried" if dry_run else "were applied"
    console.say(f"{len(wanted)} migrations {word}{': ' + ', '.join(wanted) if wanted else '.'}")
    if stale and rows:
        console.say(
            f"At the next start the search index of {rows} resources is made anew, because this version indexes more."
        )


def _settings(settings: SiteSettings) -> Iterator[Told]:
    yield Told("fine", "settings", f"The settings of {settings.member} can be read.")
    if settings.host not in ("127.0.0.1", "::1", "localhost"):
        yield Told(
            "warning",
            "settings",
            f"It listens on {settings.host} without TLS.",
            "Let a proxy end TLS and leave host at 127.0.0.1.",
        )
    if not settings.base_url:
        yield Told("fine", "settings", "base_url is not set: addresses in answers are as the client asked.")


def _keys(folder: Path) -> Iterator[Told]:
    for name in KEYS:
        path = folder / name
        if not path.exists():
            if name != "linkage.key":
                yield Told(
                    "error",
                    "keys",
                    f"{name} is missing.",
                    "Restore it from the backup of the keys; do not make a new one.",
                )
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            yield Told("error", "keys", f"Others may read {name} (mode {mode:o}).", f"Run: chmod 600 {path}")
        elif path.stat().st_uid not in (os.geteuid(), 0):
            yield Told(
                "warning",
                "keys",
                f"{name} belongs to another account.",
                "Run the site under the account that owns it.",
            )
        else:
            yield Told("fine", "keys", f"{name} is readable by its owner alone.")


def _disk(folder: Path) -> Iterator[Told]:
    free = shutil.disk_usage(folder).free
    said = f"{free / 2**30:.1f} GB are free on the disk of the site's folder."
    if free < _NO_BYTES:
        yield Told("error", "disk", said, "Make room now: writes are refused when it is full.")
    elif free < _LITTLE_BYTES:
        yield Told("warning", "disk", said, "Make room, or move the folder to a larger disk.")
    else:
        yield Told("fine", "disk", said)


def _members(folder: Path, settings: SiteSettings) -> Iterator[Told]:
    registry, members = folder / settings.registry_file, folder / settings.members_file
    if not registry.exists():
        yield Told("fine", "members", "The site belongs to no region; nobody is let in over HTTP.")
        return
    tokens = [members.read_text(encoding="utf-8").strip()] if members.exists() else []
    tokens += site_examined.member_lists(folder, settings)
    lists = [kept_list(token, folders.read_public(registry)) for token in tokens]
    newest = max((one for one in lists if one is not None), key=lambda one: one.version, default=None)
    again = "Ask the hub's operator for a new members.jws, or check that the hub is reached."
    if newest is None:
        yield Told("error", "members", "There is no list of members that the registry signed.", again)
        return
    left = newest.expires_at - time.time()
    until = datetime.fromtimestamp(newest.expires_at, UTC).date().isoformat()
    if left < 0:
        yield Told("error", "members", f"The list of members expired on {until}: nobody is let in.", again)
    elif left < _EXPIRES_SOON:
        yield Told("warning", "members", f"The list of members expires on {until}.", again)
    else:
        yield Told("fine", "members", f"The list of members holds until {until}.")


def _hub(settings: SiteSettings) -> Iterator[Told]:
    for name, url in (("hub", settings.hub_url), ("trust centre", settings.trust_url)):
        if not url:
            continue
        try:
            answer = httpx.head(url, timeout=3)
        except httpx.HTTPError as error:
            yield Told(
                "warning", "network", f"The {name} does not answer ({type(error).__name__}).",
                "Check the address and the outgoing firewall; letters wait meanwhile.",
            )  # fmt: skip
            continue
        yield _clock(name, answer.headers.get("date"))


def _clock(name: str, said: str | None) -> Told:
    try:
        theirs = parsedate_to_datetime(said) if said else None
    except ValueError:
        theirs = None
    if theirs is None:
        return Told("fine", "network", f"The {name} answers.")
    skew = abs((theirs - datetime.now(UTC)).total_seconds())
    if skew <= _SKEW_SECONDS:
        return Told("fine", "clock", f"The {name} answers, and its clock agrees.")
    return Told(
        "error", "clock", f"The clocks of this machine and the {name} differ by {skew:.0f} s: signed letters are refused.",
        "Let both machines follow a time server (NTP).",
    )  # fmt: skip


def _database(folder: Path, settings: SiteSettings) -> Iterator[Told]:
    url, server = folders.database_url(folder, settings.database_url, "site")
    try:
        with translated(), psycopg.connect(url, connect_timeout=10, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = on")
            yield from site_examined.database(connection, folder, settings)
    finally:
        if server is not None:
            server.stop()
