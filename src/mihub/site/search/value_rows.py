"""From one value of FHIR to rows of the index, by the kind of its parameter and by its type.

A value of a shape that its kind does not know yields no row. Above: `extract`. Below: `catalogue`, `units`, `folding`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from decimal import Decimal
from functools import partial
from typing import Any, Final

from mihub.core.fhir.dates import EARLIEST, LATEST, period, span
from mihub.core.fhir.fhirpath import r4
from mihub.core.fhir.reference import literal
from mihub.site.search.catalogue import VALUE_TYPES, Parameter, aspect
from mihub.site.search.folding import clipped, folded
from mihub.site.search.units import UCUM, in_base_units
from mihub.site.store.rows import Date, Link, Part, Quantity, Text, Token

_CURRENCIES: Final = "urn:iso:std:iso:4217"
_NAME_PARTS: Final = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS: Final = ("text", "line", "city", "district", "state", "postalCode", "country")


class Rows:
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


Extractor = Callable[[Any, Rows], None]
_Rowed = Callable[[int, Any, Rows], None]


def extractor(parameter: Parameter, local: tzinfo, compartment: bool, type_name: str) -> Extractor | None:
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


def _token(index: int, type_name: str) -> Extractor:
    called = aspect(index, "text")
    if type_name == "CodeableConcept":
        return partial(_codeable_concept, index, called)
    if type_name == "Coding":
        return partial(_coding, index, called)
    if type_name == "Identifier":
        return partial(_identifier, index, called, aspect(index, "of-type"))
    return partial(_contact if type_name == "ContactPoint" else _code, index)


def _code(index: int, value: Any, rows: Rows) -> None:
    if value.__class__ is str:
        rows.tokens[(index, "", clipped(value))] = None
    elif value.__class__ is bool:
        rows.tokens[(index, "", "true" if value else "false")] = None


def _coding(index: int, called: int, value: Any, rows: Rows) -> None:
    """`called`: the number of the rows for what the code is called (`:text`)."""
    if value.__class__ is dict:
        code, system = value.get("code"), value.get("system")
        if code.__class__ is str:
            rows.tokens[(index, clipped(system) if system.__class__ is str else "", clipped(code))] = None
        _text(called, value.get("display"), rows)


def _codeable_concept(index: int, called: int, value: Any, rows: Rows) -> None:
    if value.__class__ is dict:
        codings = value.get("coding")
        if codings.__class__ is list:
            for coding in codings:
                _coding(index, called, coding, rows)
        _text(called, value.get("text"), rows)


def _contact(index: int, value: Any, rows: Rows) -> None:
    """Identifiers, and contact points, whose system is `phone`, `email` ..."""
    if value.__class__ is dict:
        code, system = value.get("value"), value.get("system")
        if code.__class__ is str:
            rows.tokens[(index, clipped(system) if system.__class__ is str else "", clipped(code))] = None


def _identifier(index: int, called: int, typed: int, value: Any, rows: Rows) -> None:
    """Its own row, and for each of its types one that holds both (`:of-type`)."""
    _contact(index, value, rows)
    kind = value.get("type") if value.__class__ is dict else None
    if kind.__class__ is not dict:
        return
    inside = Rows()
    _codeable_concept(typed, called, kind, inside)
    rows.texts.update(inside.texts)
    number = value.get("value")
    if number.__class__ is str:
        for _, system, code in inside.tokens:
            rows.tokens[(typed, clipped(f"{system}|{code}"), clipped(number))] = None


def _uri(index: int, value: Any, rows: Rows) -> None:
    if isinstance(value, str):
        rows.links[(index, "", clipped(value))] = None


def _text(index: int, value: Any, rows: Rows) -> None:
    if value.__class__ is str:
        rows.texts[(index, folded(value), clipped(value))] = None


def _parts(names: tuple[str, ...], index: int, value: Any, rows: Rows) -> None:
    if value.__class__ is dict:
        for name in names:
            for text in _texts(value.get(name)):
                rows.texts[(index, folded(text), clipped(text))] = None


def _name(index: int, value: Any, rows: Rows) -> None:
    _parts(_NAME_PARTS, index, value, rows)
    if value.__class__ is dict:
        whole = " ".join([*_texts(value.get("given")), *_texts(value.get("family"))])
        if whole:
            rows.texts[(index, folded(whole), clipped(whole))] = None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _instants(index: int, local: tzinfo, value: Any, rows: Rows) -> None:
    if value.__class__ is str:
        rows.dates[(index, *span(value, local))] = None


def _period(index: int, local: tzinfo, value: Any, rows: Rows) -> None:
    if value.__class__ is dict and ("start" in value or "end" in value):
        rows.dates[(index, *period(value.get("start"), value.get("end"), local))] = None


def _timing(index: int, local: tzinfo, value: Any, rows: Rows) -> None:
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


def _quantity(index: int, value: Any, rows: Rows) -> None:
    if value.__class__ is dict:
        words = [value.get(name) for name in ("system", "code", "unit")]
        system, code, unit = (clipped(word) if word.__class__ is str else "" for word in words)
        _amount((index, system, code, unit), value.get("value"), rows)


def _money(index: int, value: Any, rows: Rows) -> None:
    if value.__class__ is dict:
        currency = value.get("currency")
        code = clipped(currency) if currency.__class__ is str else ""
        _amount((index, _CURRENCIES if code else "", code, code), value.get("value"), rows)


def _range(index: int, value: Any, rows: Rows) -> None:
    """Both ends; a question about what lies between them does not find it."""
    if value.__class__ is dict:
        _quantity(index, value.get("low"), rows)
        _quantity(index, value.get("high"), rows)


def _number(index: int, value: Any, rows: Rows) -> None:
    _amount((index, "", "", ""), value, rows)


def _amount(unit: tuple[int, str, str, str], number: Any, rows: Rows) -> None:
    if isinstance(number, int | float | Decimal) and not isinstance(number, bool):
        index, system, code, written = unit
        rows.quantities[(index, float(number), system, code, written)] = None
        base = in_base_units(number, code) if code and system == UCUM else None
        if base is not None:
            rows.quantities[(aspect(index, "canonical"), base[0], UCUM, base[1], "")] = None


def _reference(index: int, identifier_index: int, compartment: bool, value: Any, rows: Rows) -> None:
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
