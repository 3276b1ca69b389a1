"""Resources of any R4 type made by chance from R4's own structures: right ones, and right ones broken in one place.

A made resource has what its structure demands and some of what it allows: names, types, numbers, required codes. It
does not know R4's conditions (invariants): those may fail. The same seed makes the same resource. Tests only.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.fhirpath import r4
from mihub.site.validate.packaged import PackagedCodes

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_SYSTEM = "http://hl7.org/fhirpath/System."
SAMPLES: dict[str, tuple[Any, ...]] = {
    "boolean": (True, False), "integer": (0, 7, -3), "unsignedInt": (0, 12), "positiveInt": (1, 2),
    "decimal": (1, 0.5, 72.25), "string": ("Text", "zwei Worte"), "markdown": ("Text", "*zwei* Worte"),
    "code": ("a-code",), "id": ("a1", "x-2.b"), "uri": ("http://example.org/x", "urn:oid:1.2.3.4.5"),
    "url": ("http://example.org/y",), "canonical": ("http://example.org/fhir/z",), "oid": ("urn:oid:1.2.276.0.76.4",),
    "uuid": ("urn:uuid:7b2f4a0e-1111-4a4a-8b8b-0123456789ab",), "date": ("2024", "2024-02", "2024-02-29"),
    "dateTime": ("2024-02-29", "2024-02-29T08:00:00+01:00"), "instant": ("2024-02-29T08:00:00.000Z",),
    "time": ("08:30:00",), "base64Binary": ("aGFsbG8=",),
}  # fmt: skip
# Any type may stand in an extension; these few are enough and end.
_IN_EXTENSIONS = ("string", "boolean", "Coding", "Period", "dateTime", "Identifier")
_DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Text</div>'


@cache
def _codes() -> PackagedCodes:
    return PackagedCodes(core_definitions())


@cache
def resource_types() -> tuple[str, ...]:
    """Every type that can stand alone."""
    names = {
        known.type
        for known in core_definitions().all("StructureDefinition")
        if known.derivation != "constraint"
    }
    return tuple(
        sorted(
            name for name in names if r4().is_resource(name) and name not in ("Resource", "DomainResource")
        )
    )


@cache
def _children(path: str, type_name: str) -> tuple[dict[str, Any], ...]:
    found = core_definitions().structure(_BASE + type_name)
    elements = found.resource["snapshot"]["element"] if found is not None else []
    depth = path.count(".") + 1
    return tuple(e for e in elements if e["path"].startswith(f"{path}.") and e["path"].count(".") == depth)


def make(type_name: str, seed: int, fill: float = 0.25) -> dict[str, Any]:
    """A resource. `fill`: how likely an optional element is there; deeper ones are rarer."""
    return _object(type_name, type_name, random.Random(f"{type_name} {seed}"), fill, 0)


def _object(path: str, type_name: str, chance: random.Random, fill: float, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": type_name} if r4().is_resource(path) else {}
    for element in _children(path, type_name):
        wanted = element["min"] > 0 or chance.random() < fill * 0.5**depth
        if element["max"] != "0" and wanted:
            _put(made, element, type_name, chance, fill, depth)
    if not made.keys() - {"id"}:
        # No object is empty, and an id alone is nothing (ele-1).
        made.update(_least(path, type_name, chance, fill, depth))
    return made


def _least(path: str, type_name: str, chance: random.Random, fill: float, depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for element in _children(path, type_name):
        if (
            "extension" not in element["path"].lower()
            and not element["path"].endswith(".id")
            and len(made) < 1
        ):
            _put(made, element, type_name, chance, fill, depth + 1)
    return made


def _put(
    made: dict[str, Any],
    element: dict[str, Any],
    type_name: str,
    chance: random.Random,
    fill: float,
    depth: int,
) -> None:
    stem = element["path"].rpartition(".")[2]
    rare = stem in ("extension", "modifierExtension", "contained", "implicitRules") and element["min"] == 0
    if rare and (stem != "extension" or chance.random() < 0.9):
        return
    code = _type_of(element, type_name, chance)
    many = element["base"]["max"] != "1"
    if stem == "id" and element["base"]["path"] != "Resource.id":
        # Unique in a resource: no two elements of a made one have an id.
        return
    key = stem.removesuffix("[x]") + code[0].upper() + code[1:] if stem.endswith("[x]") else stem
    count = chance.choice((1, 1, 2)) if many else 1
    values = [
        _value(element, code, type_name, chance, fill, depth + 1) for _ in range(max(count, element["min"]))
    ]
    made[key] = values if many else values[0]


def _type_of(element: dict[str, Any], type_name: str, chance: random.Random) -> str:
    codes = [row["code"] for row in element.get("type", ())] or [""]
    if type_name == "Extension" and len(codes) > 10:
        codes = list(_IN_EXTENSIONS)
    code: str = chance.choice(codes)
    if code.startswith(_SYSTEM):
        # R4 says `string` of a resource's id and means `id`.
        return "id" if element["base"]["path"] == "Resource.id" else "string"
    return code


def _value(
    element: dict[str, Any], code: str, type_name: str, chance: random.Random, fill: float, depth: int
) -> Any:
    if not code:
        target = element["contentReference"].rpartition("#")[2]
        return _object(target, target.partition(".")[0], chance, fill, depth + 2)
    if code == "xhtml":
        return _DIV
    if code in SAMPLES:
        return _coded(element, chance) or chance.choice(SAMPLES[code])
    if code == "Resource":
        return {"resourceType": "Basic", "id": "b1", "code": {"text": "x"}}
    if code in ("BackboneElement", "Element"):
        return _object(element["path"], type_name, chance, fill, depth)
    if code == "Reference":
        return _reference(element, chance)
    if code == "Extension":
        return {"url": "http://example.org/fhir/x", "valueString": "Text"}
    return _with_code(element, _object(code, code, chance, fill, depth), code, chance)


def _coded(element: dict[str, Any], chance: random.Random) -> str | None:
    found = _required(element)
    return chance.choice(found)[1] if found else None


def _required(element: dict[str, Any]) -> list[tuple[str, str]]:
    binding = element.get("binding") or {}
    if binding.get("strength") != "required":
        return []
    return sorted(_codes().codes_of(binding.get("valueSet", "")) or ())


def _with_code(
    element: dict[str, Any], value: dict[str, Any], code: str, chance: random.Random
) -> dict[str, Any]:
    found = _required(element)
    if found and code in ("CodeableConcept", "Coding"):
        system, one = chance.choice(found)
        coding = {"system": system, "code": one}
        return {"coding": [coding]} if code == "CodeableConcept" else coding
    return value


def _reference(element: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    rows = [row for row in element["type"] if row["code"] == "Reference"]
    targets = [t for row in rows for t in row.get("targetProfile", ())]
    name = chance.choice(targets).rpartition("/")[2] if targets else "Patient"
    name = "Patient" if name in ("Resource", "") else name
    return {"reference": f"{name}/1"}


def places(resource: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Every (holder, key) of a resource, outermost first."""
    rest: list[Any] = [resource]
    while rest:
        node = rest.pop(0)
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            yield node, key
            if isinstance(node[key], dict | list):
                rest.append(node[key])


BREAKS = (
    "null",
    "text",
    "number",
    "list",
    "object",
    "empty",
    "drop",
    "unknown",
    "twin",
    "deep",
    "shadow",
    "type",
)


def broken(resource: dict[str, Any], seed: int) -> tuple[str, dict[str, Any]]:
    """A copy with one place damaged in a way chosen by chance; which way, and the copy."""
    chance = random.Random(f"{seed} {resource.get('resourceType')}")
    copy = deepcopy(resource)
    holder, key = chance.choice(list(places(copy)))
    how = chance.choice(BREAKS)
    if how == "drop":
        del holder[key]
    elif how in ("unknown", "shadow"):
        target = holder if isinstance(holder, dict) else copy
        target["nobodyKnowsThis" if how == "unknown" else f"_{key}"] = chance.choice(
            ({"id": "x"}, "x", [None], 1)
        )
    elif how == "twin" and isinstance(holder[key], list):
        holder[key] += deepcopy(holder[key])
    else:
        holder[key] = _DAMAGE[how]() if how in _DAMAGE else "x"
    return how, copy


def _tower() -> dict[str, Any]:
    inner: dict[str, Any] = {"a": 1}
    for _ in range(60):
        inner = {"extension": [inner]}
    return inner


_DAMAGE: dict[str, Callable[[], Any]] = {
    "null": lambda: None, "text": lambda: "Text <b>", "number": lambda: -1.5, "list": lambda: [[]], "object": lambda: {"x": 1},
    "empty": dict, "deep": _tower, "type": lambda: {"resourceType": "Patient"},
}  # fmt: skip
