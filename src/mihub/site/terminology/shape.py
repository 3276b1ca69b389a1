"""Is a terminology resource built as FHIR builds it? Asked once of everything that came from elsewhere, before code relies on it.

Looks only at the elements this room reads: lists are lists, objects are objects, texts are texts; and how deep it goes.
Above: `shelf`, `sources`. Below: nothing of ours but errors.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.errors import InvalidInput

_OBJECTS: Final = frozenset(
    [
        "concept",
        "designation",
        "include",
        "exclude",
        "filter",
        "contains",
        "parameter",
        "group",
        "element",
        "extension",
        "contained",
        "part",
    ]
)
_OBJECT: Final = frozenset(["compose", "expansion", "use", "unmapped", "valueCoding", "_op"])
_TEXTS: Final = frozenset(
    [
        "url",
        "version",
        "code",
        "display",
        "definition",
        "system",
        "language",
        "status",
        "content",
        "supplements",
        "name",
        "title",
        "op",
        "equivalence",
        "relationship",
        "mode",
        "id",
        "valueString",
        "valueCode",
        "valueUri",
        "valueCanonical",
        "uri",
        "resourceType",
        "hierarchyMeaning",
    ]
)
_DEEPEST: Final = 200


def check(resource: Resource) -> Resource:
    """The resource as it is. Raises `InvalidInput` with the first element that is built differently."""
    stack: list[tuple[Any, str, int]] = [(resource, str(resource.get("resourceType", "")), 0)]
    while stack:
        value, path, depth = stack.pop()
        if depth > _DEEPEST:
            raise _wrong(path, f"no deeper than {_DEEPEST} levels")
        for name, inner in value.items():
            stack.extend((one, f"{path}.{name}", depth + 1) for one in _inside(name, inner, path))
    return resource


def _inside(name: str, value: Any, path: str) -> list[Any]:
    """The objects below one element that must be looked at too."""
    at = f"{path}.{name}"
    if name in _TEXTS and not isinstance(value, str):
        raise _wrong(at, "a text")
    if name in _OBJECT:
        if not isinstance(value, dict):
            raise _wrong(at, "an object")
        return [value]
    if name in _OBJECTS or (name in ("property", "target") and _has_objects(name, path)):
        return _objects(value, at)
    if name == "valueSet" and path.endswith(("include", "exclude")):
        _addresses(value, at)
    return []


def _has_objects(name: str, path: str) -> bool:
    """`filter.property` and `compose.property` are codes, `group.target` is an address; elsewhere these are objects."""
    return path.endswith(".element") if name == "target" else not path.endswith((".filter", ".compose"))


def _addresses(value: Any, path: str) -> None:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(path, "a list of addresses")


def _objects(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise _wrong(path, "a list of objects")
    return value


def _wrong(path: str, rule: str) -> InvalidInput:
    return InvalidInput(
        "A terminology resource is not built as FHIR builds it.",
        where=path[-200:],
        rule=rule,
        next_step="Correct it and try again.",
    )
