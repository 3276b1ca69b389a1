"""`mihub site export`: the record, or some patients of it, as NDJSON files in a folder, with a manifest.

The operator exports with the right of the site's own programs; the run and every patient concerned are noted. Run again with
the same question after an interruption it goes on where it stood. Below: `site.export`; beside: `site`, `console`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.apps import console, folders
from mihub.apps import site as site_command
from mihub.core.policy.actor import Access, Actor, Purpose, Role
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput
from mihub.site.api.call import Call
from mihub.site.api.export import record_of, wish_for
from mihub.site.export import made as kept
from mihub.site.export import request
from mihub.site.export.made import Made, made_of
from mihub.site.export.wish import Level, Wish, asked
from mihub.site.export.writing import Writing
from mihub.site.jobs import durable
from mihub.site.site import Site

MANIFEST: Final = "manifest.json"
_STATE: Final = ".export.json"


def run(
    folder: Path,
    out: Path,
    *,
    types: Sequence[str],
    since: str,
    patients: Sequence[str],
    group: str,
    filters: Sequence[str],
    elements: Sequence[str],
    as_json: bool,
) -> None:
    """Write the files. Raises `MihubError`s; what is on the disk then is gone on with by the same command."""
    given: list[tuple[str, Any]] = [
        *(("_type", one) for one in types),
        *(("patient", one) for one in patients),
        *(("_typeFilter", one) for one in filters),
        *(("_elements", one) for one in elements),
        *([("_since", since)] if since else []),
    ]
    wanted = request.read(given)
    begun = time.perf_counter()
    with site_command.opened(folder) as site, folders.full_disk_named(out.parent):
        record = site.record
        level: Level = "group" if group else "patient" if patients else "system"
        access = _operator(record)
        wish = wish_for(Call(record, access, ""), wanted, level, group, "mihub site export")
        made = _begin(out, wish)
        before = made.written_bytes
        made = _write(record, wish, made, out, access, as_json=as_json)
    found = _finished(out, made)
    seconds = time.perf_counter() - begun
    if as_json:
        console.json_line(found)
        return
    count, size = sum(one["count"] for one in found["output"]), made.written_bytes
    console.out.print(
        f"{count} resources, {size / 1024**2:.1f} MiB in {len(found['output'])} files, complete to "
        f"{made.time}. Took {seconds:.1f} s.",
        markup=False,
    )
    if before:
        console.out.print(
            f"It went on where it had been interrupted, at {before / 1024**2:.1f} MiB.", markup=False
        )
    console.out.print(f"Next time: mihub site export --since {made.time} --out FOLDER", markup=False)


def _write(record: Site, wish: Wish, made: Made, out: Path, access: Access, *, as_json: bool) -> Made:
    with console.progress("MiB", quiet=as_json) as moved:

        def keep(done: Made) -> None:
            state = {"asked": asked(wish), "made": kept.stored(done)}
            durable.replace(out / _STATE, orjson.dumps(state))
            moved(done.written_bytes // 1024**2, done.total_bytes // 1024**2)

        writing = Writing(record_of(record), wish, out, keep, lambda: None)
        conditions = request.conditions(wish.filters, record.parser)
        return writing.run(made, conditions, access, record.gate.restriction(access, Action.EXPORT))


def _begin(out: Path, wish: Wish) -> Made:
    """Nothing yet, or what an interrupted run of the same question has made. Raises `InvalidInput`."""
    state = out / _STATE
    if state.exists():
        found = orjson.loads(state.read_bytes())
        if found["asked"] != orjson.loads(orjson.dumps(asked(wish))):
            raise InvalidInput(
                f"Another export was interrupted in {out}.",
                next_step="Ask the same again to go on with it, or name another folder.",
            )
        return made_of(found["made"])
    # What was killed before it had kept anything leaves lists and parts only.
    left = (
        [one for one in out.iterdir() if not one.name.startswith((".list-", _STATE))] if out.exists() else []
    )
    if left:
        raise InvalidInput(f"The folder {out} is not empty.", next_step="Name a new or an empty folder.")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Made()


def _finished(out: Path, made: Made) -> dict[str, Any]:
    """The manifest, which stands in the folder once everything else is whole."""

    def listed(kind: str) -> list[dict[str, Any]]:
        return [
            {"type": one.resource_type, "url": one.name, "count": one.count}
            for one in made.files
            if one.kind == kind
        ]

    manifest = {
        "transactionTime": made.time,
        "request": "mihub site export",
        "requiresAccessToken": False,
        "output": listed("output"),
        "deleted": listed("deleted"),
        "error": listed("error"),
    }
    durable.replace(out / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    (out / _STATE).unlink(missing_ok=True)
    return manifest


def _operator(site: Site) -> Access:
    member = site.settings.member
    actor = Actor(f"{member}/operator", "Operator", Role.SYSTEM, member)
    return Access(actor, Purpose.RECORD_MANAGEMENT)
