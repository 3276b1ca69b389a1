"""The answers' two forms: R5's expansion elements as R4 carries them (extensions), and back.

Source: https://hl7.org/fhir/versions.html#extensions (cross-version extensions). Above: `terminology`, the suite's runner.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir import Json, Resource

_PROPERTY: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.property"
_CONTAINS_PROPERTY: Final = (
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property"
)


def as_r4(value_set: Resource) -> Resource:
    """An expanded value set with `expansion.property` and `contains.property` as extensions; changes what it is given."""
    expansion = value_set.get("expansion")
    if not isinstance(expansion, dict):
        return value_set
    _move_out(expansion, _PROPERTY)
    stack = list(expansion.get("contains") or [])
    while stack:
        one = stack.pop()
        _move_out(one, _CONTAINS_PROPERTY)
        stack.extend(one.get("contains") or [])
    return value_set


def as_r5(resource: Resource) -> Resource:
    """The other way round, for who compares with R5; changes what it is given."""
    expansion = resource.get("expansion")
    if not isinstance(expansion, dict):
        return resource
    _move_in(expansion, _PROPERTY)
    stack = list(expansion.get("contains") or [])
    while stack:
        one = stack.pop()
        _move_in(one, _CONTAINS_PROPERTY)
        stack.extend(one.get("contains") or [])
    return resource


def _move_out(element: Json, url: str) -> None:
    properties = element.pop("property", None)
    for one in properties or []:
        parts = [_part(name, value) for name, value in one.items()]
        element.setdefault("extension", []).append({"url": url, "extension": parts})


def _part(name: str, value: Any) -> Json:
    if name.startswith("value"):
        return {"url": "value", name: value}
    return {"url": name, "valueUri" if name == "uri" else "valueCode": value}


def _move_in(element: Json, url: str) -> None:
    extensions = element.get("extension") or []
    found = [one for one in extensions if one.get("url") == url]
    if not found:
        return
    element["property"] = [_property(one.get("extension") or []) for one in found]
    left = [one for one in extensions if one.get("url") != url]
    if left:
        element["extension"] = left
    else:
        del element["extension"]


def _property(parts: list[Json]) -> Json:
    one: Json = {}
    for part in parts:
        name = part["url"]
        for key, value in part.items():
            if key.startswith("value"):
                one[key if name == "value" else name] = value
    return one
