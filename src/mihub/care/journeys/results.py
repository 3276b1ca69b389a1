"""Results of a person over all sites: reports and single findings, newest first, each with its parts and
origin.

A result that names no site keeps the site it was read from. Nothing is judged here; words come from
`explain`.
"""

from __future__ import annotations

from dataclasses import dataclass

from mihub.care.journeys import facts
from mihub.care.journeys.events import events_of
from mihub.care.journeys.reading import ReadThrough
from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId
from mihub.errors import NotFound


@dataclass(frozen=True, slots=True)
class Value:
    """One measured or named part of a result. `flag` is the source's interpretation code, `range` its
    normal range.
    """

    name: str
    value: str
    flag: str
    range: str


@dataclass(frozen=True, slots=True)
class Result:
    """One result. `kind` is an event kind (text key); `conclusion` is the source's own wording."""

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


def results_of(read: ReadThrough) -> list[Result]:
    """All results, newest first, undated last."""
    found = [
        _result(record.member, resource, record.resources)
        for record in read.records
        for resource in _shown(record.resources)
    ]
    return sorted(found, key=lambda result: result.day or "0", reverse=True)


def result_with(read: ReadThrough, member: str, result_id: str) -> Result:
    """One result by site and id. Raises `NotFound` when there is none that this person may see."""
    for result in results_of(read):
        if result.member == member and result.id == result_id:
            return result
    raise NotFound("There is no such result in your record.", next_step="Open it from the list of results.")


def _shown(resources: tuple[Resource, ...]) -> list[Resource]:
    parts = {facts.reference_id(part) for report in resources for part in facts.items(report.get("result"))}
    return [
        resource
        for resource in resources
        if resource.get("resourceType") == "DiagnosticReport"
        or (
            resource.get("resourceType") == "Observation" and f"Observation/{resource.get('id')}" not in parts
        )
        if _kind(resource) is not None
    ]


def _kind(resource: Resource) -> str | None:
    events = events_of([resource], "")
    if resource.get("resourceType") == "DiagnosticReport":
        return events[0].kind if events else None
    kind = events[0].kind if events else ""
    return kind if kind.startswith(("stage", "pathology", "course")) else None


def _result(member: MemberId, resource: Resource, around: tuple[Resource, ...]) -> Result:
    wanted = {facts.reference_id(part) for part in facts.items(resource.get("result"))}
    parts = [part for part in around if f"{part.get('resourceType')}/{part.get('id')}" in wanted]
    own = [resource] if resource.get("resourceType") == "Observation" else []
    diagnoses = [other for other in around if other.get("resourceType") == "Condition"]
    context = diagnoses if _kind(resource) in ("pathology.report", "pathology.histology") else []
    start, _ = facts.when(resource)
    return Result(
        str(resource.get("id", "")),
        member,
        _kind(resource) or "examination.report",
        facts.words(resource.get("code")),
        start,
        str(resource.get("conclusion", "")),
        resource.get("status") in ("registered", "partial", "preliminary"),
        next(
            (str(facts.mapping(who).get("display", "")) for who in facts.items(resource.get("performer"))), ""
        ),
        tuple(_value(part) for part in [*own, *parts]),
        (resource, *parts, *context),
    )


def _value(observation: Resource) -> Value:
    interval = facts.mapping(next(iter(facts.items(observation.get("referenceRange"))), None))
    low, high = (facts.mapping(interval.get(side)).get("value") for side in ("low", "high"))
    bounds = (
        f"{low} – {high}" if low is not None and high is not None else f"≤ {high}" if high is not None else ""
    )
    flags = [code for _, code, _ in facts.codings(observation.get("interpretation"))]
    return Value(
        facts.words(observation.get("code")),
        facts.value_words(observation) or _components(observation),
        flags[0] if flags else "",
        str(interval.get("text") or bounds or (f"≥ {low}" if low is not None else "")),
    )


def _components(observation: Resource) -> str:
    parts = [facts.mapping(part) for part in facts.items(observation.get("component"))]
    return ", ".join(
        f"{facts.words(part.get('code'))}: {facts.value_words(part)}"
        for part in parts
        if facts.value_words(part)
    )
