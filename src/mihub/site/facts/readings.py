"""Codes and values of FHIR elements, without their texts.

A quantity with a comparator is a range ("< 5" is everything up to 5). Source: FHIR R4, Observation.value[x]
and CodeableConcept. Above: `extract`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from mihub.core.fhir import Json
from mihub.core.query.units import plain_unit


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of an observation; all None when it has none that a question can ask for."""

    system: str | None = None
    code: str | None = None
    low: float | None = None
    high: float | None = None
    unit: str | None = None


def readings(element: Json) -> Iterator[Reading]:
    """The value[x] of an Observation or component, at least one reading."""
    found = list(_readings(element))
    yield from found or [Reading()]


def _readings(element: Json) -> Iterator[Reading]:
    if isinstance(element.get("valueQuantity"), dict):
        yield _quantity(element["valueQuantity"])
    if isinstance(element.get("valueRange"), dict):
        yield _range(element["valueRange"])
    for system, code in codings(element.get("valueCodeableConcept")):
        yield Reading(system=system, code=code)
    if isinstance(element.get("valueBoolean"), bool):
        yield Reading(system="", code="true" if element["valueBoolean"] else "false")
    if _is_number(element.get("valueInteger")):
        yield Reading(low=float(element["valueInteger"]), high=float(element["valueInteger"]), unit="1")


def _quantity(quantity: Json) -> Reading:
    if not _is_number(quantity.get("value")):
        return Reading()
    value = float(quantity["value"])
    comparator = str(quantity.get("comparator", ""))
    return Reading(
        low=-math.inf if comparator.startswith("<") else value,
        high=math.inf if comparator.startswith(">") else value,
        unit=_unit(quantity),
    )


def _range(value: Json) -> Reading:
    low, high = value.get("low"), value.get("high")
    ends = [end for end in (low, high) if isinstance(end, dict) and _is_number(end.get("value"))]
    if not ends:
        return Reading()
    return Reading(
        low=float(low["value"]) if low in ends and isinstance(low, dict) else -math.inf,
        high=float(high["value"]) if high in ends and isinstance(high, dict) else math.inf,
        unit=_unit(ends[0]),
    )


def _unit(quantity: Json) -> str:
    """The UCUM code; the printed unit only where no code is given."""
    code = quantity.get("code") or quantity.get("unit")
    return plain_unit(code if isinstance(code, str) else None)


def concepts(value: object) -> Iterator[tuple[str, str]]:
    """(system, code) of a Coding, CodeableConcept, or a list of either."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict) and "code" in item and "coding" not in item:
            yield from codings({"coding": [item]})
        else:
            yield from codings(item)


def codings(concept: object) -> Iterator[tuple[str, str]]:
    """(system, code) of every coding that has a code."""
    listed = concept.get("coding") if isinstance(concept, dict) else None
    for coding in listed if isinstance(listed, list) else []:
        if isinstance(coding, dict) and isinstance(coding.get("code"), str):
            yield str(coding.get("system") or ""), coding["code"]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
