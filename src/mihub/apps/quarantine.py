"""`mihub quarantine ...`: what a site refused, from its folder: look, repair, try again, discard.

Who runs it works as the site's own program and sees records; every look at one is noted. Below: `open_site`,
`site.quarantine`; beside: `site`, `console`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mihub.apps import console
from mihub.apps.open_site import OpenSite
from mihub.apps.site import opened
from mihub.apps.site_quarantine import asked_of, item_document, overview_document, quality_document
from mihub.core.policy.actor import Access
from mihub.errors import InvalidInput, NotFound
from mihub.site.ingest.store_writer import import_access
from mihub.site.quarantine.protocol import Asked, Item
from mihub.site.quarantine.quality import quality
from mihub.site.quarantine.room import Tried
from mihub.site.quarantine.told import row, sentence

_STILL_REFUSED = InvalidInput.exit_code


@contextmanager
def _site(folder: Path) -> Iterator[tuple[OpenSite, Access]]:
    with opened(folder) as site:
        yield site, import_access(site.member, f"{site.member}/operator")


def listed(
    folder: Path, *, state: str, rule: str, resource_type: str, profile: str, source: str, offset: int,
    language: str, as_json: bool,
) -> None:  # fmt: skip
    """Items without their texts, newest first, 50 at a time."""
    given = {
        "state": state, "rule": rule, "type": resource_type, "profile": profile, "source": source,
        "offset": str(offset),
    }  # fmt: skip
    asked = asked_of(given)
    with _site(folder) as (site, access):
        found, overview = site.quarantine.find(asked, access), site.quarantine.overview(access)
    if as_json:
        items = [item_document(item, language) for item in found.items]
        console.json_line({"total": found.total, "items": items, "overview": overview_document(overview)})
        return
    for item in found.items:
        console.out.print(_line(item, language), markup=False)
    console.out.print(
        f"{len(found.items)} of {found.total} shown."
        + (
            f" Further ones: --offset {offset + len(found.items)}"
            if found.total > offset + len(found.items)
            else ""
        ),
        markup=False,
    )


def show(folder: Path, item_id: int, *, raw: bool, language: str, as_json: bool) -> None:
    """One item with its text; `raw` writes the text alone to standard output, to be corrected."""
    with _site(folder) as (site, access):
        if raw:
            sys.stdout.buffer.write(site.quarantine.text(item_id, access))
            sys.stdout.buffer.flush()
            return
        seen = site.quarantine.show(item_id, access)
    if as_json:
        text = [line.text for line in seen.text] if seen.text is not None else None
        console.json_line(item_document(seen.item, language) | {"text": text})
        return
    write = console.out.print
    write(_line(seen.item, language), markup=False)
    for number, found in enumerate(seen.item.refused.findings, start=1):
        write(
            f"  [{number}] {found.severity} {found.location} {found.rule}: {sentence(found, language)}",
            markup=False,
        )
    for trouble in seen.item.refused.troubles:
        write(f"  {trouble.reason} Rule: {trouble.rule}. Next: {trouble.next}", markup=False)
    for line in seen.text or ():
        mark = "".join(f"[{number + 1}]" for number in line.findings)
        write(f"{mark:>6} {'  ' * line.indent}{line.text}", markup=False)


def repair(folder: Path, item_id: int, file: Path, *, language: str, as_json: bool) -> int:
    """Put a corrected text and say what is still wrong with it; exit code 65 when something is."""
    try:
        body = file.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"There is no file {file}.", next_step="Name the corrected text.") from None
    with _site(folder) as (site, access):
        item = site.quarantine.repair(item_id, body, access)
    wrong = item.refused.rules
    if as_json:
        console.json_line(item_document(item, language))
    else:
        for found in item.refused.findings:
            console.out.print(
                f"  {found.severity} {found.location}: {sentence(found, language)}", markup=False
            )
        console.out.print(
            f"{item.id}: the corrected text is kept, {len(wrong)} rules are still broken."
            if wrong
            else f"{item.id}: the corrected text is kept. Next: mihub quarantine retry {item.id}",
            markup=False,
        )
    return _STILL_REFUSED if wrong else 0


def retry(
    folder: Path, item_id: int | None, *, rule: str, everything: bool, language: str, as_json: bool
) -> int:
    """Import the text again: of one item, of all that a rule refused, or of all. Exit code 65 when one stays."""
    if sum((item_id is not None, bool(rule), everything)) != 1:
        raise InvalidInput(
            "Say which records to try again.",
            rule="an ID, --rule RULE or --all",
            next_step="mihub quarantine list",
        )
    with _site(folder) as (site, access):
        if item_id is not None:
            tried = site.quarantine.retry(item_id, access)
            stored, refused = ([item_id], []) if tried.stored else ([], [item_id])
        else:
            done, tried = site.quarantine.retry_all(Asked(rule=rule), access), None
            stored, refused = done.stored, done.refused
        if stored and not site.place.rooms_dir:
            site.feasibility.refresh()
    if as_json:
        console.json_line({"stored": stored, "refused": refused} | _reasons(tried, language))
    else:
        for line in _sentences(tried, language):
            console.out.print(f"  {line}", markup=False)
        console.out.print(f"Stored: {len(stored)}. Refused again: {len(refused)}.", markup=False)
    return _STILL_REFUSED if refused else 0


def discard(folder: Path, item_id: int, *, reason: str) -> None:
    """Give it up."""
    with _site(folder) as (site, access):
        site.quarantine.discard(item_id, reason, access)
    console.say(f"{item_id} is discarded; its text is forgotten, its findings and the reason stay.")


def numbers(folder: Path, *, days: int, language: str, as_json: bool) -> None:
    """How conformant the data are: by profile, and the most frequent findings."""
    with _site(folder) as (site, access):
        site.quarantine.overview(access)
        found = quality(site.record.tally, site.record.door.levels, days)
        document = quality_document(found, language, examples=site.quarantine.sees_examples(access))
    if as_json:
        console.json_line(document)
        return
    for one in document["profiles"]:
        console.out.print(
            f"{one['percent']:>6} %  {one['conformant']} of {one['checked']}  {one['name']}", markup=False
        )
    for one in document["findings"]:
        console.out.print(f"{one['count']:>8}  {one['place']}  {one['rule']}: {one['text']}", markup=False)


def _line(item: Item, language: str) -> str:
    refused = item.refused
    at = f", line {refused.line}" if refused.line is not None else ""
    at += f", entry {refused.entry}" if refused.entry is not None else ""
    named = "/".join(part for part in (refused.resource_type, refused.resource_id) if part) or refused.kind
    place = f"{refused.file}{at}" if refused.file else refused.client
    first = next(iter(refused.findings), None)
    told = (
        sentence(first, language) if first is not None else next((one.reason for one in refused.troubles), "")
    )
    where = f"{first.location}: " if first is not None else ""
    return f"{item.id:>6}  {item.state}  {named}  {place}  {where}{told}"


def _sentences(tried: Tried | None, language: str) -> list[str]:
    if tried is None:
        return []
    found = [f"{one.severity} {one.location}: {sentence(one, language)}" for one in tried.findings]
    return [*found, *(f"{one.reason} Next: {one.next}" for one in tried.troubles)]


def _reasons(tried: Tried | None, language: str) -> dict[str, list[object]]:
    if tried is None:
        return {}
    return {
        "findings": [row(one, language) for one in tried.findings],
        "troubles": [{"reason": one.reason, "rule": one.rule, "next": one.next} for one in tried.troubles],
    }
