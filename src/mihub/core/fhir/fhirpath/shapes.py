"""Which types an expression can meet, worked out before it runs: finds paths that lead nowhere.

Always refused: a choice written with its type (`valueQuantity`), which never matches. Refused when strict: unknown
elements, a start that is not the input's type, picking by place from what has no order. Source: FHIRPath 2.0.0
§10.1 and FHIR R4 §2.9.1. Neighbours: `types` below, `expression` above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from mihub.core.fhir.fhirpath import nodes
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import FUNCTIONS
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.types import Model, TypeInfo


@dataclass(frozen=True, slots=True)
class Shape:
    """Possible types of the items; None where they are not known or not FHIR's."""

    types: tuple[TypeInfo, ...] | None = None
    ordered: bool = True

    def joined(self, other: Shape) -> Shape:
        """Either of the two."""
        if self.types is None or other.types is None:
            return Shape(None, self.ordered and other.ordered)
        return Shape(tuple(dict.fromkeys(self.types + other.types)), self.ordered and other.ordered)


UNKNOWN: Final = Shape()
_KEEPING: Final = frozenset(
    ["where", "first", "last", "tail", "skip", "take", "single", "distinct", "intersect", "exclude", "trace",
     "sort", "defineVariable"]
)  # fmt: skip
_BY_PLACE: Final = frozenset(["first", "last", "tail", "skip", "take"])
_ABSTRACT: Final = frozenset(["Resource", "DomainResource", "Element", "BackboneElement"])


@dataclass(frozen=True, slots=True)
class Checker:
    """One check of one expression on input of one type."""

    model: Model
    strict: bool
    root: Shape

    def check(self, node: Node, this: Shape) -> Shape:
        """The shape of what the node gives. Raises `FhirPathError` with the place."""
        match node:
            case nodes.Member(source=None, name=name) if self.model.type(name) is not None:
                return self._start(node, this)
            case nodes.Member(source=source):
                return self._child(node, this if source is None else self.check(source, this))
            case nodes.Call():
                return self._call(node, this)
            case nodes.Index(source=source, index=index):
                self.check(index, this)
                return self._by_place(self.check(source, this), node.position)
            case nodes.Binary(operator=operator, left=left, right=right):
                joined = self.check(left, this).joined(self.check(right, this))
                return joined if operator == "|" else UNKNOWN
            case nodes.TypeOperation(operator=operator, operand=operand, type=name):
                self.check(operand, this)
                return self._of(name) if operator == "as" else UNKNOWN
            case nodes.Sign(operand=inner) | nodes.Sorted(key=inner):
                self.check(inner, this)
                return UNKNOWN
            case nodes.Special(name="this"):
                return this
            case nodes.Variable(name="resource" | "rootResource" | "context") if self.strict:
                return self.root
            case _:
                return UNKNOWN

    def _start(self, node: nodes.Member, this: Shape) -> Shape:
        kind = self.model.type(node.name)
        if kind is None:
            return UNKNOWN
        fits = this.types is None or any(
            each.is_a(kind.name) or kind.is_a(each.name) or each.step(node.name) for each in this.types
        )
        if self.strict and not fits:
            raise FhirPathError(
                f"The path starts with {node.name}; the input is of another type.", node.position
            )
        narrower = [each for each in this.types or () if each.is_a(kind.name)]
        return Shape(tuple(narrower) or (kind,), this.ordered)

    def _child(self, node: nodes.Member, source: Shape) -> Shape:
        if source.types is None or any(kind.name in _ABSTRACT for kind in source.types):
            return UNKNOWN
        steps = [step for kind in source.types for step in kind.step(node.name)]
        if not steps and source.types:
            self._refuse(node, source.types)
            return UNKNOWN
        found = [step.type for step in steps]
        known = tuple(dict.fromkeys(kind for kind in found if kind is not None))
        return Shape(known if len(known) and None not in found else None, source.ordered)

    def _refuse(self, node: nodes.Member, kinds: tuple[TypeInfo, ...]) -> None:
        choices = [self.model.choice_of(kind, node.name) for kind in kinds]
        if all(choices):
            raise FhirPathError(
                f"{node.name} is written {choices[0]} in an expression.",
                node.position,
                next_step=f"Write {choices[0]}, with ofType() for one of its types.",
            )
        if self.strict:
            names = " or ".join(kind.name for kind in kinds)
            raise FhirPathError(f"{names} has no element {node.name}.", node.position)

    def _by_place(self, source: Shape, position: int) -> Shape:
        if self.strict and not source.ordered:
            raise FhirPathError("Picking by place needs an order; children() has none.", position)
        return source

    def _of(self, name: nodes.TypeName | None) -> Shape:
        kind = self.model.type(name.name) if name and name.namespace in ("", "FHIR") else None
        return UNKNOWN if kind is None else Shape((kind,))

    def _call(self, node: nodes.Call, this: Shape) -> Shape:
        source = this if node.source is None else self.check(node.source, this)
        if node.name in ("is", "as", "ofType"):
            return UNKNOWN if node.name == "is" else self._of(nodes.type_name(node.arguments[0]))
        if node.name in _BY_PLACE:
            self._by_place(source, node.position)
        function = FUNCTIONS.get(node.name)
        inner = source if node.name == "sort" or (function is not None and function.lazy) else this
        if node.name == "coalesce":
            inner = this
        arguments = [self.check(each, inner) for each in self._checkable(node)]
        return self._result(node.name, source, arguments)

    @staticmethod
    def _checkable(node: nodes.Call) -> tuple[Node, ...]:
        # repeat() and aggregate() meet items of the next round, whose type is not known before.
        return () if node.name in ("repeat", "repeatAll", "aggregate") else node.arguments

    def _result(self, name: str, source: Shape, arguments: list[Shape]) -> Shape:
        if name in _KEEPING:
            return replace(source, ordered=True) if name == "sort" else source
        if name == "select" and arguments:
            return replace(arguments[0], ordered=arguments[0].ordered and source.ordered)
        if name in ("union", "combine") and arguments:
            return source.joined(arguments[0])
        if name == "extension":
            return self._of(nodes.TypeName("FHIR", "Extension"))
        if name in ("children", "descendants"):
            return Shape(None, ordered=False)
        if name == "iif" and len(arguments) == 3:
            return arguments[1].joined(arguments[2])
        return UNKNOWN
