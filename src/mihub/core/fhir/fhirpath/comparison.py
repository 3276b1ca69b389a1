"""Equality, equivalence and order of items and of collections.

Equality and order answer None where the specification says "empty"; equivalence always answers. Source:
FHIRPath 2.0.0 §6.1, §6.2. Above: `operators`, `functions`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from mihub.core.fhir.fhirpath import quantity, temporal
from mihub.core.fhir.fhirpath.elements import Element, Item, Items, TypeValue, children, system
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time

_TEMPORAL = (Date, DateTime)


def equal(left: Item, right: Item) -> bool | None:
    """Item equality; None when precision or unit leave it open."""
    one, other = system(left), system(right)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return one == other
    if isinstance(one, _TEMPORAL) and isinstance(other, _TEMPORAL):
        return _same(temporal.order(one, other))
    if isinstance(one, Time) and isinstance(other, Time):
        return _same(temporal.order(one, other))
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        return _equal_quantities(as_quantity(one), as_quantity(other))
    if isinstance(one, Element) and isinstance(other, Element):
        return _equal_json(_content(one), _content(other))
    return type(one) is type(other) and one == other


def equal_collections(left: Items, right: Items) -> bool | None:
    """Same items in the same order; None when a side is empty or an item leaves it open."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    open_pair = False
    for one, other in zip(left, right, strict=True):
        same = equal(one, other)
        if same is False:
            return False
        open_pair = open_pair or same is None
    return None if open_pair else True


def equivalent(left: Item, right: Item) -> bool:
    """Item equivalence: case and spaces of texts, least precision of decimals, open dates count as different."""
    one, other = system(left), system(right)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, str) and isinstance(other, str):
        return normal_text(one) == normal_text(other)
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return _equivalent_numbers(Decimal(one), Decimal(other))
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        return _equivalent_quantities(as_quantity(one), as_quantity(other))
    if isinstance(one, Element) and isinstance(other, Element):
        return _equivalent_elements(one, other)
    return equal(one, other) is True


def equivalent_collections(left: Items, right: Items) -> bool:
    """Same items in any order; two empty collections are equivalent."""
    if len(left) != len(right):
        return False
    rest = list(right)
    for one in left:
        for i, other in enumerate(rest):
            if equivalent(one, other):
                del rest[i]
                break
        else:
            return False
    return True


def compare(left: Item, right: Item) -> int | None:
    """-1, 0, 1 or None. Raises `FhirPathError` for types that have no order between them."""
    one, other = system(left), system(right)
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    if isinstance(one, bool) or isinstance(other, bool):
        raise _unordered(one, other)
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return (one > other) - (one < other)
    if isinstance(one, _TEMPORAL) and isinstance(other, _TEMPORAL):
        return temporal.order(one, other)
    if isinstance(one, Time) and isinstance(other, Time):
        return temporal.order(one, other)
    if isinstance(one, Quantity) or isinstance(other, Quantity):
        first, second = as_quantity(one), as_quantity(other)
        if first is not None and second is not None:
            return _compare_quantities(first, second)
    if any(isinstance(side, Element) and _valueless(side) for side in (one, other)):
        return None
    raise _unordered(one, other)


def contains(items: Items, item: Item) -> bool:
    """Whether an equal item is among them."""
    return any(equal(each, item) is True for each in items)


def distinct(items: Items, spend: Callable[[int], None] | None = None) -> Items:
    """Every item once, in the order of its first appearance; `spend` hears of every comparison."""
    found: Items = []
    simple: set[tuple[type, Any]] = set()
    for item in items:
        value = system(item)
        if isinstance(value, str):
            if (str, value) not in simple:
                simple.add((str, value))
                found.append(item)
        else:
            if spend is not None:
                spend(len(found))
            if not contains(found, item):
                found.append(item)
    return found


def as_quantity(value: Item) -> Quantity | None:
    """A number or a quantity as a quantity; None for anything else."""
    if isinstance(value, Quantity):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Quantity(Decimal(value))
    return None


def normal_text(text: str) -> str:
    """Letter case and every run of white space levelled."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def type_label(item: Item) -> str:
    """The type of an item for an error message."""
    if isinstance(item, Element):
        return item.type.label
    if isinstance(item, TypeValue):
        return "type"
    names = {"bool": "Boolean", "int": "Integer", "str": "String"}
    return names.get(type(item).__name__, type(item).__name__)


def decimals(value: Decimal) -> int:
    """Digits after the point that count: trailing zeros do not."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _same(order: int | None) -> bool | None:
    return None if order is None else order == 0


def _valueless(element: Element) -> bool:
    """A primitive without a value, or a Quantity that is only a bound (`<5 mg`)."""
    return element.value is None if element.type.primitive else element.type.is_a("Quantity")


def _unordered(one: Item, other: Item) -> FhirPathError:
    return FhirPathError(f"{type_label(one)} and {type_label(other)} have no order between them.")


def _mixed_calendar(left: Quantity, right: Quantity) -> bool:
    """A calendar year or month against a definite duration of any length."""
    kinds = {_is_long_calendar(left), _is_long_calendar(right)}
    return kinds == {True, False} and quantity.comparable(left.definite, right.definite)


def _is_long_calendar(value: Quantity) -> bool:
    return value.calendar and value.unit in ("year", "month")


def _equal_quantities(left: Quantity | None, right: Quantity | None) -> bool | None:
    if left is None or right is None:
        return False
    if not quantity.comparable(left, right):
        return None
    return _same(_compare_quantities(left, right))


def _compare_quantities(left: Quantity, right: Quantity) -> int | None:
    if left.unit == right.unit and left.calendar == right.calendar:
        return (left.value > right.value) - (left.value < right.value)
    if not quantity.comparable(left, right):
        return None
    one, other = quantity.in_base_units(left), quantity.in_base_units(right)
    return None if one is None or other is None else (one > other) - (one < other)


def _equivalent_quantities(left: Quantity | None, right: Quantity | None) -> bool:
    if left is None or right is None:
        return False
    if _mixed_calendar(left, right):
        left, right = left.definite, right.definite
    if not quantity.comparable(left, right):
        return False
    # Both in the larger unit, so that the answer does not depend on the side.
    larger = left if left.meaning.factor >= right.meaning.factor else right
    one, other = (quantity.in_unit_of(side, larger) for side in (left, right))
    return one is not None and other is not None and _equivalent_numbers(one, other)


def _equivalent_numbers(one: Decimal, other: Decimal) -> bool:
    places = min(decimals(one), decimals(other))
    return round_decimal(one, places) == round_decimal(other, places)


def round_decimal(value: Decimal, places: int) -> Decimal:
    """Half away from zero, as people round; a value with fewer places stays."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent >= -places:
        return value
    with localcontext() as context:
        # Room for every digit before the point, however long the number.
        context.prec = max(context.prec, value.adjusted() + places + 3)
        return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


def _content(element: Element) -> Any:
    return element.value if not element.type.primitive else (element.value, element.extra)


def _equal_json(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal_json(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_equal_json, left, right))
    return bool(left == right)


def _equivalent_elements(one: Element, other: Element) -> bool:
    left, right = _grouped(one), _grouped(other)
    if left is None or right is None:
        return _equal_json(_content(one), _content(other))
    return left.keys() == right.keys() and all(
        equivalent_collections(left[name], right[name]) for name in left
    )


def _grouped(element: Element) -> dict[str, Items] | None:
    """Children by name, without `id`, which equivalence does not look at; None when there are none."""
    if element.type.primitive or not isinstance(element.value, dict):
        return None
    found: dict[str, Items] = {}
    for name in element.type.elements:
        if name == "id":
            continue
        here: Items = []
        children(element, element.type.step(name.removesuffix("[x]")), here)
        if here:
            found[name] = here
    return found
