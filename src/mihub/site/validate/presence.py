"""Most invariants ask only whether elements are there: this part of an expression is decided on the JSON at once.

`quick(tree)` gives a function from a JSON object to True, False, or None for "only FHIRPath can tell" (unknown and empty
alike, which is also how FHIRPath's own logic treats empty). Never says True or False where FHIRPath would not: a
generated test holds it to that. Below: `core.fhir.fhirpath` trees. Above: `invariants`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mihub.core.fhir.fhirpath.nodes import Binary, Call, Literal, Member, Node, Special
from mihub.core.fhir.fhirpath.types import TypeInfo

# JSON object -> yes, no, or nobody knows yet.
Quick = Callable[[dict[str, Any]], bool | None]


def quick(tree: Node, kind: TypeInfo | None) -> Quick | None:
    """The fast part of an expression on elements of a type; None when there is no such part."""
    if kind is None or kind.primitive:
        return None
    return _truth(tree, kind)


def _truth(node: Node, kind: TypeInfo) -> Quick | None:
    if isinstance(node, Binary):
        if node.operator in ("and", "or", "implies", "xor"):
            return _logic(node, kind)
        if node.operator == "=":
            return _equal(node, kind)
        return None
    if isinstance(node, Call):
        return _call(node, kind)
    return None


def _unknown(_: dict[str, Any]) -> bool | None:
    return None


def _logic(node: Binary, kind: TypeInfo) -> Quick | None:
    left, right = _truth(node.left, kind), _truth(node.right, kind)
    if left is None and right is None:
        return None
    one, two = left or _unknown, right or _unknown
    if node.operator == "xor":

        def xor(value: dict[str, Any]) -> bool | None:
            a, b = one(value), two(value)
            return None if a is None or b is None else a is not b

        return xor
    if node.operator == "and":

        def conjunction(value: dict[str, Any]) -> bool | None:
            a = one(value)
            if a is False:
                return False
            b = two(value)
            return False if b is False else (True if a and b else None)

        return conjunction
    negated = node.operator == "implies"

    def disjunction(value: dict[str, Any]) -> bool | None:
        a = one(value)
        if a is not None and a is not negated:
            return True
        b = two(value)
        if b:
            return True
        return False if a is not None and b is False else None

    return disjunction


def _keys(name: str, kind: TypeInfo) -> tuple[str, ...]:
    return tuple(key for step in kind.step(name) for key in (step.key, step.shadow))


def _head(node: Node | None, kind: TypeInfo) -> tuple[tuple[str, ...], bool] | None:
    """The JSON keys a path begins with, and whether the path is no longer than that."""
    if isinstance(node, Member):
        if node.source is None or (isinstance(node.source, Special) and node.source.name == "this"):
            keys = _keys(node.name, kind)
            return (keys, True) if keys else None
        found = _head(node.source, kind)
        return (found[0], False) if found else None
    if isinstance(node, Call) and node.source is not None and node.name in _NARROWING:
        found = _head(node.source, kind)
        return (found[0], False) if found else None
    return None


# Functions that give nothing when they are given nothing.
_NARROWING = frozenset(
    [
        "where",
        "first",
        "last",
        "skip",
        "take",
        "ofType",
        "select",
        "extension",
        "tail",
        "distinct",
        "resolve",
        "children",
    ]
)


def _call(node: Call, kind: TypeInfo) -> Quick | None:
    if node.name == "not" and node.source is not None:
        inner = _truth(node.source, kind)
        if inner is None:
            return None
        known = inner

        def negation(value: dict[str, Any]) -> bool | None:
            a = known(value)
            return None if a is None else not a

        return negation
    if node.name not in ("exists", "empty", "all", "hasValue") or (node.arguments and node.name == "empty"):
        return None
    head = _head(node.source, kind)
    if head is None:
        return None
    keys, whole = head
    return _presence(
        keys, node.name in ("empty", "all"), whole and not node.arguments and node.name != "hasValue"
    )


def _presence(keys: tuple[str, ...], when_absent: bool, exact: bool) -> Quick:
    """`exact`: an element with content surely exists; else only absence is sure."""
    wanted = frozenset(keys)

    def there(value: dict[str, Any]) -> bool | None:
        if wanted.isdisjoint(value):
            return when_absent
        if not exact:
            return None
        # Null, empty and misshaped values are left to FHIRPath.
        for key in keys:
            found = value.get(key)
            if found.__class__ in _SCALARS and key[:1] != "_":
                return not when_absent
            if found and found.__class__ is dict and key[:1] != "_":
                return not when_absent
            if found.__class__ is list and found and found[0] is not None and key[:1] != "_":
                return not when_absent
        return None

    return there


_SCALARS = frozenset({str, int, float, bool})


def _equal(node: Binary, kind: TypeInfo) -> Quick | None:
    """`status = 'final'` where the element is one text."""
    left, right = node.left, node.right
    if not (isinstance(left, Member) and left.source is None and isinstance(right, Literal)):
        return None
    steps = kind.step(left.name)
    if len(steps) != 1 or not isinstance(right.value, str) or not _is_text(steps[0].type):
        return None
    key, wanted = steps[0].key, right.value

    def same(value: dict[str, Any]) -> bool | None:
        found = value.get(key)
        return found == wanted if found.__class__ is str else None

    return same


def _is_text(kind: TypeInfo | None) -> bool:
    return kind is not None and kind.name in ("code", "string", "uri", "canonical", "id")
