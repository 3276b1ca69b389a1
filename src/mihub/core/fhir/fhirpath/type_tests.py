"""`is`, `as` and `ofType`: does an item have the type a name stands for.

A name without a namespace means FHIR's type or System's, whichever the item has. `is` accepts derived types; `as`
and `ofType` accept derived resources and complex types, but a `code` is not taken for a `string`. Source: FHIRPath
2.0.0 §6.3; the official suite for the last rule. Above: `compiler`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mihub.core.fhir.fhirpath.elements import Element, Item, Items
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.surroundings import type_of
from mihub.core.fhir.fhirpath.nodes import TypeName
from mihub.core.fhir.fhirpath.types import SYSTEM_TYPES, Model

Change = Callable[[Items], Items]
_Accept = Callable[[Item], bool]
# Constraints on Quantity that R4 uses as type names.
_CONSTRAINED: Final = {"SimpleQuantity": "Quantity", "MoneyQuantity": "Quantity"}


def type_test(model: Model, name: TypeName, position: int) -> Change:
    """`is`: whether the only item has the type; empty for empty."""
    accepts = _accepts(model, name, position, derived_primitives=True)

    def run(items: Items) -> Items:
        return [accepts(_only(items, "is"))] if items else []

    return run


def cast(model: Model, name: TypeName, position: int) -> Change:
    """`as`: the only item if it has the type, else empty."""
    accepts = _accepts(model, name, position, derived_primitives=False)

    def run(items: Items) -> Items:
        return items if items and accepts(_only(items, "as")) else []

    return run


def of_type(model: Model, name: TypeName, position: int) -> Change:
    """`ofType`: the items that have the type."""
    accepts = _accepts(model, name, position, derived_primitives=False)
    return lambda items: [item for item in items if accepts(item)]


def _only(items: Items, operator: str) -> Item:
    if len(items) > 1:
        raise FhirPathError(
            f"{operator} needs one item; there are {len(items)}.", next_step="Use ofType() for several."
        )
    return items[0]


def _accepts(model: Model, name: TypeName, position: int, *, derived_primitives: bool) -> _Accept:
    wanted = _CONSTRAINED.get(name.name, name.name)
    kind = model.type(wanted) if name.namespace in ("", "FHIR") else None
    in_system = name.namespace in ("", "System") and wanted in SYSTEM_TYPES
    if kind is None and not in_system and name.namespace != "System":
        raise FhirPathError(f"There is no type {name}.", position)

    def accepts(item: Item) -> bool:
        if not isinstance(item, Element):
            return in_system and wanted in ("Any", type_of(item).name)
        if kind is None:
            return in_system and wanted == "Any"
        if kind.primitive and not derived_primitives:
            return item.type is kind
        return item.type.is_a(wanted)

    return accepts
