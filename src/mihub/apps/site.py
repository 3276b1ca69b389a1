"""`mihub site ...`: one organisation's site from its folder. Below: `open_site`; beside: `folders`, `console`."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.routing import Mount

from mihub.apps import console, folders
from mihub.apps.open_site import OpenSite, SitePlace, open_site
from mihub.apps.serve import address, bind, until_stopped
from mihub.apps.site_admin import report_document
from mihub.core.policy.actor import MemberId
from mihub.core.wire import keyfile
from mihub.errors import ConfigurationError, InvalidInput, NotFound, Unauthenticated
from mihub.site.ingest.report import ImportReport, Progress, Reason
from mihub.site.quarantine.levels import levels_of
from mihub.site.settings import SiteSettings

_MEMBER = re.compile(r"[a-z][a-z0-9-]{1,39}")
_SHOWN_REASONS = 20
_SHOWN_NOTES = 5


def init(
    folder: Path, *, member: str, name: str, kind: str, hub_url: str, trust_url: str, as_json: bool
) -> None:
    """A new site's folder."""
    if not _MEMBER.fullmatch(member):
        raise InvalidInput(
            "The member id can not be used.",
            rule="lower case letters, digits and hyphen",
            next_step="For example: my-clinic",
        )
    for key, url in (("--hub-url", hub_url), ("--trust-url", trust_url)):
        if url:
            _check_address(key, url)
    settings: dict[str, tuple[Any, str]] = {
        "member": (member, "The id of this organisation in the region's list of members."),
        "name": (name, "The organisation's name as people read it."),
        "kind": (kind, "hospital, university-hospital, practice, radiology-practice or care-record."),
        "database_url": (
            "",
            "A PostgreSQL of your own (15 or newer) by URL; empty: the one that pip brings, in this folder.",
        ),
        "host": ("127.0.0.1", "The address to listen on; TLS ends at a proxy in front."),
        "port": (8100, "The port to listen on; 0 takes a free one."),
        "hub_url": (hub_url, "The hub that carries questions; empty: the site stands alone."),
        "trust_url": (trust_url, "The trust centre that links identities."),
        "validation": ("warn", 'off, warn or reject, and by type: "warn, Patient=reject, Observation=off".'),
    }
    keys = folders.create(folder, "site", settings, member)
    if as_json:
        console.json_line({"member": member, "fingerprint": keys.public().fingerprint()})
        return
    console.say(
        f"The site {member} is made in {folder}. Fingerprint of its keys: {keys.public().fingerprint()}"
    )
    console.say(f"Next: mihub site import --site {folder} FILES, or mihub site serve --site {folder}")


def settings_of(folder: Path) -> SiteSettings:
    """The typed settings of a folder. Raises `ConfigurationError` for an unknown key or a wrong type."""
    given = folders.read(folder, "site")
    known = {field.name: field for field in fields(SiteSettings)}
    for key in given:
        if key not in known or key == "data_dir":
            raise ConfigurationError(
                f"site.toml holds the unknown key {key!r}.",
                rule="docs/reference/settings.md",
                next_step="Mend or remove it.",
            )
    if not isinstance(given.get("member"), str):
        raise ConfigurationError(
            "site.toml names no member.", rule="key 'member'", next_step='Add: member = "..."'
        )
    # An empty text means "not set" where the setting may be absent.
    cleaned: dict[str, Any] = {
        key: value or None if key in {"database_url", "hub_url", "trust_url"} else value
        for key, value in given.items()
    }
    for key, value in cleaned.items():
        _check_type(key, value, known[key].type)
    for key in ("hub_url", "trust_url", "terminology_url"):
        if cleaned.get(key):
            _check_address(key, cleaned[key])
    levels_of(cleaned.get("validation", "warn"))
    return SiteSettings(data_dir=folder.resolve(), **cleaned)


def _check_type(key: str, value: Any, wanted: Any) -> None:
    # The annotations are texts: "int", or "str", "str | None", "MemberId".
    whole = wanted == "int"
    fits = isinstance(value, int) and not isinstance(value, bool) if whole else isinstance(value, str | None)
    if not fits:
        raise ConfigurationError(
            f"The key {key!r} in site.toml is not {'a whole number' if whole else 'a text'}.",
            rule="docs/reference/settings.md",
            next_step="Mend it.",
        )


@contextmanager
def opened(folder: Path, *, serves: bool = False) -> Iterator[OpenSite]:
    """The site of a folder, closed afterwards. `serves`: connect to hub and trust centre, if it belongs to a region.

    One process keeps the site's facts; beside it others work with a copy that they drop.
    """
    settings = settings_of(folder)
    registry = folder / settings.registry_file
    linkage = folder / "linkage.key"
    place = SitePlace(
        settings=settings,
        keys=keyfile.load(folder / settings.keys_file),
        secret=folders.read_secret(folder),
        registry=folders.read_public(registry) if registry.exists() else None,
        linkage_key=folders.read_linkage_key(linkage) if linkage.exists() else b"",
    )
    with ExitStack() as stack:
        stack.enter_context(folders.full_disk_named(folder))
        lock = _lock(folder, wait=serves)
        if lock is None:
            place = replace(place, rooms_dir=stack.enter_context(folders.copied_facts(folder)))
        else:
            stack.callback(os.close, lock)
        site = open_site(
            place,
            hub=_client(settings.hub_url) if serves else None,
            trust=_client(settings.trust_url) if serves else None,
        )
        stack.callback(site.close)
        members = folder / settings.members_file
        if site.mailbox is not None and members.exists():
            _take_members(site, members.read_text(encoding="utf-8").strip())
        yield site


def _lock(folder: Path, *, wait: bool) -> int | None:
    lock = folders.alone(folder, wait=False)
    if lock is None and wait:
        console.say(
            f"Another process works on {folder}; this one starts when that ends. Give up with Ctrl-C."
        )
        lock = folders.alone(folder, wait=True)
    return lock


def _take_members(site: OpenSite, token: str) -> None:
    """The list in the folder, unless the hub has brought a newer one or it has expired; the site works alone meanwhile."""
    try:
        if site.mailbox is not None:
            site.mailbox.directory.accept(token)
    except Unauthenticated as error:
        if site.mailbox is not None and not site.mailbox.directory.version:
            console.say(f"No valid list of members: {error} Ask the hub's operator for a new members.jws.")


def _client(url: str | None) -> httpx.AsyncClient | None:
    return httpx.AsyncClient(base_url=url, timeout=60) if url else None


def _check_address(key: str, url: str) -> None:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(
            f"{key} is not an address.", rule="http:// or https://, a name, a port", next_step="Mend it."
        )


def serve(folder: Path, *, host: str | None, port: int | None) -> None:
    """Until stopped."""
    settings = settings_of(folder)
    with (
        bind(host or settings.host, settings.port if port is None else port) as sock,
        opened(folder, serves=True) as site,
    ):
        from mihub.apps.site_workers import Workers

        # After this process has opened the site, so that only one brings the tables up to date.
        with Workers(folder, sock, settings.workers - 1):
            until_stopped(served(site), sock, lambda: _told(site, address(sock)))


def _told(site: OpenSite, where: str) -> None:
    console.say(f"Site {site.member} at {where}/fhir (stop with Ctrl-C)")
    if site.mailbox is None:
        console.say("It belongs to no region yet: nobody is let in. Next: mihub site join --help")
    elif site.agent is None:
        console.say("It asks no hub for questions. Next: set hub_url in site.toml")


def served(site: OpenSite) -> Starlette:
    """The site's application with its background work."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(task) for task in site.background()]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    return Starlette(routes=[Mount("/", app=site.app)], lifespan=lifespan)


def run_import(folder: Path, paths: list[Path], *, dry_run: bool, as_json: bool) -> int:
    """Import, print the account, return the exit code."""
    started = time.perf_counter()
    with opened(folder) as site:
        with console.progress("Files", quiet=as_json) as step:

            def moved(progress: Progress) -> None:
                step(progress.files_done, progress.files_total)

            report = site.importer().run(paths, dry_run=dry_run, progress=moved)
        # The account comes first: what follows may fail on a full disk.
        if as_json:
            sys.stdout.write(report.to_json() + "\n")
            _print_notes(report, console.err.print)
        else:
            _print_report(report, time.perf_counter() - started)
        if not dry_run:
            site.keep_import(report_document(report))
            # A serving process follows by itself.
            if not site.place.rooms_dir:
                site.feasibility.refresh()
    if report.stopped is not None:
        with folders.full_disk_named(folder):
            raise report.stopped
    return report.exit_code


def _print_report(report: ImportReport, seconds: float) -> None:
    write = console.out.print
    if report.dry_run:
        write("Dry run: nothing was written.", markup=False)
    effects = ", ".join(f"{count} {effect}" for effect, count in sorted(report.resources.items())) or "none"
    write(
        f"Files: {report.files}. Read: {report.read} = {report.loaded} loaded + {report.rejected} rejected.",
        markup=False,
    )
    write(f"Resources: {effects}. Took {seconds:.1f} s.", markup=False)
    seen = report.conformance
    if seen.checked:
        write(
            f"Validated: {seen.checked}, of these {seen.checked - seen.with_errors} conformant, "
            f"{seen.with_errors} with errors ({seen.refused} not stored), {seen.with_warnings} with warnings.",
            markup=False,
        )
    if report.quarantined and not report.dry_run:
        write(f"In the quarantine: {report.quarantined}. Next: mihub quarantine list", markup=False)
    reasons = report.all_reasons()
    for reason in reasons[:_SHOWN_REASONS]:
        write(
            f"  rejected: {_place(reason)}: {reason.reason} Rule: {reason.rule}. Next: {reason.next}",
            markup=False,
        )
    if len(reasons) > _SHOWN_REASONS:
        write(f"  and {len(reasons) - _SHOWN_REASONS} more; all of them with --json", markup=False)
    _print_notes(report, write)


def _print_notes(report: ImportReport, write: Callable[..., None]) -> None:
    """What was loaded and yet wants a look, such as a reference to what is not in the record."""
    for note in report.notes[:_SHOWN_NOTES]:
        write(f"  note: {_place(note)}: {note.reason} Next: {note.next}", markup=False)
    if len(report.notes) > _SHOWN_NOTES:
        write(f"  and {len(report.notes) - _SHOWN_NOTES} more notes", markup=False)


def _place(reason: Reason) -> str:
    if reason.line is not None:
        return f"{reason.file}, line {reason.line}"
    return f"{reason.file}, entry {reason.entry}" if reason.entry is not None else reason.file


def status(folder: Path, *, as_json: bool) -> None:
    """Numbers only."""
    with opened(folder) as site:
        found = site.status()
    if as_json:
        console.json_line(found)
        return
    console.out.print(
        f"{found['name']} ({found['member']}), change log at {found['position']}, facts at {found['facts_position']}",
        markup=False,
    )
    for resource_type, count in found["resources"].items():
        console.out.print(f"  {resource_type:<28}{count:>9}", markup=False)
    console.out.print(f"FHIR packages: {found['packages']}", markup=False)
    console.out.print("In a region: " + ("yes" if found["joined"] else "no"), markup=False)


def count(folder: Path, question: Path, *, as_json: bool) -> None:
    """The exact count, for this site alone."""
    folders.read(folder, "site")
    try:
        ccdl = orjson.loads(question.read_bytes())
    except FileNotFoundError:
        raise NotFound(f"There is no file {question}.", next_step="Name a CCDL document.") from None
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{question} is not JSON.", rule="CCDL v2", next_step="Check the file.") from error
    if not isinstance(ccdl, dict):
        raise InvalidInput(f"{question} is not a JSON object.", rule="CCDL v2", next_step="Check the file.")
    with opened(folder) as site:
        local = site.feasibility.local_count(ccdl).to_json()
    if as_json:
        console.json_line(local)
        return
    console.out.print(
        f"Exact: {local['before_consent']}. With consent: {local['with_consent']}. A researcher would see: {local['would_show']}",
        markup=False,
    )


def allow(folder: Path, keys: Path, *, title: str, until: date, min_cell: int) -> None:
    """Let a project ask here."""
    project = folders.read_public(keys)
    last = datetime.combine(until, clock.max, UTC)
    with opened(folder) as site:
        if site.mailbox is None:
            raise ConfigurationError(
                "This site belongs to no region yet.",
                rule="a project is let in by a member",
                next_step="mihub site join --help",
            )
        site.mailbox.allowances.allow(
            project,
            title=title,
            until=int(last.timestamp()),
            approved_by=f"{site.member}/operator",
            min_cell=min_cell,
        )
    console.say(
        f"{project.owner} may ask for counts until {until.isoformat()}. Fingerprint: {project.fingerprint()}"
    )


def show_config(folder: Path, *, as_json: bool) -> None:
    """Every setting, its value and where it comes from."""
    given, settings = folders.read(folder, "site"), settings_of(folder)
    shown = replace(settings, database_url="(set)" if settings.database_url else None)
    rows = {
        field.name: {
            "value": _plain(getattr(shown, field.name)),
            "from": "site.toml" if field.name in given else "default",
        }
        for field in fields(SiteSettings)
    }
    if as_json:
        console.json_line(rows)
        return
    for name, row in rows.items():
        console.out.print(f"{name:<24}{row['value']!s:<44}{row['from']}", markup=False)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


__all__ = [
    "MemberId",
    "allow",
    "count",
    "init",
    "opened",
    "run_import",
    "serve",
    "served",
    "show_config",
    "status",
]
