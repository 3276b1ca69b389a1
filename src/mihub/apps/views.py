"""`mihub views ...`: ViewDefinitions (SQL on FHIR v2) over a site's record or over files, into tables.

The operator of a site reads its record with the right of the site's own programs; every patient concerned is noted. Below:
`site.views`; beside: `site`, `console`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.apps import console
from mihub.core.fhir.views import View, read
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput, NotFound
from mihub.site.views import arrow, files, library, running
from mihub.site.views.crew import Crew
from mihub.site.views.formats import PARQUET, Format, named
from mihub.site.views.work import AnyChunk

_SHOWN: Final = 20


def run(
    views: Sequence[str],
    *,
    site: Path | None,
    sources: Sequence[Path],
    form: str,
    out: Path,
    header: bool,
    since: datetime | None,
    processes: int | None,
    as_json: bool,
) -> int:
    """Write one table a view. Exit code 65 when a line could not be read; the rest is written."""
    if bool(sources) == (site is not None):
        raise InvalidInput(
            "Say where the resources are: --site or --from, one of them.", next_step="mihub views run --help"
        )
    chosen = [_read(each, site) for each in views]
    written = named(form or _ending(out))
    targets = _targets(chosen, out, written)
    if written == PARQUET:
        for view in chosen:
            arrow.schema(view)
    reports = []
    with ExitStack() as stack:
        crew = stack.enter_context(Crew(None if processes is None else processes - 1))
        # Before the database's pool and the progress have threads of their own.
        crew.gather()
        chunks_of = stack.enter_context(_opened(site, sources, since))
        for view, path in zip(chosen, targets, strict=True):
            with console.progress(view.name or path.name, quiet=as_json) as step:
                report = running.run(
                    view,
                    chunks_of(view),
                    path,
                    written,
                    header=header,
                    crew=crew,
                    watch=lambda findings, step=step: step(findings.resources, 0),  # type: ignore[misc]  # bound early
                )
            reports.append(report)
            if not as_json:
                _print(report)
    if as_json:
        console.json_line({"views": [report.to_json() for report in reports]})
    return InvalidInput.exit_code if any(report.unreadable for report in reports) else 0


def check(views: Sequence[str], *, site: Path | None, as_json: bool) -> None:
    """Read views without running them: their columns and types. Raises `ViewError` for the first that is wrong."""
    chosen = [_read(each, site) for each in views]
    if as_json:
        console.json_line({"views": [_described(view) for view in chosen]})
        return
    for view in chosen:
        console.out.print(f"{view.name or 'view'}: {view.resource}", markup=False)
        for column in _columns(view):
            console.out.print(
                f"  {column['name']:<32}{column['type'] or '?':<16}{column['kept_as']}", markup=False
            )
        for note in view.notes:
            console.out.print(f"  note: {note}", markup=False)


def _described(view: View) -> dict[str, Any]:
    return {
        "view": view.name,
        "resource": view.resource,
        "columns": _columns(view),
        "notes": list(view.notes),
    }


def _columns(view: View) -> list[dict[str, Any]]:
    return [
        {
            "name": column.name,
            "type": column.fhir_type,
            "collection": column.collection,
            "kept_as": str(kept.type),
        }
        for column, kept in zip(view.columns, arrow.schema(view), strict=True)
    ]


def show(*, as_json: bool) -> None:
    """The views that come with MiHUB."""
    views = library.shipped().values()
    if as_json:
        console.json_line(
            {
                "views": [
                    {"name": one.name, "version": one.version, "title": one.title, "source": one.source,
                     "approver": one.approver, "verified": one.verified}
                    for one in views
                ]
            }
        )  # fmt: skip
        return
    for one in views:
        approved = f"approved by {one.approver}" if one.approver else "not approved by anybody yet"
        console.out.print(f"{one.name:<28}{one.version:<12}{one.title['en']} ({approved})", markup=False)


def _read(text: str, site: Path | None) -> View:
    """A view from a file, or by name or canonical URL; the place in the file comes with what is wrong."""
    path = Path(text)
    if path.suffix == ".json" or path.is_file():
        try:
            document = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            raise NotFound(f"There is no file {path}.", next_step="Name a ViewDefinition (JSON).") from None
        except orjson.JSONDecodeError as error:
            raise InvalidInput(
                "The ViewDefinition is not JSON.",
                where=f"{path.name}, line {error.lineno}, column {error.colno}",
            ) from error
        return read(document)
    if site is None or ":" not in text:
        return read(library.find(text))
    from mihub.apps import packages

    with packages.opened(site) as shelf:
        return read(library.find(text, shelf))


def _ending(out: Path) -> str:
    ending = out.suffix.removeprefix(".").lower()
    return ending if ending in ("ndjson", "csv", "json", "parquet") else "ndjson"


def _targets(views: Sequence[View], out: Path, form: Format) -> list[Path]:
    """One view: the file; several: a folder with a file each."""
    if len(views) == 1 and not out.is_dir():
        if not out.parent.is_dir():
            raise NotFound(f"There is no folder {out.parent}.", next_step="Make it, or name another.")
        return [out]
    out.mkdir(parents=True, exist_ok=True)
    names = [view.name or f"view_{i + 1}" for i, view in enumerate(views)]
    if len(set(names)) != len(names):
        raise InvalidInput("Two views have the same name.", rule="each gets a file", next_step="Rename one.")
    return [out / f"{name}.{form.ending}" for name in names]


@contextmanager
def _opened(site: Path | None, sources: Sequence[Path], since: datetime | None) -> Iterator[Any]:
    """What gives the chunks for a view."""
    if site is None:
        found = files.found(sources)
        yield lambda view: files.chunks(found)
        return
    # A site takes longer to load than a table from files to make.
    from mihub.apps import site as site_command
    from mihub.site.api.views import records_of
    from mihub.site.views.record import Selection

    with site_command.opened(site) as opened, records_of(opened.record).snapshot() as snapshot:
        access = operator(opened.member)
        within = opened.record.gate.restriction(access, Action.EXPORT)

        def chunks(view: View) -> Iterator[AnyChunk]:
            names = ",".join(
                filter(None, [f"view:{view.name[:64]}" if view.name else "view", "_since" if since else ""])
            )
            selection = Selection(view.resource, None, since, "viewdefinition-export", names)
            return snapshot.chunks(selection, access, within)

        yield chunks


def operator(member: MemberId) -> Access:
    """Who works at the keyboard of a site, with the right of its own programs."""
    return Access(Actor(f"{member}/views", "Export", Role.SYSTEM, member), Purpose.RECORD_MANAGEMENT)


def _print(report: running.Report) -> None:
    write = console.out.print
    rate = round(report.rows / report.seconds) if report.seconds else 0
    write(
        f"{report.path}: {report.rows} rows from {report.resources} resources"
        f" ({report.excluded} left out by where), {report.seconds:.1f} s, {rate} rows/s.",
        markup=False,
    )
    for line in (*report.mismatches, *report.notes)[:_SHOWN]:
        write(f"  note: {line}", markup=False)
    if report.aside is not None:
        write(f"  {report.unreadable} lines could not be read; they are kept in {report.aside}", markup=False)


__all__ = ["check", "operator", "run", "show"]
