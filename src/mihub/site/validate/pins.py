"""Which version a profile means when it names an address without one: that of its own package, where several are loaded.

Only addresses of which several versions are known are looked at; with one version of everything nothing changes. Above:
`engine`. Below: `core.fhir.definitions`, where they can be seen from a package (`site.packages.Shelf`).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final, Protocol, runtime_checkable

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.validate.tree import Node

_TYPES: Final = ("StructureDefinition", "ValueSet")


@runtime_checkable
class Shelved(Protocol):
    """Definitions that know packages."""

    def seen_from(self, package: str) -> Definitions:
        """The same definitions as the author of `name#version` meant them."""
        ...


class Pins:
    """Answers for one generation; used under the engine's lock."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._shelf = definitions if isinstance(definitions, Shelved) else None
        self._several: frozenset[str] | None = None
        self._known: dict[tuple[str, str], str] = {}

    def pin(self, tree: Node, package: str) -> None:
        """Write the package's version into the addresses its elements name; the definitions themselves stay as they are."""
        if self._shelf is None or not package or not self._ambiguous():
            return
        for node in tree.walk():
            node.definition = self._element(node.definition, package)

    def _ambiguous(self) -> frozenset[str]:
        """The addresses with more than one version."""
        if self._several is None:
            counts = Counter(known.url for name in _TYPES for known in self._definitions.all(name))
            self._several = frozenset(url for url, count in counts.items() if count > 1)
        return self._several

    def _element(self, definition: Json, package: str) -> Json:
        changed: Json = {}
        binding = definition.get("binding")
        if isinstance(binding, dict) and binding.get("valueSet") in self._ambiguous():
            value_set = self._meant(binding["valueSet"], "ValueSet", package)
            changed["binding"] = {**binding, "valueSet": value_set}
        rows = definition.get("type")
        if isinstance(rows, list) and any(self._names_several(row) for row in rows):
            changed["type"] = [self._type(row, package) for row in rows]
        return {**definition, **changed} if changed else definition

    def _names_several(self, row: Any) -> bool:
        several = self._ambiguous()
        return isinstance(row, dict) and any(
            url in several for key in ("profile", "targetProfile") for url in row.get(key) or ()
        )

    def _type(self, row: Json, package: str) -> Json:
        pinned = {
            key: [self._meant(url, "StructureDefinition", package) for url in row[key]]
            for key in ("profile", "targetProfile")
            if row.get(key)
        }
        return {**row, **pinned}

    def _meant(self, url: str, resource_type: str, package: str) -> str:
        """`url|version` where the package means another version than the newest; else as it is written."""
        key = url, package
        if key not in self._known:
            own = self._shelf.seen_from(package).find(url, resource_type) if self._shelf is not None else None
            newest = self._definitions.find(url, resource_type)
            differs = own is not None and newest is not None and own.known.version != newest.known.version
            self._known[key] = f"{url}|{own.known.version}" if differs and own is not None else url
        return self._known[key]
