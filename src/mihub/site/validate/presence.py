"""Most invariants ask whether elements are there and what codes they hold: decided on the JSON at once, without FHIRPath.

`quick(tree)` gives a function from a JSON object to True, False, or None for "ask FHIRPath". Never says True or False where
FHIRPath would not: generated tests hold it to that on every condition of R4. Extensions of primitives, misshaped values and
everything else it does not know make it unsure. Below: `quick_paths`. Above: `invariants`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mihub.core.fhir.fhirpath.nodes import Binary, Call, Literal, Node
from mihub.core.fhir.fhirpath.types import TypeInfo
from mihub.site.validate.quick_paths import UNSURE, Truth, Value, collected, texts_only

# JSON object -> yes, no, or nobody knows yet.
Quick = Callable[[dict[str, Any]], bool | None]
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}


def quick(tree: Node, kind: TypeInfo | None) -> Quick | None:
    """The fast part of an expression on elements of a type; None when there is no such part."""
    if kind is None or kind.primitive or kind is kind.model.untyped:
        return None
    test = truth(tree, kind)
    if test is None:
        return None
    known = test

    def answer(value: dict[str, Any]) -> bool | None:
        found = known(value)
        return found if found is True or found is False else None

    return answer


def truth(node: Node, kind: TypeInfo) -> Truth | None:
    """A condition as a function of one object: True, False, None (empty) or UNSURE. None: no part of it is known."""
    if isinstance(node, Binary):
        if node.operator in ("and", "or", "implies", "xor"):
            return _logic(node, kind)
        if node.operator in ("=", "!="):
            return _equal(node, kind)
        return _ordered(node, kind) if node.operator in _ORDER else None
    return _call(node, kind) if isinstance(node, Call) else None


def _unsure(_: Value) -> Any:
    return UNSURE


def _logic(node: Binary, kind: TypeInfo) -> Truth | None:
    left, right = truth(node.left, kind), truth(node.right, kind)
    if left is None and right is None:
        return None
    return _LOGIC[node.operator](left or _unsure, right or _unsure)


def _and(one: Truth, two: Truth) -> Truth:
    def test(value: Value) -> Any:
        a = one(value)
        if a is False:
            return False
        b = two(value)
        if b is False or a is True:
            return b
        return UNSURE if a is UNSURE or b is UNSURE else None

    return test


def _or(one: Truth, two: Truth) -> Truth:
    def test(value: Value) -> Any:
        a = one(value)
        if a is True:
            return True
        b = two(value)
        if b is True or a is False:
            return b
        return UNSURE if a is UNSURE or b is UNSURE else None

    return test


def _implies(one: Truth, two: Truth) -> Truth:
    def test(value: Value) -> Any:
        a = one(value)
        if a is False:
            return True
        b = two(value)
        if b is True or a is True:
            return b
        return UNSURE if a is UNSURE or b is UNSURE else None

    return test


def _xor(one: Truth, two: Truth) -> Truth:
    def test(value: Value) -> Any:
        a, b = one(value), two(value)
        if a is UNSURE or b is UNSURE:
            return UNSURE
        return None if a is None or b is None else a is not b

    return test


_LOGIC: Final[dict[str, Callable[[Truth, Truth], Truth]]] = {
    "and": _and, "or": _or, "implies": _implies, "xor": _xor,
}  # fmt: skip


def _call(node: Call, kind: TypeInfo) -> Truth | None:
    if node.name == "not" and not node.arguments and node.source is not None:
        return _not(node.source, kind)
    if node.name not in ("exists", "empty", "all", "hasValue"):
        return None
    found = collected(node.source, kind, truth) if node.source is not None else None
    if found is None:
        return None
    collect, item_kind = found
    if node.name == "hasValue":
        return _has_value(collect)
    if not node.arguments:
        return _there(collect, node.name == "exists") if node.name != "all" else None
    if node.name == "empty" or len(node.arguments) != 1:
        return None
    criterion = truth(node.arguments[0], item_kind) if item_kind is not None else None
    if node.name == "exists":
        return _some(collect, criterion)
    return _all(collect, criterion, item_kind is not None and item_kind.primitive)


def _not(node: Node, kind: TypeInfo) -> Truth | None:
    inner = truth(node, kind)
    if inner is None:
        return None
    known = inner

    def test(value: Value) -> Any:
        a = known(value)
        return (not a) if a is True or a is False else a

    return test


def _there(collect: Callable[[Value], Any], wanted: bool) -> Truth:
    def test(value: Value) -> Any:
        found = collect(value)
        return UNSURE if found is UNSURE else bool(found) is wanted

    return test


def _has_value(collect: Callable[[Value], Any]) -> Truth:
    def test(value: Value) -> Any:
        found = collect(value)
        if found is UNSURE:
            return UNSURE
        if len(found) != 1:
            return False
        return True if found[0].__class__ in _SCALARS else UNSURE

    return test


_SCALARS: Final[frozenset[type]] = frozenset({str, int, float, bool})
_OBJECT: Final[frozenset[type]] = frozenset({dict})


def _some(collect: Callable[[Value], Any], criterion: Truth | None) -> Truth:
    def test(value: Value) -> Any:
        found = collect(value)
        if found is UNSURE or not found:
            return UNSURE if found is UNSURE else False
        if criterion is None:
            return UNSURE
        answers = [criterion(one) if one.__class__ is dict else UNSURE for one in found]
        return True if True in answers else (UNSURE if UNSURE in answers else False)

    return test


def _all(collect: Callable[[Value], Any], criterion: Truth | None, primitive: bool) -> Truth:
    def test(value: Value) -> Any:
        found = collect(value)
        if found is UNSURE or not found:
            return UNSURE if found is UNSURE else True
        if criterion is None:
            return UNSURE
        kinds = _SCALARS if primitive else _OBJECT
        answers = [criterion(one) if one.__class__ in kinds else UNSURE for one in found]
        return True if all(one is True for one in answers) else UNSURE

    return test


def _equal(node: Binary, kind: TypeInfo) -> Truth | None:
    """`status = 'final'`, where the element is a text."""
    found = collected(node.left, kind, truth)
    if found is None or not isinstance(node.right, Literal) or not isinstance(node.right.value, str):
        return None
    collect, item_kind = found
    if not texts_only(item_kind):
        return None
    wanted, same = node.right.value, node.operator == "="

    def test(value: Value) -> Any:
        items = collect(value)
        if items is UNSURE or not items:
            return UNSURE if items is UNSURE else None
        if len(items) > 1:
            return not same
        return (items[0] == wanted) is same if items[0].__class__ is str else UNSURE

    return test


def _ordered(node: Binary, kind: TypeInfo) -> Truth | None:
    """Numbers: counts, literals, decimal and integer elements."""
    left, right = _number(node.left, kind), _number(node.right, kind)
    if left is None or right is None:
        return None
    one, two, order = left, right, _ORDER[node.operator]

    def test(value: Value) -> Any:
        a, b = one(value), two(value)
        if a is UNSURE or b is UNSURE:
            return UNSURE
        return None if a is None or b is None else order(a, b)

    return test


def _number(node: Node, kind: TypeInfo) -> Callable[[Value], Any] | None:
    if isinstance(node, Literal) and node.value.__class__ is int:
        literal = node.value
        return lambda value: literal
    if isinstance(node, Binary) and node.operator == "+":
        left, right = _number(node.left, kind), _number(node.right, kind)
        return _sum(left, right) if left is not None and right is not None else None
    if isinstance(node, Call) and node.name == "count" and node.source is not None and not node.arguments:
        found = collected(node.source, kind, truth)
        return _count(found[0]) if found is not None else None
    found = collected(node, kind, truth)
    if found is None or found[1] is None or found[1].name not in _NUMBERS:
        return None
    return _single(found[0])


_NUMBERS: Final = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})


def _sum(one: Callable[[Value], Any], two: Callable[[Value], Any]) -> Callable[[Value], Any]:
    def add(value: Value) -> Any:
        a, b = one(value), two(value)
        if a is UNSURE or b is UNSURE:
            return UNSURE
        return None if a is None or b is None else a + b

    return add


def _count(collect: Callable[[Value], Any]) -> Callable[[Value], Any]:
    def count(value: Value) -> Any:
        found = collect(value)
        return UNSURE if found is UNSURE else len(found)

    return count


def _single(collect: Callable[[Value], Any]) -> Callable[[Value], Any]:
    def single(value: Value) -> Any:
        found = collect(value)
        if found is UNSURE or not found:
            return UNSURE if found is UNSURE else None
        return found[0] if len(found) == 1 and found[0].__class__ in (int, float) else UNSURE

    return single
