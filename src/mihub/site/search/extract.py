"""From a resource to its index rows: what a type has to read is worked out once, when its first resource comes.

A date that is no date is refused with its path, since a search would silently miss the resource. Above: engines of the
store call it. Below: `value_rows`, `catalogue`, `paths`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from functools import partial
from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.core.fhir.fhirpath import Element, Expression, FhirPathError, Limits
from mihub.core.policy.restriction import withheld
from mihub.errors import InvalidInput
from mihub.site.search.catalogue import Catalogue, Parameter
from mihub.site.search.paths import Walk, Way, below
from mihub.site.search.value_rows import Extractor, Rows, extractor
from mihub.site.store.rows import Indexer, IndexRows, Part

TRANSPORT_SYSTEM: Final = "https://mihub.example/sid/transport-id"
TransportIdOf = Callable[[str], str]

_SYSTEM: Final = {bool: "boolean", str: "string", int: "integer", Decimal: "decimal"}
# An expression of a package must not hold up the import.
_LIMITS: Final = Limits(steps=20_000, seconds=0.2)


@dataclass(frozen=True, slots=True)
class _Step:
    """From the value of one element of a resource to rows. `where` names the path in a refusal."""

    walks: tuple[Walk, ...]
    extract: Extractor
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
    evaluated: list[tuple[Expression, Callable[[str], Extractor | None], str]]


def indexer(catalogue: Catalogue, local: tzinfo, transport_id: TransportIdOf | None = None) -> Indexer:
    """The function that a store calls for every resource. `transport_id` adds a Patient's token for other
    sites.
    """
    plans: dict[str, _Plan] = {}
    identifier = catalogue.of("Patient")["identifier"].index

    def index(resource: Resource) -> IndexRows:
        rows = Rows()
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


def _collect(plan: _Plan, resource: Resource, rows: Rows) -> None:
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
    for expression, read, where in plan.evaluated:
        _evaluate(expression, read, where, resource, rows)


def _gather(gather: _Gather, value: Any, rows: Rows) -> None:
    focuses = value if value.__class__ is list else [value]
    for walk in gather.walks:
        focuses = walk(focuses)
    for number, focus in enumerate(focuses):
        inside = Rows()
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


def _numbered(inside: Rows, number: int) -> Iterator[Part]:
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
    read: Callable[[str], Extractor | None],
    where: str,
    resource: Resource,
    rows: Rows,
) -> None:
    try:
        found = expression.items(resource, limits=_LIMITS)
    except FhirPathError:
        # The expression is at odds with this resource: nobody's search finds it by this parameter.
        return
    for item in found:
        extract = read(item.type.name if isinstance(item, Element) else _SYSTEM.get(type(item), ""))
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
        read = partial(extractor, parameter, local, parameter.index in compartment)
        for way in reading.ways:
            extract = read(way.type.name)
            if extract is not None:
                plan.steps.setdefault(way.first, []).append(_Step(way.walks, extract, where))
        plan.evaluated.extend((expression, read, where) for expression in reading.evaluated)
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
            extract = extractor(parameter, local, compartment=False, type_name=way.type.name)
            if extract is not None:
                yield _Step((below(way.first), *way.walks), extract, f"{resource_type}.{parameter.path}")
