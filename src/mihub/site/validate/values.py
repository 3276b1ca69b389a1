"""Values a profile demands: fixed ones exactly, patterns as a part, and limits.

Each function makes a check `(value, where, run)` for one element definition. Facts name the profile's value, never the
resource's. Source: https://hl7.org/fhir/R4/elementdefinition.html. Above: `profile`, `slicing`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import orjson
import regex

from mihub.core.fhir import Json
from mihub.core.fhir.fhirpath import Date, DateTime, Quantity, Time
from mihub.core.fhir.fhirpath.elements import Element, system
from mihub.core.fhir.fhirpath.types import r4
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check
from mihub.site.validate.tree import Node

_REGEX: Final = "http://hl7.org/fhir/StructureDefinition/regex"
_MIN_LENGTH: Final = "http://hl7.org/fhir/StructureDefinition/minLength"
_REGEX_SECONDS: Final = 0.2


def matches(value: Any, pattern: Any) -> bool:
    """Whether everything the pattern holds is in the value; lists in any order."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            key in value and matches(value[key], wanted) for key, wanted in pattern.items() if key != "id"
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(matches(item, one) for item in value) for one in pattern)
    return same(value, pattern)


def matcher(pattern: Any) -> Callable[[Any], bool]:
    """`matches` for one pattern: codings and concepts, which nearly all patterns are, are asked key by key."""
    if _flat(pattern):
        return _with_texts(tuple(pattern.items()))
    if isinstance(pattern, dict) and list(pattern) == ["coding"] and isinstance(pattern["coding"], list):
        codings = pattern["coding"]
        if len(codings) == 1 and _flat(codings[0]):
            return _with_coding(matcher(codings[0]))
    return lambda value: matches(value, pattern)


def _flat(pattern: Any) -> bool:
    return (
        isinstance(pattern, dict) and bool(pattern) and all(isinstance(one, str) for one in pattern.values())
    )


def _with_texts(wanted: tuple[tuple[str, str], ...]) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if value.__class__ is not dict:
            return False
        for key, one in wanted:  # noqa: SIM110  # a generator costs more than all the comparisons
            if value.get(key) != one:
                return False
        return True

    return fits


def _with_coding(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def concept(value: Any) -> bool:
        codings = value.get("coding") if value.__class__ is dict else None
        if codings.__class__ is list:
            for one in codings:
                if fits(one):
                    return True
        return False

    return concept


def same(value: Any, wanted: Any) -> bool:
    """Equal as JSON: true is not 1, 1.0 is 1."""
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    if isinstance(wanted, dict):
        return (
            isinstance(value, dict)
            and value.keys() - {"id"} == wanted.keys() - {"id"}
            and all(same(value[key], one) for key, one in wanted.items() if key != "id")
        )
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(same(a, b) for a, b in zip(value, wanted, strict=True))
        )
    return bool(value == wanted)


def shown(wanted: Any) -> str:
    """A profile's value as a short text."""
    if isinstance(wanted, str):
        return wanted[:200]
    return orjson.dumps(wanted).decode()[:200]


def fixed(wanted: Any, profile: str) -> Check:
    """The value is exactly this one."""
    facts = {"expected": shown(wanted)}
    if isinstance(wanted, str):

        def text(value: Any, where: Where, run: Run) -> None:
            if value != wanted:
                run.add("fixed-value", where, "error", profile, **facts)

        return text

    def check(value: Any, where: Where, run: Run) -> None:
        if not same(value, wanted):
            run.add("fixed-value", where, "error", profile, **facts)

    return check


def pattern(wanted: Any, profile: str) -> Check:
    """The value holds at least this."""
    facts = {"expected": shown(wanted)}
    fits = matcher(wanted)

    def check(value: Any, where: Where, run: Run) -> None:
        if not fits(value):
            run.add("pattern-value", where, "error", profile, **facts)

    return check


def limits(node: Node, profile: str) -> list[Check]:
    """Length, least and greatest value, and the regular expression of an element definition."""
    definition = node.definition
    checks: list[Check] = []
    longest = definition.get("maxLength")
    if isinstance(longest, int) and longest > 0:
        checks.append(_length(longest, profile))
    for stem, rule, low in (("minValue", "min-value", True), ("maxValue", "max-value", False)):
        found = node.value_of(stem)
        if found is not None:
            checks.append(_bound(found[0], found[1], rule, low, profile))
    for text in patterns_of(definition):
        checks.append(_regex(text, profile))
    return checks


def patterns_of(definition: Json) -> list[str]:
    """The regex extension stands on the element, or, for historical reasons, on its types."""
    rows = [definition, *(row for row in definition.get("type") or () if isinstance(row, dict))]
    return [
        str(extension["valueString"])
        for row in rows
        for extension in row.get("extension") or ()
        if extension.get("url") == _REGEX and isinstance(extension.get("valueString"), str)
    ]


def _length(longest: int, profile: str) -> Check:
    def check(value: Any, where: Where, run: Run) -> None:
        if value.__class__ is str and len(value) > longest:
            run.add("max-length", where, "error", profile, limit=str(longest))

    return check


def _regex(text: str, profile: str) -> Check:
    try:
        compiled = regex.compile(text)
    except regex.error:
        return _not_run(text, profile)

    def check(value: Any, where: Where, run: Run) -> None:
        spelled = value if isinstance(value, str) else orjson.dumps(value).decode()
        try:
            good = compiled.fullmatch(spelled, timeout=_REGEX_SECONDS)
        except TimeoutError:
            run.add("regex-not-run", where, "warning", profile, pattern=text[:200])
            return
        if good is None:
            run.add("pattern-regex", where, "error", profile, pattern=text[:200])

    return check


def _not_run(text: str, profile: str) -> Check:
    def check(_: Any, where: Where, run: Run) -> None:
        run.add("regex-not-run", where, "warning", profile, pattern=text[:200])

    return check


_LOWER: Final = frozenset(
    ["date", "dateTime", "instant", "time", "decimal", "integer", "positiveInt", "unsignedInt", "integer64"]
)


def comparable(value: Any, type_name: str) -> Any:
    """The value as FHIRPath compares it: a number, a moment, a quantity; None when it is none of them."""
    kind = r4().type(type_name)
    if kind is None:
        return None
    found = system(Element(value, kind))
    if isinstance(found, bool) or not isinstance(
        found, int | float | Decimal | Date | DateTime | Time | Quantity
    ):
        return None
    return found


def _bound(type_part: str, limit: Any, rule: str, low: bool, profile: str) -> Check:
    name = type_part[0].lower() + type_part[1:]
    type_name = name if name in _LOWER else type_part
    wanted = comparable(limit, type_name)
    order = _less()

    def check(value: Any, where: Where, run: Run) -> None:
        actual = comparable(value, type_name)
        outside = order(actual, wanted) if low else order(wanted, actual)
        if outside:
            run.add(rule, where, "error", profile, limit=shown(limit))

    return check


def _less() -> Callable[[Any, Any], bool]:
    """Surely less; what cannot be compared is not."""

    def less(a: Any, b: Any) -> bool:
        if a is None or b is None:
            return False
        if isinstance(a, int | float | Decimal) and isinstance(b, int | float | Decimal):
            return Decimal(str(a)) < Decimal(str(b))
        return _moment(a) < _moment(b) if _moment(a) and _moment(b) else _quantity(a, b)

    return less


def _moment(value: Any) -> str:
    """A moment as text that orders in time to the precision both share."""
    return str(value) if isinstance(value, Date | DateTime | Time) else ""


def _quantity(a: Any, b: Any) -> bool:
    return isinstance(a, Quantity) and isinstance(b, Quantity) and a.unit == b.unit and a.value < b.value
