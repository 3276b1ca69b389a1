"""The closures at the ends of the tree: constants, variables, `$this` and steps to children.

Neighbours: `elements` below, `compiler` above.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir.fhirpath.elements import Element, Item, Items, TypeValue, children
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.nodes import Variable
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.scope import CONSTANTS, Run, Scope

_VALUE_SETS: Final = "http://hl7.org/fhir/ValueSet/"
_EXTENSIONS: Final = "http://hl7.org/fhir/StructureDefinition/"


def constant(items: Items) -> Run:
    """Always the same items."""
    return lambda scope: items


def special(name: str) -> Run:
    """`$this`, `$index` or `$total`."""
    if name == "this":
        return lambda scope: scope.this
    if name == "index":
        return lambda scope: [scope.index]
    return lambda scope: scope.total


def variable(node: Variable) -> Run:
    """`%name`; value sets and extensions by their short names."""
    name = node.name
    fallback: Items | None = CONSTANTS.get(name)
    if name.startswith("vs-"):
        fallback = [_VALUE_SETS + name[3:]]
    elif name.startswith("ext-"):
        fallback = [_EXTENSIONS + name[4:]]

    def run(scope: Scope) -> Items:
        found = scope.variables.get(name, fallback)
        if found is None:
            raise FhirPathError(f"The variable %{name} is not given.", node.position)
        return found

    return run


def start(name: str) -> Run:
    """A type name at the beginning of a path stands for the item of that type itself."""

    def run(scope: Scope) -> Items:
        found: Items = []
        for item in scope.this:
            if isinstance(item, Element):
                if item.type.is_a(name):
                    found.append(item)
                else:
                    children(item, item.type.step(name), found)
        return found

    return run


def child(source: Run, name: str) -> Run:
    """The children of that name."""

    def run(scope: Scope) -> Items:
        found: Items = []
        for item in source(scope):
            if item.__class__ is Element:
                children(item, item.type.step(name), found)
            else:
                _part(item, name, found)
        return found

    return run


def _part(item: Item, name: str, found: Items) -> None:
    """The parts of System values that have parts."""
    match item:
        case TypeValue(namespace=namespace, name=own):
            parts: dict[str, Item] = {"namespace": namespace, "name": own}
        case Quantity(value=value, unit=unit):
            parts = {"value": value, "unit": unit}
        case _:
            return
    if name in parts:
        found.append(parts[name])
