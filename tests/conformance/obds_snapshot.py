"""Holds a resource against a StructureDefinition's snapshot: cardinality, fixed and pattern values, slices,
codes.

A checker for tests, made for what the MII oncology profiles use; invariants are not evaluated. Source:
https://hl7.org/fhir/R4/profiling.html.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]


class Definitions:
    """Structure definitions, value sets and code systems of some packages."""

    def __init__(self, packages: list[Path]) -> None:
        self.by_url: dict[str, Json] = {}
        for package in packages:
            with tarfile.open(package) as archive:
                for member in archive:
                    name = Path(member.name).name
                    if not name.startswith(("StructureDefinition-", "ValueSet-", "CodeSystem-")):
                        continue
                    file = archive.extractfile(member)
                    assert file is not None
                    definition = json.load(file)
                    self.by_url[definition["url"]] = definition

    def codes(self, value_set_url: str) -> set[tuple[str, str]] | None:
        """System and code of everything in a value set; None when these packages can not tell."""
        value_set = self.by_url.get(value_set_url.partition("|")[0])
        if value_set is None:
            return None
        found: set[tuple[str, str]] = set()
        for include in value_set.get("compose", {}).get("include", []):
            listed = include.get("concept")
            system = self.by_url.get(include.get("system", ""))
            if listed:
                found |= {(include["system"], concept["code"]) for concept in listed}
            elif system and system.get("concept") and not include.get("filter"):
                found |= self.codes_of(system)
            else:
                return None
        return found

    def codes_of(self, system: Json) -> set[tuple[str, str]]:
        """System and code of everything in a code system."""
        return {(system["url"], code) for code in _concepts(system.get("concept", []))}


def _concepts(concepts: list[Json]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _concepts(concept.get("concept", []))


class Checker:
    """Checks resources against one profile."""

    def __init__(self, definitions: Definitions, profile: str) -> None:
        self.definitions = definitions
        self.elements: list[Json] = definitions.by_url[profile]["snapshot"]["element"]
        self.by_id = {element["id"]: element for element in self.elements}
        self.children: dict[str, list[Json]] = {}
        for element in self.elements[1:]:
            self.children.setdefault(_parent(element["id"]), []).append(element)

    def problems(self, resource: Json) -> list[str]:
        """What the snapshot forbids, as sentences with the element's id."""
        return list(self._object(resource, self.elements[0]["id"]))

    def _object(self, value: Json, element_id: str) -> Iterator[str]:
        for child in self.children.get(element_id, []):
            if ":" in child["id"].rpartition(".")[2]:
                continue
            found = _values(value, child["path"].rpartition(".")[2])
            yield from self._count(found, child)
            for one in found:
                yield from self._value(one, child)
            for piece in self._slices(child["id"]):
                matching = [one for one in found if self._matches(one, child, piece)]
                if any(how["type"] == "type" for how in child.get("slicing", {}).get("discriminator", [])):
                    matching = _values(value, piece["id"].rpartition(":")[2])
                yield from self._count(matching, piece)
                for one in matching:
                    yield from self._value(one, piece)

    def _slices(self, element_id: str) -> list[Json]:
        parent = _parent(element_id)
        return [one for one in self.children.get(parent, []) if one["id"].startswith(f"{element_id}:")]

    def _count(self, found: list[Any], element: Json) -> Iterator[str]:
        if len(found) < element["min"]:
            yield f"{element['id']}: {len(found)} of at least {element['min']}"
        if element["max"] != "*" and len(found) > int(element["max"]):
            yield f"{element['id']}: {len(found)} of at most {element['max']}"

    def _value(self, value: Any, element: Json) -> Iterator[str]:
        for key, wanted in element.items():
            if key.startswith("fixed") and value != wanted:
                yield f"{element['id']}: not the fixed value"
            if key.startswith("pattern") and not _fits(value, wanted):
                yield f"{element['id']}: does not fit the pattern"
        binding = element.get("binding", {})
        if binding.get("strength") == "required":
            yield from self._bound(value, element, binding.get("valueSet", ""))
        if isinstance(value, dict):
            yield from self._object(value, element["id"])

    def _bound(self, value: Any, element: Json, value_set: str) -> Iterator[str]:
        codes = self.definitions.codes(value_set)
        if codes is None:
            return
        if isinstance(value, str):
            if value not in {code for _, code in codes}:
                yield f"{element['id']}: code {value} not in {value_set}"
            return
        codings = value.get("coding", [value]) if isinstance(value, dict) else []
        pairs = [(coding.get("system", ""), coding["code"]) for coding in codings if "code" in coding]
        if pairs and not any(pair in codes for pair in pairs):
            yield f"{element['id']}: codes {pairs} not in {value_set}"

    def _matches(self, value: Any, sliced: Json, piece: Json) -> bool:
        for discriminator in sliced.get("slicing", {}).get("discriminator", []):
            if discriminator["type"] not in ("value", "pattern"):
                return False
            if not self._discriminates(value, piece, discriminator["path"]):
                return False
        return bool(sliced.get("slicing", {}).get("discriminator"))

    def _discriminates(self, value: Any, piece: Json, path: str) -> bool:
        if path == "url" and isinstance(value, dict):
            profiles = [url for kind in piece.get("type", []) for url in kind.get("profile", [])]
            if profiles:
                return value.get("url") in profiles
        if path == "$this":
            wanted = next((piece[key] for key in piece if key.startswith(("pattern", "fixed"))), None)
            if wanted is not None:
                return _fits(value, wanted)
            return self._listed(value, piece)
        here = self.by_id.get(f"{piece['id']}.{path}", {})
        wanted = next((here[key] for key in here if key.startswith(("pattern", "fixed"))), None)
        at = _values(value, path) if isinstance(value, dict) else []
        return wanted is not None and any(_fits(one, wanted) for one in at)

    def _listed(self, value: Any, piece: Json) -> bool:
        """A slice told apart by its binding only."""
        codes = self.definitions.codes(piece.get("binding", {}).get("valueSet", ""))
        return (
            bool(codes)
            and isinstance(value, dict)
            and value.get("system") in {system for system, _ in codes or ()}
        )


def _parent(element_id: str) -> str:
    return element_id.rpartition(".")[0]


def _values(value: Json, name: str) -> list[Any]:
    """The values of an element; a primitive that has only extensions counts as one value."""
    if name.endswith("[x]"):
        base = name[:-3]
        keys = [
            key
            for key in value
            if key.lstrip("_").startswith(base) and key.lstrip("_")[len(base) :][:1].isupper()
        ]
        names = {key.lstrip("_") for key in keys}
        return [one for each in sorted(names) for one in _values(value, each)]
    found = value.get(name, value.get(f"_{name}"))
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def _fits(value: Any, pattern: Any) -> bool:
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            key in value and _fits(value[key], pattern[key]) for key in pattern
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(_fits(one, each) for one in value) for each in pattern)
    return bool(value == pattern)
