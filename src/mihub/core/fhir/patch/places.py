"""Where in the JSON a FHIRPath points: the object that holds the value, its key, its index.

FHIRPath Patch allows paths that only walk and choose: members, `[i]`, `where`, `first`, `last`, `extension`, `ofType` and the
like. What they choose by is evaluated by the one FHIRPath engine. Above: `fhirpath_patch`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.fhirpath import FhirPathError, Model, compile, render  # noqa: A004  # FHIRPath's own word
from mihub.core.fhir.fhirpath.elements import Element, resource_type
from mihub.core.fhir.fhirpath.nodes import Call, Index, Literal, Member, Node, TypeOperation, type_name
from mihub.core.fhir.fhirpath.parser import parse
from mihub.core.fhir.fhirpath.types import TypeInfo

_PICKS: Final[dict[str, Callable[[list[Place]], list[Place]]]] = {
    "first": lambda found: found[:1],
    "last": lambda found: found[-1:],
    "tail": lambda found: found[1:],
    "single": lambda found: found,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A value: `holder[key]`, or `holder[key][index]`. The resource itself stands at key "" of a holder of its own."""

    holder: Json
    key: str
    index: int | None
    type: TypeInfo

    @property
    def value(self) -> Any:
        """What stands there."""
        found = self.holder[self.key]
        return found if self.index is None else found[self.index]


def located(path: str, resource: Json, model: Model) -> list[Place]:
    """Every place the path names, in order. Raises `FhirPathError` for a path that does more than walk and choose."""
    root = Place({"": resource}, "", None, resource_type(resource, model))
    return _places(parse(path), root, model)


def _places(node: Node | None, root: Place, model: Model) -> list[Place]:
    match node:
        case None:
            return [root]
        case Member(source=None, name=name) if root.type.is_a(name):
            return [root]
        case Member(source=source, name=name):
            return [one for holder in _places(source, root, model) for one in members(holder, name)]
        case Index(source=source, index=Literal(value=int(at))):
            return _places(source, root, model)[at : at + 1] if at >= 0 else []
        case Call(source=source, name=name, arguments=()) if name in _PICKS:
            return _PICKS[name](_places(source, root, model))
        case Call(source=source, name="where", arguments=(criteria,)):
            return [one for one in _places(source, root, model) if _holds(criteria, one, model)]
        case Call(source=source, name="extension", arguments=(Literal(value=str(url)),)):
            holders = _places(source, root, model)
            return [
                one
                for holder in holders
                for one in members(holder, "extension")
                if one.value.get("url") == url
            ]
        case Call(source=source, name="ofType" | "as", arguments=(kind,)):
            return _of_type(_places(source, root, model), kind)
        case TypeOperation(operator="as", operand=operand, type=name):
            return [one for one in _places(operand, root, model) if one.type.is_a(name.name)]
        case _:
            raise FhirPathError(
                "A patch's path walks and chooses; this part of it computes.",
                getattr(node, "position", 0),
                next_step="Use members, [i], where(), first(), last(), extension() and ofType() only.",
            )


def members(place: Place, name: str) -> list[Place]:
    """The children of that name at one place."""
    value = place.value
    found: list[Place] = []
    for step in place.type.step(name):
        if not isinstance(value, dict) or step.key not in value:
            continue
        held = value[step.key]
        many = isinstance(held, list)
        for index, one in enumerate(held if many else [held]):
            kind = step.type or resource_type(one, place.type.model)
            found.append(Place(value, step.key, index if many else None, kind))
    return found


def _of_type(places: list[Place], node: Node) -> list[Place]:
    wanted = type_name(node)
    return [one for one in places if wanted is not None and one.type.is_a(wanted.name)]


def _holds(criteria: Node, place: Place, model: Model) -> bool:
    return compile(render(criteria), model).test(Element(place.value, place.type)) is True
