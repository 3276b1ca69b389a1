"""Writes a whole synthetic region to a folder: FHIR per member, tumour documentation per hospital, who is
who.

Layout: OUT/<member>/fhir/*.ndjson, OUT/<hospital>/obds/*.xml, OUT/region.json, OUT/truth.json. Same seed,
people and day: same bytes. People stream one by one, so memory does not grow with their number. Above:
apps. Below: `life`, `fhir`, `obds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import orjson

from mihub.errors import InvalidInput
from mihub.synth import personas, plausibility
from mihub.synth.fhir.organizations import write_organizations
from mihub.synth.fhir.record import write_record
from mihub.synth.life import Life, draw
from mihub.synth.members import MEMBERS
from mihub.synth.obds.patient import write_patient
from mihub.synth.output import RegionFiles
from mihub.synth.story import CASES, story_life

Progress = Callable[[int, int], None]
_REPORT_EVERY = 20


@dataclass(frozen=True, slots=True)
class RegionSummary:
    """What was written. `resources` counts FHIR resources by member; `reports` oBDS reports by hospital."""

    people: int
    resources: dict[str, int]
    reports: dict[str, int]
    size_bytes: int

    @property
    def total_resources(self) -> int:
        """FHIR resources of all members."""
        return sum(self.resources.values())


@dataclass(slots=True)
class _Count:
    resources: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((member.id for member in MEMBERS), 0)
    )
    reports: dict[str, int] = field(
        default_factory=lambda: {member.id: 0 for member in MEMBERS if member.is_hospital}
    )


def lives(seed: int, people: int, today: date) -> Iterator[Life]:
    """The people of a region in their order, the special ones first."""
    for index in range(people):
        yield story_life(seed, index, today) if index < len(CASES) else draw(seed, index, today)


def write_region(
    out: Path, *, seed: int, people: int, today: date, progress: Progress | None = None
) -> RegionSummary:
    """Write the region of `people` persons as it stands on `today`; existing files of the same names are
    replaced.

    `progress` is called with (people done, people in all). Raises `InvalidInput` for fewer people than
    special cases.
    """
    _refuse_too_small(people)
    count = _Count()
    with RegionFiles(out, today) as files:
        for member in MEMBERS:
            for resource in write_organizations(member):
                files.write(member.id, resource)
                count.resources[member.id] += 1
        for life in lives(seed, people, today):
            _write_life(files, count, seed, life, today)
            if progress and (life.person.index + 1) % _REPORT_EVERY == 0:
                progress(life.person.index + 1, people)
        _write_guide(files, seed, people, today)
    if progress:
        progress(people, people)
    return RegionSummary(people, count.resources, count.reports, files.size_bytes)


def _refuse_too_small(people: int) -> None:
    if people < len(CASES):
        raise InvalidInput(
            f"A region of {people} people cannot hold its {len(CASES)} special cases.",
            rule="every region carries the demo's story",
            next_step=f"Ask for at least {len(CASES)} people.",
        )


def _write_life(files: RegionFiles, count: _Count, seed: int, life: Life, today: date) -> None:
    plausibility.refuse_impossible(life, today)
    for record in life.records:
        for resource in write_record(seed, life, record, today):
            files.write(record.member, resource)
            count.resources[record.member] += 1
    _write_tumour(files, count, life)
    files.remember_person(life)


def _write_tumour(files: RegionFiles, count: _Count, life: Life) -> None:
    """Each hospital documents the tumour under its first record of the person."""
    if life.tumour is None:
        return
    for hospital in life.tumour.hospitals:
        record = life.record_at(hospital)
        if record is not None:
            element, reports = write_patient(record, life.tumour)
            files.write_tumour(hospital, element)
            count.reports[hospital] += reports


def _write_guide(files: RegionFiles, seed: int, people: int, today: date) -> None:
    stories = tuple(story_life(seed, index, today) for index in range(len(CASES)))
    document: dict[str, Any] = {
        "seed": seed,
        "today": today.isoformat(),
        "people": people,
        "synthetic": True,
        "members": [
            {
                "id": member.id,
                "name": member.name,
                "kind": member.kind,
                "place": member.place,
                "phone": member.phone,
            }
            for member in MEMBERS
        ],
        "personas": personas.personas(stories),
        "cases": personas.cases(stories),
    }
    files.write_document("region.json", orjson.dumps(document, option=orjson.OPT_INDENT_2))
