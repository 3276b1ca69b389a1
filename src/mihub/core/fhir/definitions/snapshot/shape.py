"""Whether an element is shaped as an ElementDefinition, in what the generation reads of it.

Only the JSON types are looked at; whether a value makes sense is said elsewhere. Source:
https://hl7.org/fhir/R4/elementdefinition.html. Above: `tree`.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir import Json
from mihub.errors import InvalidInput

_TEXT, _NUMBER, _TRUTH, _OBJECT = "a text", "a whole number", "true or false", "an object"
_TEXTS, _OBJECTS = "a list of texts", "a list of objects"
_SHAPES: Final = {
    **dict.fromkeys(
        ("path", "id", "sliceName", "max", "contentReference", "short", "definition", "comment"), _TEXT
    ),
    **dict.fromkeys(("requirements", "meaningWhenMissing"), _TEXT),
    **dict.fromkeys(("min", "maxLength"), _NUMBER),
    **dict.fromkeys(("mustSupport", "isModifier", "isSummary", "sliceIsConstraining"), _TRUTH),
    **dict.fromkeys(("base", "binding", "slicing"), _OBJECT),
    **dict.fromkeys(("alias", "condition"), _TEXTS),
    **dict.fromkeys(("type", "constraint", "example", "mapping", "extension"), _OBJECTS),
}
_TYPE_SHAPES: Final = {
    "code": _TEXT,
    "profile": _TEXTS,
    "targetProfile": _TEXTS,
    "aggregation": _TEXTS,
    "extension": _OBJECTS,
}
_CONSTRAINT_SHAPES: Final = {
    "key": _TEXT,
    "severity": _TEXT,
    "expression": _TEXT,
    "human": _TEXT,
    "source": _TEXT,
}
_BINDING_SHAPES: Final = {"strength": _TEXT, "valueSet": _TEXT}
_SLICING_SHAPES: Final = {"discriminator": _OBJECTS, "rules": _TEXT, "ordered": _TRUTH}
_WRONG_MAX: Final = "a whole number or *"


def check_shape(element: Json, where: str) -> None:
    """Raises `InvalidInput` for the first member of another JSON type than FHIR gives it."""
    _members(element, _SHAPES, element, where)
    for kind in element.get("type", ()):
        _members(kind, _TYPE_SHAPES, element, where)
    for constraint in element.get("constraint", ()):
        _members(constraint, _CONSTRAINT_SHAPES, element, where)
        if "key" not in constraint:
            raise _misshapen(element, "constraint.key", _TEXT, where)
    _members(element.get("binding", {}), _BINDING_SHAPES, element, where)
    _members(element.get("slicing", {}), _SLICING_SHAPES, element, where)
    most = element.get("max", "*")
    if most != "*" and not (most.isascii() and most.isdigit() and len(most) < 10):
        raise _misshapen(element, "max", _WRONG_MAX, where)


def _members(value: Json, shapes: dict[str, str], element: Json, where: str) -> None:
    for key, member in value.items():
        shape = shapes.get(key)
        if shape is not None and not _fits(member, shape):
            raise _misshapen(element, key, shape, where)


def _fits(value: Any, shape: str) -> bool:
    if shape is _TEXT:
        return isinstance(value, str)
    if shape is _NUMBER:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if shape is _TRUTH:
        return isinstance(value, bool)
    if shape is _OBJECT:
        return isinstance(value, dict)
    kind = str if shape is _TEXTS else dict
    # A primitive that carries only an extension stands as null in its list.
    return isinstance(value, list) and all(isinstance(v, kind) or (v is None and kind is str) for v in value)


def _misshapen(element: Json, key: str, shape: str, where: str) -> InvalidInput:
    place = element.get("id") or element.get("path") or "an element without path"
    return InvalidInput(
        f"{key} is not {shape}",
        where=f"{where} {str(place)[:200]}",
        rule="ElementDefinition as FHIR R4 gives it",
        next_step="Correct the element, or ask the publisher of the profile.",
    )
