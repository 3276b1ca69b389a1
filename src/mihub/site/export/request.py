"""What a caller asks of $export, from the query or from Parameters, checked before anything begins.

What is not known is refused by name, or listed as ignored when the request is lenient. Source: Bulk Data Access 1.0.1 and
2.0, §Query Parameters. Above: `site.api`, `apps`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from mihub.core.fhir.types import EXCHANGE_TYPES, ID, RESOURCE_TYPES
from mihub.errors import InvalidInput, NotSupported
from mihub.site.export.record import Filters
from mihub.site.search.parse import Parser

FORMATS: Final = frozenset({"application/fhir+ndjson", "application/ndjson", "ndjson"})
_RULE: Final = "Bulk Data Access, $export (docs/reference/fhir-api.md)"
# A comma inside of a query is no end of it: the next one begins with its type.
_NEXT_FILTER: Final = re.compile(r",(?=[A-Z][A-Za-z]{2,40}\?)")
_NO_FILTERS: Final = frozenset(
    {
        "_include",
        "_revinclude",
        "_sort",
        "_count",
        "_summary",
        "_elements",
        "_total",
        "_format",
        "_pretty",
        "_page",
    }
)
_MOST_FILTERS: Final = 100
_ONCE: Final = ("_since", "_outputFormat")


@dataclass(frozen=True, slots=True)
class Asked:
    """A kick-off. `patients` are ids, None when it names none; `ignored` are parameters that were let pass."""

    types: tuple[str, ...] | None
    since: datetime | None
    filters: tuple[tuple[str, str], ...]
    elements: tuple[tuple[str, str], ...]
    patients: tuple[str, ...] | None
    names: str
    ignored: tuple[str, ...]


def read(given: Iterable[tuple[str, Any]], *, lenient: bool = False) -> Asked:
    """Raises `InvalidInput` and `NotSupported` with the parameter."""
    found: dict[str, list[Any]] = {}
    for name, value in given:
        found.setdefault(name, []).append(value)
    ignored = _unknown(found, lenient)
    for name in _ONCE:
        if len(found.get(name, [])) > 1:
            raise InvalidInput("The parameter comes more than once.", where=name, rule=_RULE)
    form = found.get("_outputFormat", ["ndjson"])[0]
    # In a query a plus sign may have become a space.
    if not isinstance(form, str) or form.replace(" ", "+") not in FORMATS:
        raise NotSupported(
            "Only NDJSON is exported.",
            where="_outputFormat",
            rule=_RULE,
            next_step="Ask for application/fhir+ndjson.",
        )
    types = _types(_texts(found, "_type")) if "_type" in found else None
    return Asked(
        types,
        moment(found["_since"][0]) if "_since" in found else None,
        _filters(_texts(found, "_typeFilter", split=False), types),
        tuple(_element(text) for text in _texts(found, "_elements")),
        _patients(found["patient"]) if "patient" in found else None,
        ",".join(sorted(name for name in found if name not in ignored)),
        ignored,
    )


def conditions(filters: Sequence[tuple[str, str]], parser: Parser) -> Filters:
    """Each filter as the conditions of a search. Raises what the search of this type would raise."""
    made: Filters = {}
    for kind, query in filters:
        parameters = parse_qsl(query, keep_blank_values=True)
        for name, _ in parameters:
            if name.partition(":")[0] in _NO_FILTERS:
                raise NotSupported(
                    f"The parameter {name.partition(':')[0]} selects nothing.",
                    where="_typeFilter",
                    rule=_RULE,
                    next_step="Leave it out of the filter.",
                )
        made.setdefault(kind, []).append(parser.parse(kind, parameters).conditions)
    return made


def moment(value: object) -> datetime:
    """A FHIR instant. Raises `InvalidInput`."""
    try:
        read_value = datetime.fromisoformat(str(value).replace(" ", "+"))
    except ValueError:
        read_value = None
    if read_value is None or read_value.tzinfo is None:
        raise InvalidInput(
            "The parameter is a moment with its zone.",
            where="_since",
            rule="FHIR instant",
            next_step="Write it like 2026-11-23T10:00:00Z.",
        )
    return read_value


def _unknown(found: dict[str, list[Any]], lenient: bool) -> tuple[str, ...]:
    if "includeAssociatedData" in found and not lenient:
        raise NotSupported(
            "Associated data can not be asked for: no resource is added to what the filters select.",
            where="includeAssociatedData",
            rule=_RULE,
            next_step="Leave it out and name the types that you need, such as Provenance, in _type.",
        )
    known = {"_type", "_since", "_typeFilter", "_elements", "_outputFormat", "patient"}
    unknown = tuple(name for name in found if name not in known)
    if unknown and not lenient:
        raise NotSupported(
            "A parameter is not supported here.",
            where=unknown[0][:64] if unknown[0].replace("_", "").isalnum() else "?",
            rule=_RULE,
            next_step="Leave it out, or send Prefer: handling=lenient.",
        )
    return unknown


def _texts(found: dict[str, list[Any]], name: str, *, split: bool = True) -> list[str]:
    texts: list[str] = []
    for value in found.get(name, []):
        if not isinstance(value, str) or not value:
            raise InvalidInput("The parameter is a text.", where=name, rule=_RULE)
        texts += [part.strip() for part in (value.split(",") if split else _NEXT_FILTER.split(value))]
    return [text for text in texts if text]


def _types(names: list[str]) -> tuple[str, ...]:
    for name in names:
        if name not in RESOURCE_TYPES or name in EXCHANGE_TYPES:
            raise InvalidInput(
                "A type in _type is no resource type that is kept here.",
                where="_type",
                rule="https://hl7.org/fhir/R4/resourcelist.html",
                next_step="Name types of FHIR R4, separated by commas.",
            )
    return tuple(dict.fromkeys(names))


def _filters(texts: list[str], types: tuple[str, ...] | None) -> tuple[tuple[str, str], ...]:
    if len(texts) > _MOST_FILTERS:
        raise InvalidInput(f"More than {_MOST_FILTERS} filters are named.", where="_typeFilter", rule=_RULE)
    filters = []
    for text in texts:
        kind, mark, query = text.partition("?")
        if not mark or kind not in RESOURCE_TYPES:
            raise InvalidInput("A filter is not written Type?query.", where="_typeFilter", rule=_RULE)
        if types is not None and kind not in types:
            raise InvalidInput(
                f"A filter is for {kind}, which _type does not name.",
                where="_typeFilter",
                rule=_RULE,
                next_step="Name the type in _type, or leave the filter out.",
            )
        filters.append((kind, query))
    return tuple(filters)


def _element(text: str) -> tuple[str, str]:
    first, dot, rest = text.partition(".")
    kind, name = (first, rest.partition(".")[0]) if dot and first in RESOURCE_TYPES else ("", first)
    if not ID.fullmatch(name):
        raise InvalidInput("An element is not written name or Type.name.", where="_elements", rule=_RULE)
    return kind, name


def _patients(values: list[Any]) -> tuple[str, ...]:
    ids: list[str] = []
    for value in values:
        reference = value.get("reference") if isinstance(value, dict) else value
        for text in str(reference or "").split(",") if isinstance(value, str) else [str(reference or "")]:
            key = text.strip().removeprefix("Patient/")
            if not ID.fullmatch(key):
                raise InvalidInput(
                    "The parameter is a reference to a Patient of this site.",
                    where="patient",
                    rule="Patient/id",
                )
            ids.append(key)
    return tuple(dict.fromkeys(ids))
