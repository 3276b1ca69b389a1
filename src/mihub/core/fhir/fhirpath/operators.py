"""The operators on collections: three-valued logic, arithmetic, texts, membership.

Each takes two collections and gives one; empty spreads as the specification says. A collection of several items
where one is needed raises. Source: FHIRPath 2.0.0 §4.5, §6. Above: `compiler`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, DecimalException
from typing import Final

from mihub.core.fhir.fhirpath import comparison, moving, quantity
from mihub.core.fhir.fhirpath.comparison import as_quantity, type_label
from mihub.core.fhir.fhirpath.elements import Element, Item, Items, system
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.quantity import Quantity
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time

Operator = Callable[[Items, Items], Items]
# Beyond 64 bits a whole number is no result: products of products would fill the memory.
MAX_INTEGER: Final = 2**63 - 1
# The same for the exponent of a decimal that becomes a whole number.
MAX_INTEGER_DIGITS: Final = 19
TRUE: Final[Items] = [True]
FALSE: Final[Items] = [False]


def answer(value: bool | None) -> Items:
    """A Boolean collection; empty for unknown."""
    return [] if value is None else [value]


def single(items: Items) -> Item:
    """The System value of the only item. Raises for several; call it on non-empty collections."""
    if len(items) != 1:
        raise FhirPathError(f"One item is needed here; there are {len(items)}.")
    return system(items[0])


def truth(items: Items) -> bool | None:
    """Singleton evaluation: empty is unknown, a Boolean itself, any other single item true."""
    if not items:
        return None
    value = single(items)
    return value if isinstance(value, bool) else True


def logical_and(left: bool | None, right: bool | None) -> bool | None:
    """False decides."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def logical_or(left: bool | None, right: bool | None) -> bool | None:
    """True decides."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def logical_xor(left: bool | None, right: bool | None) -> bool | None:
    """Unknown when a side is."""
    return None if left is None or right is None else left is not right


def logical_implies(left: bool | None, right: bool | None) -> bool | None:
    """Not left, or right."""
    return logical_or(None if left is None else not left, right)


def _logic(decide: Callable[[bool | None, bool | None], bool | None]) -> Operator:
    return lambda left, right: answer(decide(truth(left), truth(right)))


def _ordered(accept: Callable[[int], bool]) -> Operator:
    def operate(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        order = comparison.compare(single(left), single(right))
        return [] if order is None else [accept(order)]

    return operate


def _equality(wanted: bool) -> Operator:
    def operate(left: Items, right: Items) -> Items:
        same = comparison.equal_collections(left, right)
        return [] if same is None else [same is wanted]

    return operate


def _computed(compute: Callable[[Item, Item], Item | None]) -> Operator:
    def operate(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        one, other = single(left), single(right)
        if isinstance(one, Element) or isinstance(other, Element):
            return _valueless(one, other)
        try:
            result = compute(one, other)
        except DecimalException:
            return []
        return [] if result is None else [result]

    return operate


def _valueless(one: Item, other: Item) -> Items:
    for side in (one, other):
        if isinstance(side, Element) and not side.type.primitive:
            raise _unfit("computes with", one, other)
    return []


def in_range(value: int | Decimal) -> int | Decimal | None:
    """The number; None for a whole number that has no place in 64 bits."""
    return value if not isinstance(value, int) or -MAX_INTEGER - 1 <= value <= MAX_INTEGER else None


def whole(value: Decimal) -> int | None:
    """The whole number towards zero; None beyond 64 bits."""
    if value.adjusted() > MAX_INTEGER_DIGITS:
        return None
    number = in_range(int(value))
    return int(number) if number is not None else None


def _number(value: Item) -> int | Decimal | None:
    return value if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def _unfit(operator: str, one: Item, other: Item) -> FhirPathError:
    return FhirPathError(f"No operator {operator!r} for {type_label(one)} and {type_label(other)}.")


def _added(one: Item, other: Item, sign: int, operator: str) -> Item | None:
    left, right = _number(one), _number(other)
    if left is not None and right is not None:
        return in_range(left + right if sign > 0 else left - right)
    if isinstance(one, Date | DateTime | Time) and isinstance(other, Quantity):
        return moving.moved(one, other, sign)
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        return quantity.added(one, other, sign)
    raise _unfit(operator, one, other)


def _plus(one: Item, other: Item) -> Item | None:
    if isinstance(one, str) and isinstance(other, str):
        return one + other
    return _added(one, other, 1, "+")


def _minus(one: Item, other: Item) -> Item | None:
    return _added(one, other, -1, "-")


def _times(one: Item, other: Item) -> Item | None:
    left, right = _number(one), _number(other)
    if left is not None and right is not None:
        return in_range(left * right)
    return _combined(one, other, 1, "*")


def _divided(one: Item, other: Item) -> Item | None:
    left, right = _number(one), _number(other)
    if left is not None and right is not None:
        return None if right == 0 else Decimal(left) / Decimal(right)
    return _combined(one, other, -1, "/")


def _combined(one: Item, other: Item, power: int, operator: str) -> Item | None:
    first, second = as_quantity(one), as_quantity(other)
    if first is None or second is None:
        raise _unfit(operator, one, other)
    return quantity.combined(first, second, power)


def _whole(one: Item, other: Item) -> Item | None:
    left, right = _number(one), _number(other)
    if left is None or right is None:
        raise _unfit("div", one, other)
    return None if right == 0 else whole(Decimal(left) / Decimal(right))


def _remainder(one: Item, other: Item) -> Item | None:
    left, right = _number(one), _number(other)
    if left is None or right is None:
        raise _unfit("mod", one, other)
    if right == 0:
        return None
    rest = Decimal(left) % Decimal(right)
    return rest if isinstance(left, Decimal) or isinstance(right, Decimal) else int(rest)


def concatenate(left: Items, right: Items) -> Items:
    """`&`: texts joined, empty counts as an empty text."""
    texts = [single(side) if side else "" for side in (left, right)]
    if not all(isinstance(text, str) for text in texts):
        raise _unfit("&", *texts)
    return ["".join(str(text) for text in texts)]


def is_in(left: Items, right: Items) -> Items:
    """`in`: whether the only item of the left side is among the right side."""
    if not left:
        return []
    single(left)
    return [comparison.contains(right, left[0])]


OPERATORS: Final[dict[str, Operator]] = {
    "and": _logic(logical_and),
    "or": _logic(logical_or),
    "xor": _logic(logical_xor),
    "implies": _logic(logical_implies),
    "=": _equality(True),
    "!=": _equality(False),
    "~": lambda left, right: [comparison.equivalent_collections(left, right)],
    "!~": lambda left, right: [not comparison.equivalent_collections(left, right)],
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
    "in": is_in,
    "contains": lambda left, right: is_in(right, left),
    "+": _computed(_plus),
    "-": _computed(_minus),
    "*": _computed(_times),
    "/": _computed(_divided),
    "div": _computed(_whole),
    "mod": _computed(_remainder),
    "&": concatenate,
}


def negative(items: Items) -> Items:
    """A leading minus."""
    if not items:
        return []
    value = single(items)
    number = _number(value)
    if number is not None:
        return [-number]
    if isinstance(value, Quantity):
        return [Quantity(-value.value, value.unit, value.calendar)]
    raise FhirPathError(f"{type_label(value)} has no negative.")


def positive(items: Items) -> Items:
    """A leading plus: the number itself."""
    negative(items)
    return items
