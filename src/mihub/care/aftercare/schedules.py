"""The shipped aftercare schedules, read once; each in its own file under `mihub/content/schedules`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from mihub.core.rules.schedule import Exam, Schedule, parse_exams, parse_schedule
from mihub.errors import NotFound

_CATALOGUE = "exams.yaml"


@cache
def all_schedules() -> tuple[Schedule, ...]:
    """Every schedule, by title. Raises `InvalidInput` naming what is broken in a shipped file."""
    folder = files("mihub") / "content" / "schedules"
    names = sorted(
        path.name for path in folder.iterdir() if path.name.endswith(".yaml") and path.name != _CATALOGUE
    )
    found = [parse_schedule(_document(name), all_exams()) for name in names]
    return tuple(sorted(found, key=lambda schedule: schedule.title["de"]))


@cache
def all_exams() -> dict[str, Exam]:
    """The catalogue of examinations by id."""
    return parse_exams(_document(_CATALOGUE))


def schedule_of(schedule_id: str, version: str = "") -> Schedule:
    """One schedule. Raises `NotFound` for an id or a version that this installation does not ship."""
    for schedule in all_schedules():
        if schedule.id == schedule_id and version in ("", schedule.version):
            return schedule
    raise NotFound("There is no such aftercare schedule here.", next_step="Choose one of the list.")


def schedule_of_canonical(canonical: str) -> Schedule | None:
    """The schedule that a plan names as `<canonical>|<version>`; None when it is not shipped any more."""
    return next((schedule for schedule in all_schedules() if schedule.canonical == canonical), None)


def fitting(diagnoses: Sequence[str]) -> tuple[Schedule, ...]:
    """Schedules for one of these ICD-10 codes first, the others after them."""
    fits = [schedule for schedule in all_schedules() if any(schedule.fits(code) for code in diagnoses)]
    return (*fits, *(schedule for schedule in all_schedules() if schedule not in fits))


def _document(name: str) -> Any:
    path = files("mihub") / "content" / "schedules" / name
    return yaml.safe_load(path.read_text(encoding="utf-8"))
