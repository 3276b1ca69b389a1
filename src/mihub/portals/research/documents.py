"""A cohort as a CCDL document (version 2) and back; `from_document(to_document(c))` is `c`.

A document that says more than the builder's form can show is refused with its JSON path, so that nothing
is lost by editing; it may still be asked as it stands. Source: CCDL schema version 2. Below: `cohort`,
`codes`, `core.mii.ccdl`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.mii.ccdl import (
    Ccdl,
    CcdlCriterion,
    ComparatorFilter,
    ConceptFilter,
    RangeFilter,
    TermCode,
    parse_ccdl,
)
from mihub.errors import NotSupported
from mihub.portals.research import codes
from mihub.portals.research.cohort import DATED, Cohort, Groups, Kind, Line

_AGE_UNIT: Final = {"code": "a", "display": "a"}


def to_document(cohort: Cohort) -> Json:
    """The CCDL document. The title stands as `display`."""
    document: Json = {"version": "2", "display": cohort.title, "inclusionCriteria": _groups(cohort.include)}
    if cohort.exclude:
        document["exclusionCriteria"] = _groups(cohort.exclude)
    return document


def from_document(document: object) -> Cohort:
    """The cohort. Raises what `parse_ccdl` raises, and `NotSupported` for what the form can not show."""
    return from_ccdl(parse_ccdl(document))


def from_ccdl(ccdl: Ccdl) -> Cohort:
    """The cohort of a parsed document."""
    return Cohort(
        title=ccdl.display,
        include=tuple(tuple(_line(one) for one in group) for group in ccdl.inclusion),
        exclude=tuple(tuple(_line(one) for one in group) for group in ccdl.exclusion),
    )


def _groups(groups: Groups) -> list[list[Json]]:
    return [[_criterion(line) for line in group] for group in groups]


def _criterion(line: Line) -> Json:
    criterion: Json = {"context": _context(line.kind), "termCodes": _term_codes(line)}
    value = _value_filter(line)
    if value:
        criterion["valueFilter"] = value
    limits = {"afterDate": line.after, "beforeDate": line.before}
    dates = {name: day.isoformat() for name, day in limits.items() if day is not None}
    if dates:
        criterion["timeRestriction"] = dates
    return criterion


def _context(kind: Kind) -> Json:
    systems = codes.document()
    name = systems["systems"][kind]["context"] if kind in codes.CODED_KINDS else "Patient"
    return {**systems["contexts"], "code": name, "display": name}


def _term_codes(line: Line) -> list[Json]:
    if line.kind in ("age", "sex"):
        person = codes.document()["person"][line.kind]
        return [{"system": person["system"], "code": person["code"], "display": person["label"]["de"]}]
    system = codes.document()["systems"][line.kind]["system"]
    return [
        {"system": system, "code": code, "display": codes.name_of(line.kind, code)} for code in line.codes
    ]


def _value_filter(line: Line) -> Json | None:
    if line.kind == "sex":
        system = codes.document()["person"]["sex_values"]["system"]
        chosen = [{"system": system, "code": code, "display": code} for code in line.codes]
        return {"type": "concept", "selectedConcepts": chosen}
    if not line.comparison or line.value is None:
        return None
    unit: Json = {}
    if line.kind == "age":
        unit = {"unit": _AGE_UNIT}
    elif line.unit:
        unit = {"unit": {"code": line.unit, "display": line.unit}}
    if line.comparison == "between" and line.upper is not None:
        limits = {"minValue": _number(line.value), "maxValue": _number(line.upper)}
        return {"type": "quantity-range", **limits, **unit}
    return {
        "type": "quantity-comparator",
        "comparator": line.comparison,
        "value": _number(line.value),
        **unit,
    }


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _line(one: CcdlCriterion) -> Line:
    kind = _kind(one)
    if one.attributes:
        raise _not_shown(f"{one.path}.attributeFilters")
    if one.time is not None and kind not in DATED:
        raise _not_shown(f"{one.path}.timeRestriction")
    comparison, value, upper, unit = _value(one, kind)
    return Line(
        kind=kind,
        codes=_codes(one, kind),
        comparison=comparison,
        value=value,
        upper=upper,
        unit="" if kind == "age" else unit,
        after=one.time.after if one.time else None,
        before=one.time.before if one.time else None,
    )


def _kind(one: CcdlCriterion) -> Kind:
    if one.context.code == "Patient":
        return _person_kind(one)
    for kind in ("diagnosis", "procedure", "lab", "consent"):
        if codes.document()["systems"][kind]["context"] == one.context.code:
            _same_system(one, codes.document()["systems"][kind]["system"])
            return kind
    raise _not_shown(f"{one.path}.context")


def _person_kind(one: CcdlCriterion) -> Kind:
    person = codes.document()["person"]
    if len(one.term_codes) == 1:
        asked = (one.term_codes[0].system, one.term_codes[0].code)
        if asked == (person["age"]["system"], person["age"]["code"]):
            return "age"
        if asked == (person["sex"]["system"], person["sex"]["code"]):
            return "sex"
    raise _not_shown(f"{one.path}.termCodes")


def _same_system(one: CcdlCriterion, system: str) -> None:
    for place, term in enumerate(one.term_codes):
        if term.system != system:
            raise _not_shown(f"{one.path}.termCodes[{place}].system")


def _codes(one: CcdlCriterion, kind: Kind) -> tuple[str, ...]:
    if kind == "age":
        return ()
    if kind == "sex":
        if not isinstance(one.value, ConceptFilter):
            raise _not_shown(f"{one.path}.valueFilter")
        return _sexes(one.value.concepts, one.path)
    return tuple(term.code for term in one.term_codes)


def _sexes(concepts: tuple[TermCode, ...], path: str) -> tuple[str, ...]:
    allowed = codes.document()["person"]["sex_values"]["codes"]
    for place, concept in enumerate(concepts):
        if concept.code not in allowed:
            raise _not_shown(f"{path}.valueFilter.selectedConcepts[{place}]")
    return tuple(concept.code for concept in concepts)


def _value(one: CcdlCriterion, kind: Kind) -> tuple[str, Decimal | None, Decimal | None, str]:
    found: Any = one.value
    if found is None or kind == "sex":
        if kind == "age":
            raise _not_shown(f"{one.path}.valueFilter")
        return "", None, None, ""
    if isinstance(found, ConceptFilter) or kind not in ("lab", "age"):
        raise _not_shown(f"{one.path}.valueFilter")
    if kind == "age" and found.unit not in ("a", None):
        raise _not_shown(f"{one.path}.valueFilter.unit")
    if isinstance(found, RangeFilter):
        return "between", _decimal(found.minimum), _decimal(found.maximum), found.unit or ""
    if isinstance(found, ComparatorFilter) and found.comparator != "ne":
        return found.comparator, _decimal(found.value), None, found.unit or ""
    raise _not_shown(f"{one.path}.valueFilter.comparator")


def _decimal(value: float) -> Decimal:
    return Decimal(int(value)) if value.is_integer() else Decimal(repr(value))


def _not_shown(path: str) -> NotSupported:
    return NotSupported(
        "The cohort definition says something that this form can not show.",
        where=path,
        rule="portals.research.documents",
        next_step="Ask the document as it stands, or change this place.",
    )
