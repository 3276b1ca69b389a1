"""A cohort definition (CCDL version 2) as frozen values; a wrong document is refused with the JSON path.

Required parts are checked strictly, unknown properties are tolerated as the schema says; nothing is evaluated
here. Source: clinical-cohort-definition-language-schema.json, version 2. Above: `core.query.from_ccdl`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, cast

from mihub.core.fhir import Json
from mihub.errors import InvalidInput, NotSupported, TooLarge

Comparator = Literal["gt", "ge", "lt", "le", "eq", "ne"]

COMPARATORS: Final = ("gt", "ge", "lt", "le", "eq", "ne")
# Bounds of one question: enough for every published one, small enough to answer.
MAX_CRITERIA: Final = 500
MAX_CODES: Final = 20_000


@dataclass(frozen=True, slots=True)
class TermCode:
    """One concept. `version` is carried and not compared, as in the peers."""

    system: str
    code: str
    display: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class ConceptFilter:
    """The value is one of these concepts."""

    concepts: tuple[TermCode, ...]


@dataclass(frozen=True, slots=True)
class ComparatorFilter:
    """The value compares to one number; `unit` is a UCUM code or None when the document names none."""

    comparator: Comparator
    value: float
    unit: str | None


@dataclass(frozen=True, slots=True)
class RangeFilter:
    """The value lies between two numbers, both included."""

    minimum: float
    maximum: float
    unit: str | None


ValueFilter = ConceptFilter | ComparatorFilter | RangeFilter


@dataclass(frozen=True, slots=True)
class ReferenceFilter:
    """The resource points to one that satisfies any of these criteria."""

    criteria: tuple[CcdlCriterion, ...]


@dataclass(frozen=True, slots=True)
class AttributeFilter:
    """An attribute of the same resource satisfies the test."""

    attribute: TermCode
    test: ValueFilter | ReferenceFilter


@dataclass(frozen=True, slots=True)
class TimeRestriction:
    """Both ends included; at least one is there."""

    after: date | None
    before: date | None


@dataclass(frozen=True, slots=True)
class CcdlCriterion:
    """One condition on one resource; `path` is its place in the document."""

    context: TermCode
    term_codes: tuple[TermCode, ...]
    value: ValueFilter | None
    attributes: tuple[AttributeFilter, ...]
    time: TimeRestriction | None
    path: str


@dataclass(frozen=True, slots=True)
class Ccdl:
    """AND of ORs to include, and not: OR of ANDs to exclude."""

    inclusion: tuple[tuple[CcdlCriterion, ...], ...]
    exclusion: tuple[tuple[CcdlCriterion, ...], ...]
    display: str


def parse_ccdl(document: object) -> Ccdl:
    """The document as values.

    Raises `InvalidInput` (wrong part), `NotSupported` (another version), `TooLarge`; each names the JSON
    path.
    """
    root = _object(document, "$")
    _check_version(root)
    parsed = Ccdl(
        inclusion=_groups(root, "inclusionCriteria"),
        exclusion=_groups(root, "exclusionCriteria") if "exclusionCriteria" in root else (),
        display=_optional_text(root, "display", "$"),
    )
    _check_size(parsed)
    return parsed


def _check_version(root: Json) -> None:
    version = root.get("version")
    if version is None:
        raise _wrong("$.version", "it is missing; it must be the text '2'")
    if version != "2":
        raise NotSupported(
            "This cohort definition is of a version that is not read here.",
            where="$.version",
            rule="CCDL version 2",
            next_step="Upgrade the document to version '2' in the tool that wrote it.",
        )


def _check_size(parsed: Ccdl) -> None:
    criteria = [criterion for group in parsed.inclusion + parsed.exclusion for criterion in group]
    codes = sum(len(criterion.term_codes) for criterion in criteria)
    if len(criteria) > MAX_CRITERIA or codes > MAX_CODES:
        raise TooLarge(
            f"The cohort definition holds {len(criteria)} criteria and {codes} codes.",
            where="$",
            rule=f"at most {MAX_CRITERIA} criteria and {MAX_CODES} codes a question",
            next_step="Ask for a parent concept instead of listing its children, or split the question.",
        )


def _groups(root: Json, name: str) -> tuple[tuple[CcdlCriterion, ...], ...]:
    path = f"$.{name}"
    return tuple(
        tuple(_criterion(item, f"{path}[{i}][{j}]") for j, item in enumerate(_filled(group, f"{path}[{i}]")))
        for i, group in enumerate(_filled(root.get(name), path))
    )


def _criterion(value: object, path: str, *, inside_reference: bool = False) -> CcdlCriterion:
    body = _object(value, path)
    return CcdlCriterion(
        context=_term_code(body.get("context"), f"{path}.context"),
        term_codes=_term_codes(body.get("termCodes"), f"{path}.termCodes"),
        value=_value_filter(body["valueFilter"], f"{path}.valueFilter") if "valueFilter" in body else None,
        attributes=_attributes(body, path, inside_reference=inside_reference),
        time=_time(body["timeRestriction"], f"{path}.timeRestriction") if "timeRestriction" in body else None,
        path=path,
    )


def _attributes(body: Json, path: str, *, inside_reference: bool) -> tuple[AttributeFilter, ...]:
    if "attributeFilters" not in body:
        return ()
    items = _list(body["attributeFilters"], f"{path}.attributeFilters")
    return tuple(
        _attribute(item, f"{path}.attributeFilters[{i}]", inside_reference=inside_reference)
        for i, item in enumerate(items)
    )


def _attribute(value: object, path: str, *, inside_reference: bool) -> AttributeFilter:
    body = _object(value, path)
    attribute = _term_code(body.get("attributeCode"), f"{path}.attributeCode")
    if body.get("type") != "reference":
        return AttributeFilter(attribute, _value_filter(body, path))
    if inside_reference:
        raise _wrong(path, "a reference filter stands inside a reference filter, which the schema forbids")
    criteria = _filled(body.get("criteria"), f"{path}.criteria")
    parsed = tuple(
        _criterion(item, f"{path}.criteria[{i}]", inside_reference=True) for i, item in enumerate(criteria)
    )
    return AttributeFilter(attribute, ReferenceFilter(parsed))


def _value_filter(value: object, path: str) -> ValueFilter:
    body = _object(value, path)
    reader = _VALUE_FILTERS.get(str(body.get("type")))
    if reader is None:
        raise _wrong(f"{path}.type", f"it must be one of {', '.join(_VALUE_FILTERS)}")
    return reader(body, path)


def _concept_filter(body: Json, path: str) -> ConceptFilter:
    return ConceptFilter(_term_codes(body.get("selectedConcepts"), f"{path}.selectedConcepts"))


def _comparator_filter(body: Json, path: str) -> ComparatorFilter:
    comparator = body.get("comparator")
    if comparator not in COMPARATORS:
        raise _wrong(f"{path}.comparator", f"it must be one of {', '.join(COMPARATORS)}")
    return ComparatorFilter(cast(Comparator, comparator), _number(body, "value", path), _unit(body, path))


def _range_filter(body: Json, path: str) -> RangeFilter:
    low, high = _number(body, "minValue", path), _number(body, "maxValue", path)
    if low > high:
        raise _wrong(path, "minValue is greater than maxValue, so that nothing can match")
    return RangeFilter(low, high, _unit(body, path))


_VALUE_FILTERS: Final[dict[str, Callable[[Json, str], ValueFilter]]] = {
    "concept": _concept_filter,
    "quantity-comparator": _comparator_filter,
    "quantity-range": _range_filter,
}


def _time(value: object, path: str) -> TimeRestriction:
    body = _object(value, path)
    after, before = _day(body, "afterDate", path), _day(body, "beforeDate", path)
    if after is None and before is None:
        raise _wrong(path, "it needs afterDate, beforeDate or both")
    if after is not None and before is not None and after > before:
        raise _wrong(path, "afterDate is later than beforeDate, so that nothing can match")
    return TimeRestriction(after, before)


def _day(body: Json, name: str, path: str) -> date | None:
    if name not in body:
        return None
    value = body[name]
    try:
        return (
            date.fromisoformat(value)
            if isinstance(value, str) and len(value) == 10
            else _not_a_day(path, name)
        )
    except ValueError as error:
        raise _wrong(f"{path}.{name}", "it must be a date such as 2026-01-31") from error


def _not_a_day(path: str, name: str) -> date:
    raise _wrong(f"{path}.{name}", "it must be a date such as 2026-01-31")


def _unit(body: Json, path: str) -> str | None:
    if "unit" not in body:
        return None
    unit = _object(body["unit"], f"{path}.unit")
    return _text(unit, "code", f"{path}.unit")


def _term_codes(value: object, path: str) -> tuple[TermCode, ...]:
    return tuple(_term_code(item, f"{path}[{i}]") for i, item in enumerate(_filled(value, path)))


def _term_code(value: object, path: str) -> TermCode:
    body = _object(value, path)
    code = _text(body, "code", path)
    if not code:
        raise _wrong(f"{path}.code", "it is empty")
    return TermCode(
        system=_text(body, "system", path),
        code=code,
        display=_text(body, "display", path),
        version=_optional_text(body, "version", path),
    )


def _object(value: object, path: str) -> Json:
    if not isinstance(value, dict):
        raise _wrong(path, "it must be a JSON object")
    return value


def _list(value: object, path: str) -> list[object]:
    if not isinstance(value, list):
        raise _wrong(path, "it must be a JSON array")
    return value


def _filled(value: object, path: str) -> list[object]:
    items = _list(value, path)
    if not items:
        raise _wrong(path, "it must hold at least one entry")
    return items


def _text(body: Json, name: str, path: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise _wrong(f"{path}.{name}", "it must be a text")
    return value


def _optional_text(body: Json, name: str, path: str) -> str:
    return _text(body, name, path) if name in body else ""


def _number(body: Json, name: str, path: str) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _wrong(f"{path}.{name}", "it must be a number")
    return float(value)


def _wrong(path: str, why: str) -> InvalidInput:
    return InvalidInput(
        f"The cohort definition can not be used: {why}.",
        where=path,
        rule="CCDL version 2",
        next_step="Correct this place, or export the cohort again from the tool that wrote it.",
    )
