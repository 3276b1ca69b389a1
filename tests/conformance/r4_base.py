"""Holds a resource against the base definitions of FHIR R4: known elements, counts, lists, codes, primitive forms.

A checker for tests of what we write ourselves; invariants and slices are not evaluated (`obds_snapshot` does slices).
Source: https://hl7.org/fhir/R4/json.html, `hl7.fhir.r4.core`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.conformance.obds_snapshot import Definitions, Json

_BASE = "http://hl7.org/fhir/StructureDefinition/"
_REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "positiveInt": (int,),
    "unsignedInt": (int,),
    "decimal": (int, float),
}


class Base:
    """Checks against the definition of the resource's own type."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._children: dict[str, dict[str, list[Json]]] = {}

    def problems(self, resource: Json) -> list[str]:
        """What R4 forbids, as sentences with the element's path."""
        kind = str(resource["resourceType"])
        body = {name: value for name, value in resource.items() if name != "resourceType"}
        return list(self._object(body, kind, kind, kind))

    def _object(self, value: Json, kind: str, element_id: str, path: str) -> Iterator[str]:
        if not value:
            yield f"{path}: an empty object"
        known: set[str] = set()
        for child in self._of(kind).get(element_id, []):
            names = _names(child)
            known |= set(names)
            yield from self._child(value, kind, child, names, path)
        for name in value:
            if name.removeprefix("_") not in known:
                yield f"{path}.{name}: no such element"

    def _child(self, value: Json, kind: str, child: Json, names: dict[str, str], path: str) -> Iterator[str]:
        present = [name for name in names if name in value]
        here = f"{path}.{child['path'].rpartition('.')[2]}"
        if len(present) > 1:
            yield f"{here}: more than one type"
        found = [each for name in present for each in _listed(value[name])]
        if len(found) < child["min"]:
            yield f"{here}: {len(found)} of at least {child['min']}"
        for name in present:
            is_list = isinstance(value[name], list)
            if is_list != (child["max"] != "1"):
                yield f"{here}: {'a list' if is_list else 'no list'} where R4 has the other"
            if value[name] in ([], "", None):
                yield f"{here}: empty"
            for each in _listed(value[name]):
                yield from self._value(each, kind, child, names[name], here)

    def _value(self, value: Any, kind: str, child: Json, type_code: str, path: str) -> Iterator[str]:
        binding = child.get("binding", {})
        if binding.get("strength") == "required":
            yield from self._bound(value, binding["valueSet"], path)
        if not isinstance(value, dict):
            yield from self._primitive(value, type_code, path)
        elif "contentReference" in child:
            yield from self._object(value, kind, child["contentReference"].removeprefix("#"), path)
        elif child["id"] in self._of(kind):
            yield from self._object(value, kind, child["id"], path)
        elif type_code == "Resource":
            yield from self.problems(value)
        else:
            yield from self._object(value, type_code, type_code, path)

    def _primitive(self, value: Any, type_code: str, path: str) -> Iterator[str]:
        if not isinstance(value, _JSON_TYPES.get(type_code, (str,))) or (
            isinstance(value, bool) and type_code != "boolean"
        ):
            yield f"{path}: {type(value).__name__} is no {type_code}"
        elif isinstance(value, str) and not re.fullmatch(self._pattern(type_code), value, re.DOTALL):
            yield f"{path}: not the form of {type_code}"

    def _bound(self, value: Any, value_set: str, path: str) -> Iterator[str]:
        allowed = self._definitions.codes(value_set)
        if allowed is None:
            return
        if isinstance(value, str):
            given = [] if value in {code for _, code in allowed} else [value]
        else:
            codings = value.get("coding", [value]) if isinstance(value, dict) else []
            pairs = [(coding.get("system"), coding.get("code")) for coding in codings]
            given = [] if any(pair in allowed for pair in pairs) else [code for _, code in pairs]
        yield from (f"{path}: {code} is not in {value_set}" for code in given)

    def _pattern(self, type_code: str) -> str:
        elements = self._definition(type_code)["snapshot"]["element"]
        types = [
            kind for each in elements if each["path"].endswith(".value") for kind in each.get("type", [])
        ]
        found = [
            one["valueString"] for kind in types for one in kind.get("extension", []) if one["url"] == _REGEX
        ]
        return found[0] if found else ".*"

    def _of(self, kind: str) -> dict[str, list[Json]]:
        if kind not in self._children:
            children: dict[str, list[Json]] = {}
            for element in self._definition(kind)["snapshot"]["element"][1:]:
                children.setdefault(element["id"].rpartition(".")[0], []).append(element)
            self._children[kind] = children
        return self._children[kind]

    def _definition(self, kind: str) -> Json:
        name = kind.rpartition("/")[2]
        # FHIRPath's own name of the type of an id ("System.String").
        return self._definitions.by_url[_BASE + ("string" if name.startswith("System") else name)]


def _names(element: Json) -> dict[str, str]:
    """The JSON names an element may have, each with its type."""
    name = element["path"].rpartition(".")[2]
    types = [_type(each) for each in element.get("type", [])] or [""]
    if not name.endswith("[x]"):
        return {name: types[0]}
    return {f"{name[:-3]}{code[:1].upper()}{code[1:]}": code for code in types}


def _type(entry: Json) -> str:
    told = [each["valueUrl"] for each in entry.get("extension", []) if each["url"].endswith("fhir-type")]
    return str(told[0] if told else entry["code"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
