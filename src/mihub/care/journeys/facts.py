"""Tolerant looks into resources of any shape: codes, words, dates, references. Odd or missing data gives
nothing.

Real exports break rules; a journey must still be drawn. So nothing here raises, and nothing guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mihub.core.fhir import Resource

_ASSERTED: Final = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2}.*)?)?", re.DOTALL)
_WHEN: Final = (
    "effectiveDateTime",
    "effectivePeriod",
    "effectiveInstant",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "onsetDateTime",
    "onsetPeriod",
    "started",
    "start",
    "created",
    "period",
    "recordedDate",
    "authoredOn",
    "authored",
    "dateTime",
    "sent",
    "date",
    "issued",
)


def mapping(value: Any) -> dict[str, Any]:
    """The value when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """A list as it is, a single value as a list of one, nothing as an empty list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def codings(*concepts: Any) -> Iterator[tuple[str, str, str]]:
    """(system, code, display) of every coding of CodeableConcepts, lists of them, or bare Codings."""
    for concept in concepts:
        for entry in items(concept):
            entry = mapping(entry)
            for coding in [*items(entry.get("coding")), *([entry] if "code" in entry else [])]:
                coding = mapping(coding)
                yield (
                    str(coding.get("system", "")),
                    str(coding.get("code", "")),
                    str(coding.get("display", "")),
                )


def named(concept: Any) -> str:
    """The text or first display of a CodeableConcept; empty when it holds codes only."""
    for entry in items(concept):
        if text := mapping(entry).get("text"):
            return str(text)
    return next((display for _, _, display in codings(concept) if display), "")


def words(concept: Any) -> str:
    """What a CodeableConcept (or the first of a list) says: text, else first display, else first code."""
    return named(concept) or next((code for _, code, _ in codings(concept) if code), "")


def when(resource: Resource) -> tuple[str, str]:
    """Start and end as written (partial dates allowed); empty where unknown. End is empty for a point in
    time.
    """
    for name in _WHEN:
        value = resource.get(name)
        if isinstance(value, str) and _DATE.fullmatch(value):
            return value, ""
        if isinstance(value, dict):
            start, end = str(value.get("start") or ""), str(value.get("end") or "")
            if start or end:
                return start or end, end
    return asserted(resource), ""


def asserted(resource: Resource) -> str:
    """When a diagnosis was made, by the extension that says so; empty where it is not said."""
    found = (mapping(each) for each in items(resource.get("extension")))
    return next((str(each.get("valueDateTime", "")) for each in found if each.get("url") == _ASSERTED), "")


def value_words(observation: Resource) -> str:
    """The result of an Observation as short text: concept, quantity, text or number; empty when there is
    none.
    """
    if concept := observation.get("valueCodeableConcept"):
        return words(concept)
    if quantity := mapping(observation.get("valueQuantity")):
        return f"{quantity.get('value', '')} {quantity.get('unit') or quantity.get('code') or ''}".strip()
    for name in ("valueString", "valueInteger", "valueBoolean", "valueDateTime"):
        if name in observation:
            return str(observation[name])
    return ""


def profiles(resource: Resource) -> tuple[str, ...]:
    """The last path segment of each profile, without version."""
    found = items(mapping(resource.get("meta")).get("profile"))
    return tuple(str(profile).split("|")[0].rpartition("/")[2] for profile in found)


def reference_id(value: Any) -> str:
    """`Type/id` of a Reference, or an empty text."""
    target = str(mapping(value).get("reference", ""))
    return "/".join(target.split("/_history/")[0].split("/")[-2:]) if "/" in target else ""


def member_of(value: Any) -> str:
    """The member id that a Reference names by identifier, or an empty text."""
    identifier = mapping(mapping(value).get("identifier"))
    return (
        str(identifier.get("value", "")) if str(identifier.get("system", "")).endswith("/sid/member") else ""
    )
