"""One element of a differential over one element of the base: what it says replaces, adds or is refused.

Refused is what a constraint must not do: widen. Never changes what it was given. Below: `walk`. Source:
https://hl7.org/fhir/R4/profiling.html#limitations, https://hl7.org/fhir/R4/elementdefinition.html#interpretation.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.snapshot.contradiction import check

# Lists that grow; everything else a differential says replaces what the base said.
_GROWING: Final = ("alias", "condition", "example", "mapping")
# Texts that may begin with "..." and are then added to the base's.
_TEXTS: Final = ("definition", "comment", "requirements", "short", "meaningWhenMissing")
# What can carry a code (https://hl7.org/fhir/R4/terminologies.html#binding), with the extension that holds one of them.
_CODED: Final = frozenset(
    [
        "code",
        "Coding",
        "CodeableConcept",
        "Quantity",
        "string",
        "uri",
        "Extension",
        "Age",
        "Count",
        "Distance",
        "Duration",
        "Money",
    ]
)
# Primitives without a length in characters; what is no primitive has none, either.
_WITHOUT_LENGTH: Final = frozenset(["boolean", "integer", "decimal", "unsignedInt", "positiveInt"])
_KEPT_FROM_BASE: Final = frozenset({"base"})


def merge(base: Json, change: Json, source: str, where: str, is_a: Any) -> Json:
    """The element that both together describe. Raises `InvalidInput` where the change widens the base."""
    check(base, change, where, is_a)
    merged = dict(base)
    for key, value in change.items():
        if key in _KEPT_FROM_BASE and key in base:
            continue
        if key == "constraint":
            value = merge_constraints(base.get(key, []), value, source)
        elif key in _GROWING and isinstance(value, list):
            value = [*base.get(key, []), *(x for x in value if x not in base.get(key, []))]
        elif key in ("binding", "slicing") and isinstance(value, dict):
            value = {**base.get(key, {}), **value}
        elif key in _TEXTS and isinstance(value, str) and value.startswith("..."):
            value = f"{base.get(key, '')}\n{value[3:]}".strip()
        merged[key] = value
    if "type" in change:
        _drop_unfit(merged, change)
    return merged


def _drop_unfit(merged: Json, change: Json) -> None:
    """What the base says of a choice of types is no word about a type that cannot have it."""
    codes = {t.get("code") for t in merged.get("type", ())}
    if "binding" not in change and not codes & _CODED:
        merged.pop("binding", None)
    if "maxLength" not in change and not any(_has_length(str(code)) for code in codes):
        merged.pop("maxLength", None)


def _has_length(code: str) -> bool:
    return not code[:1].isupper() and code not in _WITHOUT_LENGTH


def merge_constraints(base: list[Json], added: list[Json], source: str) -> list[Json]:
    """The base's constraints and the new ones; the same key replaces. A new one names the profile it comes from."""
    by_key = {c.get("key"): c for c in base}
    for constraint in added:
        known = by_key.get(constraint.get("key"), {})
        origin = {"source": constraint.get("source") or known.get("source") or source} if source else {}
        by_key[constraint.get("key")] = {**constraint, **origin}
    return list(by_key.values())


def sliced(base: Json) -> Json:
    """What a new slice starts from: the element it is cut from, free to be absent."""
    return {
        **{k: v for k, v in base.items() if k not in ("slicing", "sliceName", "sliceIsConstraining")},
        "min": 0,
    }
