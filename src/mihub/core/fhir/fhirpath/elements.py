"""What flows through an expression: FHIR elements with their type, and System values.

A System value is a plain Python value (bool, int, Decimal, str) or Date, DateTime, Time, Quantity, TypeValue.
Turns elements into System values where an operator needs one. Neighbours: `types` below, `compiler` above.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.temporal import READERS
from mihub.core.fhir.fhirpath.types import Model, Step, TypeInfo

# An item is an Element or a System value; operators narrow it before they compute.
Item = object
Items = list[Item]

UCUM: Final = "http://unitsofmeasure.org"


class Element:
    """A FHIR element or resource: its JSON value, its type, and what a primitive's `_name` sibling holds."""

    __slots__ = ("extra", "type", "value")

    def __init__(self, value: Any, kind: TypeInfo, extra: dict[str, Any] | None = None) -> None:
        self.value = value
        self.type = kind
        self.extra = extra

    def __repr__(self) -> str:
        return f"Element({self.type.name})"


@dataclass(frozen=True, slots=True)
class TypeValue:
    """What `type()` gives: a namespace and a name."""

    namespace: str
    name: str


def root(resource: Any, model: Model, kind: TypeInfo | None = None) -> Element:
    """A resource, or an element of a named type, as the start of an evaluation."""
    return Element(resource, kind or resource_type(resource, model))


def resource_type(value: Any, model: Model) -> TypeInfo:
    """The type a resource claims; one that R4 does not know is a Resource."""
    name = value.get("resourceType") if isinstance(value, dict) else None
    found = model.type(name) if isinstance(name, str) else None
    return found or model.resource


def children(element: Element, steps: tuple[Step, ...], found: Items) -> None:
    """Append the children that stand in these keys."""
    source = element.extra if element.type.primitive else element.value
    if source.__class__ is not dict:
        return
    for step in steps:
        value = source.get(step.key)
        shadow = source.get(step.shadow)
        if value is None and shadow is None:
            continue
        kind = step.type
        if kind is None:
            _add_resources(value, element.type.model, found)
        elif value.__class__ is list and shadow is None:
            found.extend([Element(each, kind) for each in value if each is not None])
        elif value.__class__ is not list and shadow.__class__ is not list:
            found.append(Element(value, kind, shadow))
        else:
            _add_pairs(value, shadow, kind, found)


def all_children(element: Element, found: Items) -> None:
    """Append every child, in the order of the specification."""
    for name in element.type.elements:
        children(element, element.type.step(name.removesuffix("[x]")), found)


def _add_resources(value: Any, model: Model, found: Items) -> None:
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, dict):
            found.append(Element(each, resource_type(each, model)))


def _add_pairs(value: Any, shadow: Any, kind: TypeInfo, found: Items) -> None:
    values = value if isinstance(value, list) else []
    shadows = shadow if isinstance(shadow, list) else []
    for i in range(max(len(values), len(shadows))):
        one = values[i] if i < len(values) else None
        extra = shadows[i] if i < len(shadows) else None
        if one is not None or extra is not None:
            found.append(Element(one, kind, extra))


def system(item: Item) -> Item:
    """The System value of a primitive element or a FHIR Quantity; anything else as it is.

    A primitive without a value (extensions only) stays an element, so that no operator takes it for a value.
    """
    if not isinstance(item, Element):
        return item
    kind, value = item.type, item.value
    if kind.primitive:
        return item if value is None else _primitive(kind.name, value)
    if kind is kind.model.untyped:
        return item if isinstance(value, dict | list) else _primitive("", value)
    if kind.name == "Quantity" or kind.is_a("Quantity"):
        return _quantity(value) or item
    return item


def _primitive(name: str, value: Any) -> Item:
    if value.__class__ is float:
        return Decimal(repr(value))
    if name in READERS and isinstance(value, str):
        # A text that is no date stays a text: validation names it, an expression does not fail on it.
        return READERS[name](value) or value
    if name == "decimal" and value.__class__ is int:
        return Decimal(value)
    found: Item = value
    return found


def _quantity(value: Any) -> Quantity | None:
    if not isinstance(value, dict) or value.get("comparator") is not None:
        return None
    number = value.get("value")
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
        return None
    exact = Decimal(repr(number)) if isinstance(number, float) else Decimal(number)
    code, text, foreign = (_text(value.get(key)) for key in ("code", "unit", "system"))
    if code and foreign and foreign != UCUM:
        # A code of another system is comparable with itself only.
        return Quantity(exact, f"{foreign}|{code}")
    return Quantity(exact, code or text or "1")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def plain(item: Item) -> Item:
    """The JSON value of an element, or the System value itself: what a caller gets."""
    return item.value if isinstance(item, Element) else item
