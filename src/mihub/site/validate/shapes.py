"""Checks of one JSON key: is there one value or a list as there must be, of the right JSON type, nothing empty?

Each function returns a closure `(value, object, where, run)` made for exactly one element; the good case is decided in
its first lines. Source: https://hl7.org/fhir/R4/json.html. Above: `base`. Below: `primitives`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mihub.core.fhir import Json
from mihub.site.validate.primitives import Primitive, faults_of
from mihub.site.validate.run import Run, Where

# A check of one object or primitive value at a place.
Check = Callable[[Any, Where, Run], None]
# A check of one key of an object.
KeyCheck = Callable[[Any, Json, Where, Run], None]


def chained(checks: Sequence[Check]) -> Check:
    """One check that runs them all."""
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks

        def both(value: Any, where: Where, run: Run) -> None:
            first(value, where, run)
            second(value, where, run)

        return both
    rest = tuple(checks)

    def every(value: Any, where: Where, run: Run) -> None:
        for check in rest:
            check(value, where, run)

    return every


def _wrong_shape(value: Any, where: Where, run: Run) -> None:
    """An object was wanted."""
    if value is None:
        run.add("json-null", where)
    elif value.__class__ is list:
        run.add("json-single", where)
    else:
        run.add("json-object", where)


def one_object(label: str, check: Check) -> KeyCheck:
    """An element that stands once and has parts."""

    def one(value: Any, _: Json, where: Where, run: Run) -> None:
        if value.__class__ is dict:
            check(value, (where, label, -1), run)
        else:
            _wrong_shape(value, (where, label, -1), run)

    return one


def many_objects(label: str, check: Check) -> KeyCheck:
    """A list of elements that have parts."""

    def many(value: Any, _: Json, where: Where, run: Run) -> None:
        if value.__class__ is not list:
            run.add("json-null" if value is None else "json-array", (where, label, -1))
            return
        if not value:
            run.add("json-empty", (where, label, -1))
        for index, item in enumerate(value):
            if item.__class__ is dict:
                check(item, (where, label, index), run)
            else:
                _wrong_shape(item, (where, label, index), run)

    return many


def told(primitive: Primitive, value: Any, where: Where, run: Run) -> bool:
    """Note what is wrong with a primitive value; whether it was a value at all."""
    if value is None:
        run.add("json-null", where)
    elif value.__class__ is list:
        run.add("json-single", where)
    elif value.__class__ is dict:
        run.add("type-json", where, type=primitive.name, json="value")
    else:
        for severity, rule, facts in faults_of(primitive, value):
            run.add(rule, where, severity, **facts)
        return value.__class__ is primitive.json and value != ""
    return False


def one_value(
    label: str, primitive: Primitive, allowed: frozenset[str] | None, more: Sequence[Check]
) -> KeyCheck:
    """A primitive that stands once. `allowed`: surely good values; `more` runs on every value that may be read."""
    further = chained(more) if more else None

    def slow(value: Any, where: Where, run: Run) -> None:
        place = (where, label, -1)
        if told(primitive, value, place, run) and further is not None:
            further(value, place, run)

    if allowed is not None:
        return _listed(allowed, slow)
    if primitive.json is float:
        return _number(label, further, slow)
    return _good(label, primitive, further, slow)


def _listed(allowed: frozenset[str], slow: Check) -> KeyCheck:
    def listed(value: Any, _: Json, where: Where, run: Run) -> None:
        if value.__class__ is not str or value not in allowed:
            slow(value, where, run)

    return listed


def _number(label: str, further: Check | None, slow: Check) -> KeyCheck:
    def number(value: Any, _: Json, where: Where, run: Run) -> None:
        if value.__class__ is not float and value.__class__ is not int:
            slow(value, where, run)
        elif further is not None:
            further(value, (where, label, -1), run)

    return number


def _good(label: str, primitive: Primitive, further: Check | None, slow: Check) -> KeyCheck:
    kind, good = primitive.json, primitive.good
    if further is None:

        def plain(value: Any, _: Json, where: Where, run: Run) -> None:
            if value.__class__ is not kind or not good(value):
                slow(value, where, run)

        return plain
    again = further

    def checked(value: Any, _: Json, where: Where, run: Run) -> None:
        if value.__class__ is kind and good(value):
            again(value, (where, label, -1), run)
        else:
            slow(value, where, run)

    return checked


def many_values(
    label: str,
    shadow: str,
    primitive: Primitive,
    allowed: frozenset[str] | None,
    more: Sequence[Check],
) -> KeyCheck:
    """A list of primitives; a null is right only where the shadow list has an object."""
    kind, good = primitive.json, primitive.good
    further = chained(more) if more else None

    def slow(item: Any, where: Where, index: int, source: Json, run: Run) -> None:
        place = (where, label, index)
        if item is None:
            beside = source.get(shadow)
            if beside.__class__ is not list or index >= len(beside) or beside[index] is None:
                run.add("json-null", place)
        elif told(primitive, item, place, run) and further is not None:
            further(item, place, run)

    def many(value: Any, source: Json, where: Where, run: Run) -> None:
        if value.__class__ is not list:
            run.add("json-null" if value is None else "json-array", (where, label, -1))
            return
        if not value:
            run.add("json-empty", (where, label, -1))
        for index, item in enumerate(value):
            fine = item.__class__ is kind and (
                item in allowed if allowed is not None and kind is str else good(item)
            )
            if not fine:
                slow(item, where, index, source, run)
            elif further is not None and allowed is None:
                further(item, (where, label, index), run)

    return many


def one_shadow(label: str, key: str, extra: Check, needs_code: bool) -> KeyCheck:
    """`_name` of a primitive that stands once: id and extensions. `needs_code`: it is bound, so extensions are not enough."""

    def shadow(value: Any, source: Json, where: Where, run: Run) -> None:
        place = (where, label, -1)
        if value.__class__ is not dict:
            run.add("json-null" if value is None else "json-shadow", place)
            return
        _shadow_of(value, key in source, place, extra, needs_code, run)

    return shadow


def many_shadows(label: str, key: str, extra: Check, needs_code: bool) -> KeyCheck:
    """`_name` of a list of primitives: as long as the list, with null where an item has neither id nor extensions."""

    def shadows(value: Any, source: Json, where: Where, run: Run) -> None:
        if value.__class__ is not list or not value:
            run.add("json-empty" if value == [] else "json-shadow", (where, label, -1))
            return
        values = source.get(key)
        count = len(values) if values.__class__ is list else 0
        if count and count != len(value):
            run.add("json-alignment", (where, label, -1))
        for index, item in enumerate(value):
            place = (where, label, index)
            has_value = index < count and values is not None and values[index] is not None
            if item.__class__ is dict:
                _shadow_of(item, has_value, place, extra, needs_code, run)
            elif item is not None:
                run.add("json-shadow", place)
            elif not has_value and not count:
                run.add("json-null", place)

    return shadows


def _shadow_of(value: Json, has_value: bool, place: Where, extra: Check, needs_code: bool, run: Run) -> None:
    if not value:
        run.add("json-empty", place)
    elif not has_value and "extension" not in value:
        run.add("text-empty", place)
    if not has_value and needs_code and "extension" in value:
        run.add("binding-no-code", place)
    extra(value, place, run)
