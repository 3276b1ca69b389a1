"""Aftercare schedules as data: which examinations, how many months after the end of therapy, said by whom.

Published schedules contradict each other, so each is kept apart with its source, version and approver. A
date is always counted from the anchor itself, never from the visit before. Source of the files:
`mihub/content/schedules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mihub.core.rules.document import LANGUAGES, Approval, Source, malformed, parse_approval, parse_source
from mihub.core.rules.months import add_months

CANONICAL = "https://mihub.example/fhir/PlanDefinition/"
_MONTHS_AT_MOST = 240


@dataclass(frozen=True, slots=True)
class Exam:
    """One examination; `codes` are (system, code) pairs by which a fact can prove it."""

    id: str
    text: Mapping[str, str]
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class FirstVisit:
    """The first visit must take place within `within_days` of the end of therapy, says `citation`."""

    within_days: int
    citation: str
    exams: tuple[Exam, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """One schedule in one version. `months` in ascending order, each with its examinations."""

    id: str
    version: str
    status: str
    title: Mapping[str, str]
    diagnoses: tuple[str, ...]
    source: Source
    approval: Approval
    note: Mapping[str, str]
    first_visit: FirstVisit | None
    months: tuple[tuple[int, tuple[Exam, ...]], ...]

    @property
    def canonical(self) -> str:
        """The canonical with version under which a plan names its schedule."""
        return f"{CANONICAL}{self.id}|{self.version}"

    def fits(self, icd10_code: str) -> bool:
        """Whether the schedule is meant for that diagnosis; a schedule without diagnoses fits none."""
        return any(icd10_code.startswith(prefix) for prefix in self.diagnoses)


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One visit: due at the latest on `due`; `months` is None for the first visit, which is counted in
    days.
    """

    number: int
    due: date
    months: int | None
    exams: tuple[Exam, ...]
    citation: str


def planned_visits(schedule: Schedule, anchor: date) -> tuple[PlannedVisit, ...]:
    """The visits in order of time, counted from `anchor`, the end of therapy."""
    visits = [
        (add_months(anchor, months), months, exams, schedule.source.section)
        for months, exams in schedule.months
    ]
    ordered: list[tuple[date, int | None, tuple[Exam, ...], str]] = [*visits]
    first = schedule.first_visit
    if first is not None:
        ordered.append((anchor + timedelta(days=first.within_days), None, first.exams, first.citation))
    ordered.sort(key=lambda visit: visit[0])
    return tuple(
        PlannedVisit(number, due, months, exams, citation)
        for number, (due, months, exams, citation) in enumerate(ordered, start=1)
    )


def parse_exams(data: Sequence[Mapping[str, Any]]) -> dict[str, Exam]:
    """The catalogue of examinations by id. Raises `InvalidInput`."""
    try:
        return {str(entry["id"]): _exam(entry) for entry in data}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise malformed("catalogue of examinations", error) from error


def parse_schedule(data: Mapping[str, Any], exams: Mapping[str, Exam]) -> Schedule:
    """The schedule in `data` (a parsed YAML file). Raises `InvalidInput` naming the key that is missing or
    wrong.
    """
    try:
        return Schedule(
            id=str(data["id"]),
            version=str(data["version"]),
            status=str(data["status"]),
            title=_texts(data["title"]),
            diagnoses=tuple(str(code) for code in data["diagnoses"]),
            source=parse_source(data["source"]),
            approval=parse_approval(data),
            note=_texts(data.get("note") or dict.fromkeys(LANGUAGES, "")),
            first_visit=_first_visit(data.get("first_visit"), exams),
            months=_months(data["visits"], exams),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise malformed("aftercare schedule", error) from error


def _months(
    rules: Sequence[Mapping[str, Any]], exams: Mapping[str, Exam]
) -> tuple[tuple[int, tuple[Exam, ...]], ...]:
    due: dict[int, dict[str, Exam]] = {}
    for rule in rules:
        for months in _pattern(rule):
            due.setdefault(months, {}).update({str(exam_id): exams[exam_id] for exam_id in rule["exams"]})
    return tuple((months, tuple(due[months].values())) for months in sorted(due))


def _pattern(rule: Mapping[str, Any]) -> tuple[int, ...]:
    # Either the months one by one, or every n months from one to another, both included.
    if "at_months" in rule:
        months = tuple(int(month) for month in rule["at_months"])
    else:
        months = tuple(range(int(rule["from_month"]), int(rule["to_month"]) + 1, int(rule["every_months"])))
    if not months or min(months) < 1 or max(months) > _MONTHS_AT_MOST:
        raise ValueError("visits lie between month 1 and month 240")
    return months


def _first_visit(data: Mapping[str, Any] | None, exams: Mapping[str, Exam]) -> FirstVisit | None:
    if data is None:
        return None
    return FirstVisit(
        within_days=int(data["within_weeks"]) * 7,
        citation=str(data["citation"]),
        exams=tuple(exams[exam_id] for exam_id in data["exams"]),
    )


def _exam(entry: Mapping[str, Any]) -> Exam:
    codes = tuple((str(code["system"]), str(code["code"])) for code in entry.get("codes", ()))
    return Exam(str(entry["id"]), _texts(entry["text"]), codes)


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    return {language: str(data[language]) for language in LANGUAGES}
