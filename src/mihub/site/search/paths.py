"""From a search expression in FHIRPath to what reads it in one pass over a resource.

Most expressions only walk through elements: they become chains of dictionary look-ups, one for each JSON key a choice
may stand in, each with the FHIR type it leads to. The rest runs in the engine. Both give what the engine gives.
Source: https://hl7.org/fhir/R4/searchparameter.html. Below: `core.fhir.fhirpath`. Above: `catalogue`, `extract`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import Expression, FhirPathError, nodes, r4
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.parser import parse
from mihub.core.fhir.fhirpath.types import TypeInfo

# From the values found so far to those of the next step; what has another shape yields nothing.
Walk = Callable[[list[Any]], list[Any]]
_CONSTRAINED: Final = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way through JSON keys to values of one type. `targets`: the types a reference must lead to; empty: any."""

    text: str
    keys: tuple[str, ...]
    walks: tuple[Walk, ...]
    type: TypeInfo
    targets: frozenset[str] = frozenset()

    @property
    def first(self) -> str:
        """The element of the resource where it begins."""
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class Selection:
    """What one expression selects in one type: by ways, and by evaluation where a way does not say it."""

    ways: tuple[Way, ...]
    evaluated: tuple[Expression, ...]

    @property
    def targets(self) -> frozenset[str]:
        """The types to which its references are limited by `resolve()`; empty when one of them is not."""
        found = [way.targets for way in self.ways]
        return frozenset().union(*found) if found and all(found) and not self.evaluated else frozenset()


def select(expression: str, resource_type: str) -> Selection:
    """The branches of an expression that can hold for a type. Raises `FhirPathError` with the place."""
    kind = r4().type(resource_type)
    if kind is None:
        raise FhirPathError(f"There is no type {resource_type}.")
    ways: dict[str, Way] = {}
    evaluated: list[Expression] = []
    for branch in _branches(expression):
        start = _start(branch)
        # A name such as `code` is a type's and an element's.
        if start is not None and not kind.is_a(start) and not kind.step(start):
            continue
        found = _ways(branch, kind)
        if found is None:
            evaluated.append(fhirpath.compile(fhirpath.render(branch), root=resource_type))
        else:
            ways.update((way.text, way) for way in found)
    return Selection(tuple(ways.values()), tuple(evaluated))


def branches(expression: str, kind: TypeInfo) -> list[tuple[str, tuple[Way, ...]]]:
    """The branches of an expression that begin at a type, each with its ways; none for the type itself.

    Raises `FhirPathError` for a branch that look-ups do not read.
    """
    chosen: list[tuple[str, tuple[Way, ...]]] = []
    for branch in _branches(expression):
        start = _start(branch)
        if start is not None and not kind.is_a(start) and not kind.step(start):
            continue
        found = _ways(branch, kind)
        if found is None:
            raise FhirPathError("A composite is read by look-ups, and this expression needs more than them.")
        chosen.append((" | ".join(way.text for way in found), tuple(way for way in found if way.keys)))
    return chosen


@lru_cache(maxsize=4096)
def _branches(expression: str) -> tuple[Node, ...]:
    # Compiled once as a whole, so that what no branch uses is refused, too.
    fhirpath.compile(expression)
    return tuple(_united(parse(expression)))


def _united(node: Node) -> Iterator[Node]:
    match node:
        case nodes.Binary(operator="|", left=left, right=right):
            yield from _united(left)
            yield from _united(right)
        case _:
            yield node


def _start(node: Node) -> str | None:
    """The type that a path begins with; None when it begins with an element or is no path."""
    match node:
        case nodes.Member(source=None, name=name):
            return name if r4().type(name) is not None else None
        case nodes.Member(source=source) | nodes.Call(source=source) | nodes.Index(source=source) if source:
            return _start(source)
        case nodes.TypeOperation(operand=source) | nodes.Binary(left=source):
            return _start(source)
        case _:
            return None


def _ways(node: Node, root: TypeInfo) -> list[Way] | None:
    match node:
        case nodes.Member(source=None, name=name):
            here = [Way("", (), (), root)]
            return here if root.is_a(name) else _below(here, name)
        case nodes.Member(source=source, name=name) if source is not None:
            return _below(_ways(source, root), name)
        case nodes.TypeOperation(operator="as", operand=source, type=name):
            return _of_type(_ways(source, root), name)
        case nodes.Call(source=source, name="as" | "ofType", arguments=(argument,)) if source is not None:
            return _of_type(_ways(source, root), nodes.type_name(argument))
        case nodes.Call(source=source, name="where", arguments=(criterion,)) if source is not None:
            return _where(_ways(source, root), criterion)
        case nodes.Call(source=source, name="extension", arguments=(nodes.Literal(value=str(url)),)):
            holders = [Way("", (), (), root)] if source is None else _ways(source, root)
            found = _below(holders, "extension")
            return None if found is None else [_filtered(way, "url", url) for way in found]
        case _:
            return None


def _below(found: list[Way] | None, name: str) -> list[Way] | None:
    if found is None:
        return None
    ways: list[Way] = []
    for way in found:
        for step in way.type.step(name):
            if step.type is None or way.targets or way.type.primitive:
                return None
            text = f"{way.text}.{step.key}" if way.text else step.key
            ways.append(
                replace(
                    way, text=text, keys=(*way.keys, step.key), walks=_walked(way, step.key), type=step.type
                )
            )
    return ways


def _walked(way: Way, key: str) -> tuple[Walk, ...]:
    # The first key is where the reader of the resource stands already.
    return (*way.walks, below(key)) if way.keys else ()


def _of_type(found: list[Way] | None, name: nodes.TypeName | None) -> list[Way] | None:
    if found is None or name is None or name.namespace not in ("", "FHIR"):
        return None
    wanted = _CONSTRAINED.get(name.name, name.name)
    kind = r4().type(wanted)
    if kind is None:
        return None
    return [way for way in found if (way.type is kind if kind.primitive else way.type.is_a(wanted))]


def _where(found: list[Way] | None, criterion: Node) -> list[Way] | None:
    if found is None or any(not way.keys for way in found):
        return None
    match criterion:
        case nodes.Binary("=", nodes.Member(source=None, name=name), nodes.Literal(value=str(literal))):
            if any(not _is_text(way.type, name) for way in found):
                return None
            return [_filtered(way, name, literal) for way in found]
        case nodes.TypeOperation("is", nodes.Call(source=None, name="resolve"), name):
            if any(way.targets or way.type.name != "Reference" for way in found) or name.namespace:
                return None
            return [replace(way, targets=frozenset({name.name})) for way in found]
        case _:
            return None


def _is_text(kind: TypeInfo, name: str) -> bool:
    """A single primitive that JSON writes as a text."""
    steps = kind.step(name)
    of = steps[0].type if len(steps) == 1 else None
    return of is not None and (of.is_a("string") or of.is_a("uri"))


def _filtered(way: Way, name: str, literal: str) -> Way:
    return replace(
        way, text=f"{way.text}.where({name}='{literal}')", walks=(*way.walks, _having(name, literal))
    )


def below(key: str) -> Walk:
    """The step to what stands under one key."""

    def walk(found: list[Any]) -> list[Any]:
        inner: list[Any] = []
        for each in found:
            if each.__class__ is dict:
                value = each.get(key)
                if value.__class__ is list:
                    inner += value
                elif value is not None:
                    inner.append(value)
        return inner

    return walk


def _having(name: str, literal: str) -> Walk:
    return lambda found: [each for each in found if each.__class__ is dict and each.get(name) == literal]
