"""Naming what a differential may not say about an element of its base.

Never corrects: a profile that contradicts its base has no snapshot. Source:
https://hl7.org/fhir/R4/profiling.html#limitations (cardinality, types, bindings, values).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.errors import InvalidInput

# Types that stand for any other in a base.
_ANY: Final = frozenset({"Element", "Resource", "*", ""})
# FHIRPath's own types: which FHIR type stands behind them is said by an extension only.
_SYSTEM: Final = "http://hl7.org/fhirpath/System."
IsA = Callable[[str, str], bool]


def check(base: Json, change: Json, where: str, is_a: IsA) -> None:
    """Raises `InvalidInput` for the first thing the base forbids."""
    _cardinality(base, change, where)
    _types(base, change, where, is_a)
    _binding(base, change, where)
    _value(base, change, where)
    _modifier(base, change, where)


def contradicts(what: str, where: str, rule: str) -> InvalidInput:
    """A differential that says what its base forbids."""
    return InvalidInput(
        what,
        where=where,
        rule=rule,
        next_step="Correct the profile, or ask its publisher for a corrected version.",
    )


def _cardinality(base: Json, change: Json, where: str) -> None:
    least, most = change.get("min", base.get("min", 0)), change.get("max", base.get("max", "*"))
    if "min" in change and _number(least) < _number(base.get("min", 0)):
        raise contradicts(
            f"The profile allows {least} where its base asks for {base.get('min')}",
            where,
            "a profile does not lower the minimum",
        )
    if "max" in change and _number(most) > _number(base.get("max", "*")):
        raise contradicts(
            f"The profile allows {most} where its base allows {base.get('max')}",
            where,
            "a profile does not raise the maximum",
        )
    if "min" in change and "max" in change and _number(least) > _number(most):
        raise contradicts(
            f"The profile asks for {least} and allows {most}", where, "the minimum is not above the maximum"
        )


def _number(bound: object) -> float:
    if bound == "*":
        return float("inf")
    try:
        return float(str(bound))
    except ValueError:
        return 0.0


def _types(base: Json, change: Json, where: str, is_a: IsA) -> None:
    allowed = _codes(base.get("type", ()))
    if not allowed or _ANY & allowed or any(code.startswith(_SYSTEM) for code in allowed):
        return
    for code in _codes(change.get("type", ())):
        if code not in allowed and not any(is_a(code, other) for other in allowed):
            raise contradicts(
                f"The profile gives the type {code[:80]}; its base knows {', '.join(sorted(allowed))}",
                where,
                "a profile does not add types",
            )


def _codes(types: Iterable[Any]) -> frozenset[str]:
    return frozenset(str(t.get("code", "")) for t in types if isinstance(t, dict))


def _binding(base: Json, change: Json, where: str) -> None:
    before, after = base.get("binding", {}).get("strength"), change.get("binding", {}).get("strength")
    # Weaker than 'extensible' is bad manners (HL7's own IPS does it), weaker than 'required' makes other data valid.
    if before == "required" and after not in (None, "required"):
        raise contradicts(
            f"The profile binds by '{str(after)[:20]}' what its base binds by 'required'",
            where,
            "a profile does not weaken a required binding",
        )


def _value(base: Json, change: Json, where: str) -> None:
    fixed, pattern = _member(change, "fixed"), _member(change, "pattern")
    if fixed and pattern:
        raise contradicts(
            "The profile gives both a fixed value and a pattern", where, "one of the two at most"
        )
    given = fixed or pattern
    if not given:
        return
    held_fixed, held_pattern = _member(base, "fixed"), _member(base, "pattern")
    if held_fixed and not within(change[given], base[held_fixed]):
        raise contradicts(
            f"The profile gives a {given} that the base's {held_fixed} does not meet",
            where,
            "a fixed value stays as it is",
        )
    meets = within if fixed else _together
    if held_pattern and not meets(base[held_pattern], change[given]):
        raise contradicts(
            f"The profile gives a {given} that does not meet the base's {held_pattern}",
            where,
            "a profile keeps the pattern of its base",
        )


def _member(data: Json, kind: str) -> str:
    return next((k for k in data if k.startswith(kind)), "")


def within(pattern: Any, value: Any) -> bool:
    """Whether a value has everything that a pattern asks for."""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and within(v, value[k]) for k, v in pattern.items())
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(within(p, v) for v in value) for p in pattern)
    return bool(pattern == value)


def _together(one: Any, other: Any) -> bool:
    """Whether one value can meet two patterns; of lists it may have the entries of both."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_together(one[k], other[k]) for k in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list):
        return True
    return bool(one == other)


def _modifier(base: Json, change: Json, where: str) -> None:
    if base.get("isModifier") is True and change.get("isModifier") is False:
        raise contradicts(
            "The profile says that the element modifies nothing; its base says it does",
            where,
            "what modifies the meaning in the base does so in every profile",
        )
