"""Results of a person over all sites: reports, single findings and letters, newest first, each with its
origin.

A letter that was released to the patient about a result is shown with it: a person's words come before a
block's. Nothing is judged here; words for codes come from `explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mihub.care.journeys import facts
from mihub.care.journeys.events import Event, events_of
from mihub.care.journeys.reading import ReadThrough
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId
from mihub.errors import NotFound


@dataclass(frozen=True, slots=True)
class Value:
    """One measured or named part of a result. `flag`: the source's interpretation; `range`: its normal
    range.
    """

    name: str
    value: str
    flag: str
    range: str


@dataclass(frozen=True, slots=True)
class Letter:
    """Plain words that somebody released to the patient."""

    text: str
    sender: str
    day: str


@dataclass(frozen=True, slots=True)
class Result:
    """One result. `kind`: event kind; `conclusion`: the source's wording; `contact`: who can be asked about
    it.
    """

    id: str
    member: MemberId
    kind: str
    name: str
    day: str
    conclusion: str
    is_preliminary: bool
    author: str
    values: tuple[Value, ...]
    resources: tuple[Resource, ...]
    contact: MemberId
    letters: tuple[Letter, ...] = ()


def results_of(read: ReadThrough) -> list[Result]:
    """All results, newest first, undated last."""
    letters = _letters_by_subject(read)
    found: list[Result] = []
    for record in read.records:
        shown = [
            (resource, kind) for resource in record.resources if (kind := _kind(resource, record.resources))
        ]
        single = [
            _result(record.member, [one], kind, record.resources)
            for one, kind in shown
            if _stands_alone(kind)
        ]
        found += [replace(one, letters=letters.get((record.member, one.id), ())) for one in single]
        found += _gene_tests(
            record.member, [one for one, kind in shown if not _stands_alone(kind)], record.resources
        )
    return sorted(found, key=lambda result: result.day or "0", reverse=True)


def result_with(read: ReadThrough, member: str, result_id: str) -> Result:
    """One result by site and id. Raises `NotFound` when there is none that this person may see."""
    for result in results_of(read):
        if result.member == member and result.id == result_id:
            return result
    raise NotFound("There is no such result in your record.", next_step="Open it from the list of results.")


def _stands_alone(kind: str) -> bool:
    return kind != "pathology.molecular"


def _gene_tests(member: MemberId, tests: Sequence[Resource], around: tuple[Resource, ...]) -> list[Result]:
    """The genes tested on one day are one result with many values."""
    days: dict[str, list[Resource]] = {}
    for test in tests:
        days.setdefault(facts.when(test)[0][:10], []).append(test)
    return [_result(member, together, "pathology.molecular", around) for together in days.values()]


def _kind(resource: Resource, around: Iterable[Resource]) -> str | None:
    kind = _event_kind(resource)
    if resource.get("resourceType") in ("DiagnosticReport", "Communication"):
        return kind
    if resource.get("resourceType") != "Observation" or not kind:
        return None
    if not kind.startswith(("stage", "pathology", "course")):
        return None
    parts = {facts.reference_id(part) for report in around for part in facts.items(report.get("result"))}
    return None if f"Observation/{resource.get('id')}" in parts else kind


def _event_kind(resource: Resource) -> str | None:
    events: list[Event] = events_of([resource], "") if resource.get("resourceType") != "Encounter" else []
    return events[0].kind if events else None


def _result(member: MemberId, own: list[Resource], kind: str, around: tuple[Resource, ...]) -> Result:
    first = own[0]
    wanted = {facts.reference_id(part) for one in own for part in facts.items(one.get("result"))}
    parts = [part for part in around if f"{part.get('resourceType')}/{part.get('id')}" in wanted]
    measured = [one for one in own if one.get("resourceType") == "Observation"]
    diagnoses = [other for other in around if other.get("resourceType") == "Condition"]
    people = facts.items(first.get("performer") or first.get("sender"))
    author = (facts.mapping(who).get("display") for who in people)
    return Result(
        str(first.get("id", "")),
        member,
        kind,
        facts.named(first.get("code") or first.get("topic")),
        facts.when(first)[0],
        str(first.get("conclusion", "")),
        first.get("status") in ("registered", "partial", "preliminary"),
        next((str(name) for name in author if name), ""),
        tuple(_value(part) for part in [*measured, *parts]),
        (*own, *parts, *(diagnoses if kind in ("pathology.report", "pathology.histology") else ())),
        MemberId(next(filter(None, map(facts.member_of, people)), member)),
        _own_letter(first),
    )


def _own_letter(resource: Resource) -> tuple[Letter, ...]:
    if resource.get("resourceType") != "Communication":
        return ()
    texts = (
        str(facts.mapping(part).get("contentString", "")) for part in facts.items(resource.get("payload"))
    )
    sender = str(facts.mapping(resource.get("sender")).get("display", ""))
    return tuple(Letter(text, sender, facts.when(resource)[0]) for text in texts if text)


def _letters_by_subject(read: ReadThrough) -> dict[tuple[MemberId, str], tuple[Letter, ...]]:
    """Letters by what they are about, and by their own id."""
    found: dict[tuple[MemberId, str], tuple[Letter, ...]] = {}
    for member, letter in read.of("Communication"):
        if _event_kind(letter) is None:
            continue
        subjects = [
            facts.reference_id(about).rpartition("/")[2] for about in facts.items(letter.get("about"))
        ]
        for subject in (*subjects, str(letter.get("id", ""))):
            found[member, subject] = (*found.get((member, subject), ()), *_own_letter(letter))
    return found


def _value(observation: Resource) -> Value:
    interval = facts.mapping(next(iter(facts.items(observation.get("referenceRange"))), None))
    low, high = (facts.mapping(interval.get(side)).get("value") for side in ("low", "high"))
    bounds = (
        f"{low} – {high}" if low is not None and high is not None else f"≤ {high}" if high is not None else ""
    )
    flags = [code for _, code, _ in facts.codings(observation.get("interpretation"))]
    notes = [str(facts.mapping(note).get("text", "")) for note in facts.items(observation.get("note"))]
    is_gene = any(code == "69548-6" for _, code, _ in facts.codings(observation.get("code")))
    return Value(
        notes[0] if is_gene and notes else facts.words(observation.get("code")),
        facts.value_words(observation) or _components(observation),
        flags[0] if flags else "",
        str(interval.get("text") or bounds or (f"≥ {low}" if low is not None else "")),
    )


def _components(observation: Resource) -> str:
    parts = [facts.mapping(part) for part in facts.items(observation.get("component"))]
    said = [(facts.words(part.get("code")), facts.value_words(part)) for part in parts]
    return ", ".join(f"{name}: {value}" for name, value in said if value)
