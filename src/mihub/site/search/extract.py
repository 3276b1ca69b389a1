"""From a resource to its index rows: every path compiled once, no interpretation when a resource is written.

Values of a shape that a kind does not know yield no row; a date that is no date is refused with its path,
since a search would silently miss the resource. Above: engines of the store call it. Below: `catalogue`,
`core.fhir`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from functools import partial
from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.core.fhir.dates import EARLIEST, LATEST, Span, period, span
from mihub.core.fhir.path import Nodes, by_first_element
from mihub.core.fhir.reference import literal
from mihub.core.policy.restriction import withheld
from mihub.errors import InvalidInput
from mihub.site.search.catalogue import Catalogue, Parameter
from mihub.site.search.folding import clipped, folded
from mihub.site.store.rows import Date, Indexer, IndexRows, Link, Quantity, Text, Token

TRANSPORT_SYSTEM: Final = "https://mihub.example/sid/transport-id"
TransportIdOf = Callable[[str], str]

_NAME_PARTS: Final = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS: Final = ("text", "line", "city", "district", "state", "postalCode", "country")


class _Rows:
    """Rows of one resource while they are collected; dictionaries keep them in order and once."""

    __slots__ = ("dates", "links", "patients", "quantities", "texts", "tokens")

    def __init__(self) -> None:
        self.tokens: dict[Token, None] = {}
        self.texts: dict[Text, None] = {}
        self.dates: dict[Date, None] = {}
        self.quantities: dict[Quantity, None] = {}
        self.links: dict[Link, None] = {}
        self.patients: dict[str, None] = {}


_Extractor = Callable[[Any, _Rows], None]


def indexer(catalogue: Catalogue, local: tzinfo, transport_id: TransportIdOf | None = None) -> Indexer:
    """The function that a store calls for every resource. `transport_id` adds a Patient's token for other
    sites.
    """
    plans = {name: _plan(catalogue, name, local) for name in catalogue.parameters}
    identifier = catalogue.of("Patient")["identifier"].index

    def index(resource: Resource) -> IndexRows:
        rows = _Rows()
        resource_type = resource["resourceType"]
        plan = plans[resource_type]
        for element, value in resource.items():
            for parameter, select, extract in plan.get(element, ()):
                for found in select(value if isinstance(value, list) else [value]):
                    try:
                        extract(found, rows)
                    except InvalidInput as error:
                        error.where = f"{parameter.resource_type}.{parameter.path}"
                        raise
        if resource_type == "Patient":
            rows.patients[resource["id"]] = None
            if transport_id is not None:
                rows.tokens[(identifier, TRANSPORT_SYSTEM, transport_id(resource["id"]))] = None
        return IndexRows(
            tuple(rows.tokens), tuple(rows.texts), tuple(rows.dates), tuple(rows.quantities),
            tuple(rows.links), tuple(sorted(rows.patients)), withheld(resource),
        )  # fmt: skip

    return index


_Plan = dict[str, list[tuple[Parameter, Nodes, _Extractor]]]


def _plan(catalogue: Catalogue, resource_type: str, local: tzinfo) -> _Plan:
    compartment = {parameter.index for parameter in catalogue.compartment_of(resource_type)}
    once = {parameter.index: parameter for parameter in catalogue.of(resource_type).values()}
    plan: _Plan = {}
    for parameter in once.values():
        extract = _extractor(parameter, local, parameter.index in compartment)
        for element, select in by_first_element(parameter.path):
            plan.setdefault(element, []).append((parameter, select, extract))
    return plan


def _extractor(parameter: Parameter, local: tzinfo, compartment: bool) -> _Extractor:
    if parameter.kind == "token":
        return partial(_token, parameter.index)
    if parameter.kind == "string":
        return partial(_string, parameter.index)
    if parameter.kind == "date":
        return partial(_date, parameter.index, local)
    if parameter.kind == "uri":
        return partial(_uri, parameter.index)
    if parameter.kind == "reference":
        return partial(_reference, parameter.index, parameter.identifier_index, compartment)
    return partial(_quantity, parameter.index)


def _token(index: int, value: Any, rows: _Rows) -> None:
    if isinstance(value, str):
        rows.tokens[(index, "", clipped(value))] = None
    elif isinstance(value, bool):
        rows.tokens[(index, "", "true" if value else "false")] = None
    elif isinstance(value, dict):
        codings = value.get("coding")
        for coding in codings if isinstance(codings, list) else (value,):
            if isinstance(coding, dict):
                code = coding.get("code", coding.get("value"))
                system = coding.get("system")
                if isinstance(code, str):
                    known = clipped(system) if isinstance(system, str) else ""
                    rows.tokens[(index, known, clipped(code))] = None


def _uri(index: int, value: Any, rows: _Rows) -> None:
    if isinstance(value, str):
        rows.links[(index, "", clipped(value))] = None


def _string(index: int, value: Any, rows: _Rows) -> None:
    if isinstance(value, dict):
        parts = _NAME_PARTS if "family" in value or "given" in value else _ADDRESS_PARTS
        for part in parts:
            for text in _texts(value.get(part)):
                rows.texts[(index, folded(text), clipped(text))] = None
        if parts is _NAME_PARTS:
            whole = " ".join([*_texts(value.get("given")), *_texts(value.get("family"))])
            rows.texts[(index, folded(whole), clipped(whole))] = None
    else:
        for text in _texts(value):
            rows.texts[(index, folded(text), clipped(text))] = None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _date(index: int, local: tzinfo, value: Any, rows: _Rows) -> None:
    for low, high in _spans(value, local):
        rows.dates[(index, low, high)] = None


def _spans(value: Any, local: tzinfo) -> list[Span]:
    if isinstance(value, str):
        return [span(value, local)]
    if not isinstance(value, dict):
        return []
    if "start" in value or "end" in value:
        return [period(value.get("start"), value.get("end"), local)]
    # A Timing: from its first to its last event, or its bounds.
    events = [span(event, local) for event in _texts(value.get("event"))]
    if events:
        return [(min(low for low, _ in events), max(high for _, high in events))]
    repeat = value.get("repeat")
    bounds = repeat.get("boundsPeriod") if isinstance(repeat, dict) else None
    if isinstance(bounds, dict):
        return [period(bounds.get("start"), bounds.get("end"), local)]
    return [(EARLIEST, LATEST)] if repeat else []


def _quantity(index: int, value: Any, rows: _Rows) -> None:
    if isinstance(value, dict):
        number = value.get("value")
        words = [value.get(name) for name in ("system", "code", "unit")]
        system, code, unit = (clipped(word) if isinstance(word, str) else "" for word in words)
    else:
        number, system, code, unit = value, "", "", ""
    if isinstance(number, int | float) and not isinstance(number, bool):
        rows.quantities[(index, float(number), system, code, unit)] = None


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
    identifier = value.get("identifier")
    if isinstance(identifier, dict):
        _token(identifier_index, identifier, rows)
