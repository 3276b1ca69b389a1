"""From a resource to its index rows: what a type has to read is worked out once, when its first resource comes.

Values of a shape that a kind does not know yield no row; a date that is no date is refused with its path,
since a search would silently miss the resource. Above: engines of the store call it. Below: `catalogue`, `paths`,
`core.fhir`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from functools import partial
from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.core.fhir.dates import EARLIEST, LATEST, period, span
from mihub.core.fhir.fhirpath import Element, Expression, FhirPathError, Limits, r4
from mihub.core.fhir.reference import literal
from mihub.core.policy.restriction import withheld
from mihub.errors import InvalidInput
from mihub.site.search.catalogue import VALUE_TYPES, Catalogue, Parameter, aspect
from mihub.site.search.folding import clipped, folded
from mihub.site.search.paths import Walk, Way, below
from mihub.site.search.units import UCUM, in_base_units
from mihub.site.store.rows import Date, Indexer, IndexRows, Link, Part, Quantity, Text, Token

TRANSPORT_SYSTEM: Final = "https://mihub.example/sid/transport-id"
TransportIdOf = Callable[[str], str]

_CURRENCIES: Final = "urn:iso:std:iso:4217"
_SYSTEM: Final = {bool: "boolean", str: "string", int: "integer", Decimal: "decimal"}
# An expression of a package must not hold up the import.
_LIMITS: Final = Limits(steps=20_000, seconds=0.2)
_NAME_PARTS: Final = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS: Final = ("text", "line", "city", "district", "state", "postalCode", "country")


class _Rows:
    """Rows of one resource while they are collected; dictionaries keep them in order and once."""

    __slots__ = ("dates", "links", "parts", "patients", "quantities", "texts", "tokens")

    def __init__(self) -> None:
        self.tokens: dict[Token, None] = {}
        self.texts: dict[Text, None] = {}
        self.dates: dict[Date, None] = {}
        self.quantities: dict[Quantity, None] = {}
        self.links: dict[Link, None] = {}
        self.patients: dict[str, None] = {}
        self.parts: dict[Part, None] = {}


_Extractor = Callable[[Any, _Rows], None]
_Rowed = Callable[[int, Any, _Rows], None]


@dataclass(frozen=True, slots=True)
class _Step:
    """From the value of one element of a resource to rows. `where` names the path in a refusal."""

    walks: tuple[Walk, ...]
    extract: _Extractor
    where: str


@dataclass(frozen=True, slots=True)
class _Gather:
    """Elements whose values are kept together, and what is read from each."""

    walks: tuple[Walk, ...]
    steps: tuple[_Step, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to do for one type: by element, element by element, and by evaluation over the whole resource."""

    steps: dict[str, list[_Step]]
    gathers: dict[str, list[_Gather]]
    evaluated: list[tuple[Expression, Callable[[str], _Extractor | None], str]]


def indexer(catalogue: Catalogue, local: tzinfo, transport_id: TransportIdOf | None = None) -> Indexer:
    """The function that a store calls for every resource. `transport_id` adds a Patient's token for other
    sites.
    """
    plans: dict[str, _Plan] = {}
    identifier = catalogue.of("Patient")["identifier"].index

    def index(resource: Resource) -> IndexRows:
        rows = _Rows()
        resource_type = resource["resourceType"]
        plan = plans.get(resource_type)
        if plan is None:
            plan = plans[resource_type] = _plan(catalogue, resource_type, local)
        _collect(plan, resource, rows)
        if resource_type == "Patient":
            rows.patients[resource["id"]] = None
            if transport_id is not None:
                rows.tokens[(identifier, TRANSPORT_SYSTEM, transport_id(resource["id"]))] = None
        return IndexRows(
            tuple(rows.tokens), tuple(rows.texts), tuple(rows.dates), tuple(rows.quantities),
            tuple(rows.links), tuple(sorted(rows.patients)), withheld(resource), tuple(rows.parts),
        )  # fmt: skip

    return index


def _collect(plan: _Plan, resource: Resource, rows: _Rows) -> None:
    steps = plan.steps
    for element, value in resource.items():
        for step in steps.get(element, ()):
            found = value if value.__class__ is list else [value]
            try:
                for walk in step.walks:
                    found = walk(found)
                for each in found:
                    step.extract(each, rows)
            except InvalidInput as error:
                error.where = step.where
                raise
        for gather in plan.gathers.get(element, ()):
            _gather(gather, value, rows)
    for expression, extractor, where in plan.evaluated:
        _evaluate(expression, extractor, where, resource, rows)


def _gather(gather: _Gather, value: Any, rows: _Rows) -> None:
    focuses = value if value.__class__ is list else [value]
    for walk in gather.walks:
        focuses = walk(focuses)
    for number, focus in enumerate(focuses):
        inside = _Rows()
        for step in gather.steps:
            found = [focus]
            try:
                for walk in step.walks:
                    found = walk(found)
                for each in found:
                    step.extract(each, inside)
            except InvalidInput as error:
                error.where = step.where
                raise
        rows.parts.update(dict.fromkeys(_numbered(inside, number)))


def _numbered(inside: _Rows, number: int) -> Iterator[Part]:
    """The rows of one element, as they stand in the table of parts."""
    for index, system, code in inside.tokens:
        yield index, number, system, code, None, None, None, None, None, None, None, None
    for index, folded_text, written in inside.texts:
        yield index, number, None, None, None, None, folded_text, written, None, None, None, None
    for index, low, high in inside.dates:
        yield index, number, None, None, None, None, None, None, low, high, None, None
    for index, value, system, code, unit in inside.quantities:
        yield index, number, system, code, unit, value, None, None, None, None, None, None
    for index, kind, target in inside.links:
        yield index, number, None, None, None, None, None, None, None, None, kind, target


def _evaluate(
    expression: Expression,
    extractor: Callable[[str], _Extractor | None],
    where: str,
    resource: Resource,
    rows: _Rows,
) -> None:
    try:
        found = expression.items(resource, limits=_LIMITS)
    except FhirPathError:
        # The expression is at odds with this resource: nobody's search finds it by this parameter.
        return
    for item in found:
        extract = extractor(item.type.name if isinstance(item, Element) else _SYSTEM.get(type(item), ""))
        if extract is not None:
            try:
                extract(item.value if isinstance(item, Element) else item, rows)
            except InvalidInput as error:
                error.where = where
                raise


def _plan(catalogue: Catalogue, resource_type: str, local: tzinfo) -> _Plan:
    compartment = {parameter.index for parameter in catalogue.compartment_of(resource_type)}
    plan = _Plan({}, {}, [])
    for reading in catalogue.readings(resource_type):
        parameter = reading.parameter
        where = f"{resource_type}.{parameter.path}"
        extractor = partial(_extractor, parameter, local, parameter.index in compartment)
        for way in reading.ways:
            extract = extractor(way.type.name)
            if extract is not None:
                plan.steps.setdefault(way.first, []).append(_Step(way.walks, extract, where))
        plan.evaluated.extend((expression, extractor, where) for expression in reading.evaluated)
    for gathering in catalogue.gatherings(resource_type):
        steps = tuple(_part_steps(gathering.parts, resource_type, local))
        focus = gathering.focus
        plan.gathers.setdefault(focus.first, []).append(_Gather(focus.walks, steps))
    return plan


def _part_steps(
    parts: tuple[tuple[Parameter, tuple[Way, ...]], ...], resource_type: str, local: tzinfo
) -> Iterator[_Step]:
    for parameter, ways in parts:
        for way in ways:
            extract = _extractor(parameter, local, compartment=False, type_name=way.type.name)
            if extract is not None:
                yield _Step((below(way.first), *way.walks), extract, f"{resource_type}.{parameter.path}")


def _extractor(parameter: Parameter, local: tzinfo, compartment: bool, type_name: str) -> _Extractor | None:
    """What makes rows of values of this FHIR type; None when the kind has none for it."""
    kind = r4().type(type_name)
    if kind is None or not any(kind.is_a(name) for name in VALUE_TYPES[parameter.kind]):
        return None
    index = parameter.index
    if parameter.kind == "token":
        return _token(index, type_name)
    if parameter.kind == "string":
        return partial(_TEXTS.get(type_name, _text), index)
    if parameter.kind == "date":
        return partial(_DATES.get(type_name, _instants), index, local)
    if parameter.kind == "uri":
        return partial(_uri, index)
    if parameter.kind == "reference":
        return partial(_reference, index, parameter.identifier_index, compartment)
    return partial(_NUMBERS.get(type_name, _quantity), index)


def _token(index: int, type_name: str) -> _Extractor:
    called = aspect(index, "text")
    if type_name == "CodeableConcept":
        return partial(_codeable_concept, index, called)
    if type_name == "Coding":
        return partial(_coding, index, called)
    if type_name == "Identifier":
        return partial(_identifier, index, called, aspect(index, "of-type"))
    return partial(_contact if type_name == "ContactPoint" else _code, index)


def _code(index: int, value: Any, rows: _Rows) -> None:
    if value.__class__ is str:
        rows.tokens[(index, "", clipped(value))] = None
    elif value.__class__ is bool:
        rows.tokens[(index, "", "true" if value else "false")] = None


def _coding(index: int, called: int, value: Any, rows: _Rows) -> None:
    """`called`: the number of the rows for what the code is called (`:text`)."""
    if value.__class__ is dict:
        code, system = value.get("code"), value.get("system")
        if code.__class__ is str:
            rows.tokens[(index, clipped(system) if system.__class__ is str else "", clipped(code))] = None
        _text(called, value.get("display"), rows)


def _codeable_concept(index: int, called: int, value: Any, rows: _Rows) -> None:
    if value.__class__ is dict:
        codings = value.get("coding")
        if codings.__class__ is list:
            for coding in codings:
                _coding(index, called, coding, rows)
        _text(called, value.get("text"), rows)


def _contact(index: int, value: Any, rows: _Rows) -> None:
    """Identifiers, and contact points, whose system is `phone`, `email` ..."""
    if value.__class__ is dict:
        code, system = value.get("value"), value.get("system")
        if code.__class__ is str:
            rows.tokens[(index, clipped(system) if system.__class__ is str else "", clipped(code))] = None


def _identifier(index: int, called: int, typed: int, value: Any, rows: _Rows) -> None:
    """Its own row, and for each of its types one that holds both (`:of-type`)."""
    _contact(index, value, rows)
    kind = value.get("type") if value.__class__ is dict else None
    if kind.__class__ is not dict:
        return
    inside = _Rows()
    _codeable_concept(typed, called, kind, inside)
    rows.texts.update(inside.texts)
    number = value.get("value")
    if number.__class__ is str:
        for _, system, code in inside.tokens:
            rows.tokens[(typed, clipped(f"{system}|{code}"), clipped(number))] = None


def _uri(index: int, value: Any, rows: _Rows) -> None:
    if isinstance(value, str):
        rows.links[(index, "", clipped(value))] = None


def _text(index: int, value: Any, rows: _Rows) -> None:
    if value.__class__ is str:
        rows.texts[(index, folded(value), clipped(value))] = None


def _parts(names: tuple[str, ...], index: int, value: Any, rows: _Rows) -> None:
    if value.__class__ is dict:
        for name in names:
            for text in _texts(value.get(name)):
                rows.texts[(index, folded(text), clipped(text))] = None


def _name(index: int, value: Any, rows: _Rows) -> None:
    _parts(_NAME_PARTS, index, value, rows)
    if value.__class__ is dict:
        whole = " ".join([*_texts(value.get("given")), *_texts(value.get("family"))])
        if whole:
            rows.texts[(index, folded(whole), clipped(whole))] = None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _instants(index: int, local: tzinfo, value: Any, rows: _Rows) -> None:
    if value.__class__ is str:
        rows.dates[(index, *span(value, local))] = None


def _period(index: int, local: tzinfo, value: Any, rows: _Rows) -> None:
    if value.__class__ is dict and ("start" in value or "end" in value):
        rows.dates[(index, *period(value.get("start"), value.get("end"), local))] = None


def _timing(index: int, local: tzinfo, value: Any, rows: _Rows) -> None:
    """From its first to its last event, or its bounds; without both, at any time."""
    if value.__class__ is not dict:
        return
    events = [span(event, local) for event in _texts(value.get("event"))]
    repeat = value.get("repeat")
    bounds = repeat.get("boundsPeriod") if isinstance(repeat, dict) else None
    if events:
        rows.dates[(index, min(low for low, _ in events), max(high for _, high in events))] = None
    elif isinstance(bounds, dict):
        rows.dates[(index, *period(bounds.get("start"), bounds.get("end"), local))] = None
    elif repeat:
        rows.dates[(index, EARLIEST, LATEST)] = None


def _quantity(index: int, value: Any, rows: _Rows) -> None:
    if value.__class__ is dict:
        words = [value.get(name) for name in ("system", "code", "unit")]
        system, code, unit = (clipped(word) if word.__class__ is str else "" for word in words)
        _amount((index, system, code, unit), value.get("value"), rows)


def _money(index: int, value: Any, rows: _Rows) -> None:
    if value.__class__ is dict:
        currency = value.get("currency")
        code = clipped(currency) if currency.__class__ is str else ""
        _amount((index, _CURRENCIES if code else "", code, code), value.get("value"), rows)


def _range(index: int, value: Any, rows: _Rows) -> None:
    """Both ends; a question about what lies between them does not find it."""
    if value.__class__ is dict:
        _quantity(index, value.get("low"), rows)
        _quantity(index, value.get("high"), rows)


def _number(index: int, value: Any, rows: _Rows) -> None:
    _amount((index, "", "", ""), value, rows)


def _amount(unit: tuple[int, str, str, str], number: Any, rows: _Rows) -> None:
    if isinstance(number, int | float | Decimal) and not isinstance(number, bool):
        index, system, code, written = unit
        rows.quantities[(index, float(number), system, code, written)] = None
        base = in_base_units(number, code) if code and system == UCUM else None
        if base is not None:
            rows.quantities[(aspect(index, "canonical"), base[0], UCUM, base[1], "")] = None


def _reference(index: int, identifier_index: int, compartment: bool, value: Any, rows: _Rows) -> None:
    if isinstance(value, str):
        rows.links[(index, "", clipped(value))] = None
        return
    if not isinstance(value, dict):
        return
    target = value.get("reference")
    if isinstance(target, str) and not target.startswith("#"):
        found = literal(target)
        if found is None or found.base:
            rows.links[(index, "", clipped(target))] = None
        else:
            rows.links[(index, found.resource_type, found.id)] = None
            if compartment and found.resource_type == "Patient":
                rows.patients[found.id] = None
    elif "resourceType" in value and isinstance(value.get("id"), str):
        # A resource inside a Bundle, which a parameter names as if it were referred to.
        rows.links[(index, str(value["resourceType"]), value["id"])] = None
    _contact(identifier_index, value.get("identifier"), rows)


_TEXTS: Final[dict[str, _Rowed]] = {"HumanName": _name, "Address": partial(_parts, _ADDRESS_PARTS)}
_DATES: Final = {"Period": _period, "Timing": _timing}
_NUMBERS: Final[dict[str, _Rowed]] = {
    "Money": _money, "Range": _range,
    **dict.fromkeys(["integer", "positiveInt", "unsignedInt", "decimal"], _number),
}  # fmt: skip
