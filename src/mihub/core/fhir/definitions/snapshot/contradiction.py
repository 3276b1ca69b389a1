"""Naming what a differential may not say about an element of its base.

Never corrects: a profile that contradicts its base has no snapshot. Source:
https://hl7.org/fhir/R4/profiling.html#limitations (cardinality, types, bindings, values).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.errors import InvalidInput

_STRENGTHS: Final = ("example", "preferred", "extensible", "required")
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
    if before in _STRENGTHS and after in _STRENGTHS and _STRENGTHS.index(after) < _STRENGTHS.index(before):
        raise contradicts(
            f"The profile binds by '{after}' what its base binds by '{before}'",
            where,
            "a profile does not weaken a binding",
        )


def _value(base: Json, change: Json, where: str) -> None:
    fixed = next((k for k in change if k.startswith("fixed")), "")
    pattern = next((k for k in change if k.startswith("pattern")), "")
    if fixed and pattern:
        raise contradicts(
            "The profile gives both a fixed value and a pattern", where, "one of the two at most"
        )
    held = next((k for k in base if k.startswith("fixed")), "")
    if held and fixed == held and change[fixed] != base[held]:
        raise contradicts(
            "The profile fixes another value than its base", where, "a fixed value stays as it is"
        )


def _modifier(base: Json, change: Json, where: str) -> None:
    if base.get("isModifier") is True and change.get("isModifier") is False:
        raise contradicts(
            "The profile says that the element modifies nothing; its base says it does",
            where,
            "what modifies the meaning in the base does so in every profile",
        )
