"""All of R4 core, as the wheel carries it: structures, value sets, code systems, search parameters and the rest.

Read part by part, on first use; a site that has loaded nothing asks here. Never changes. Source: the parts' own
origin (HL7 FHIR R4 4.0.1, CC0). Below: `packed`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions import snapshot
from mihub.core.fhir.definitions.canonical import Choice, choose, split
from mihub.core.fhir.definitions.packed import PackedPart, Place
from mihub.core.fhir.definitions.protocol import Definitions, Found, Known

PACKAGE: Final = "hl7.fhir.r4.core#4.0.1"
FHIR_VERSION: Final = "4.0.1"
_PART_OF: Final = {
    "StructureDefinition": "structures",
    "ValueSet": "value-sets",
    "CodeSystem": "code-systems",
    "SearchParameter": "search",
}
_REST: Final = "others"


class CoreDefinitions:
    """Implements `Definitions` over the packaged parts; safe to use from any thread."""

    def __init__(self) -> None:
        self._parts = {name: PackedPart(name, PACKAGE) for name in (*_PART_OF.values(), _REST)}
        self._tables: dict[str, dict[str, list[tuple[Known, Place]]]] = {}
        self._structures: dict[Known, Resource] = {}
        self._lock = threading.RLock()

    @property
    def generation(self) -> int:
        """R4 does not change while the program runs."""
        return 0

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """The resource; core is also known by FHIR's own version, whatever version the resource itself bears."""
        url, wanted = split(canonical)
        names = [_PART_OF.get(resource_type, _REST)] if resource_type else list(self._parts)
        for name in names:
            rows = [x for x in self._table(name).get(url, ()) if resource_type in ("", x[0].resource_type)]
            choice = choose([known.version for known, _ in rows], wanted)
            if choice is None and rows and wanted == FHIR_VERSION:
                choice = Choice(len(rows) - 1, f"the one that FHIR {FHIR_VERSION} came with")
            if choice is not None:
                known, place = rows[choice.position]
                return Found(known, self._parts[name].read(place), choice.rule)
        return None

    def structure(self, canonical: str) -> Found | None:
        """A StructureDefinition with snapshot, generated when it is first asked for."""
        found = self.find(canonical, "StructureDefinition")
        if found is None:
            return None
        with self._lock:
            whole = self._structures.get(found.known)
            if whole is None:
                whole = self._structures[found.known] = snapshot.generate(found.resource, self)
        return Found(found.known, whole, found.rule)

    def all(self, resource_type: str) -> Iterator[Known]:
        """Everything of one type."""
        for rows in self._table(_PART_OF.get(resource_type, _REST)).values():
            yield from (known for known, _ in rows if known.resource_type == resource_type)

    def _table(self, name: str) -> dict[str, list[tuple[Known, Place]]]:
        with self._lock:
            if name not in self._tables:
                table: dict[str, list[tuple[Known, Place]]] = {}
                for row in self._parts[name].contents():
                    table.setdefault(row[0].url, []).append(row)
                self._tables[name] = table
            return self._tables[name]


@lru_cache(maxsize=1)
def core_definitions() -> Definitions:
    """The one instance of the process."""
    return CoreDefinitions()
