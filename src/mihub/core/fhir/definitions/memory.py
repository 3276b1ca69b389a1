"""Definitions from resources at hand: a request's own, a test's, a package's before it is shelved. The reference engine.

Lies over another engine and asks it for what it does not have. Never changes what it was given; snapshots it
generates are kept. Source of the resolution: `canonical`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from itertools import chain

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions import snapshot
from mihub.core.fhir.definitions.canonical import choose, split
from mihub.core.fhir.definitions.protocol import Definitions, Found, Known


class MemoryDefinitions:
    """Implements `Definitions`. A canonical known here hides the same `url|version` below; else both are choices.

    Without a version the newest of all counts, wherever it lies; of one and the same version the upper one.
    """

    def __init__(
        self, resources: Iterable[Resource], below: Definitions | None = None, package: str = ""
    ) -> None:
        self._below = below
        self._by_url: dict[str, list[tuple[Known, Resource]]] = {}
        self._snapshots: dict[Known, Resource] = {}
        self._lock = threading.RLock()
        for resource in resources:
            if isinstance(resource.get("url"), str) and isinstance(resource.get("resourceType"), str):
                known = known_of(resource, package)
                self._by_url.setdefault(known.url, []).append((known, resource))

    @property
    def generation(self) -> int:
        """What lies here never changes; what lies below may."""
        return self._below.generation if self._below is not None else 0

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """The resource, here or below."""
        url, wanted = split(canonical)
        here = [
            x for x in self._by_url.get(url, ()) if not resource_type or x[0].resource_type == resource_type
        ]
        versions = [known.version for known, _ in here]
        lower = None
        # A version named and found here needs no look below.
        if self._below is not None and (not wanted or wanted not in versions):
            lower = self._below.find(canonical, resource_type)
        if not here:
            return lower
        if lower is not None and lower.known.version not in versions:
            versions.append(lower.known.version)
        choice = choose(versions, wanted)
        if choice is None:
            return lower
        if lower is not None and choice.position == len(here):
            return Found(lower.known, lower.resource, choice.rule)
        return Found(*here[choice.position], choice.rule)

    def structure(self, canonical: str) -> Found | None:
        """A StructureDefinition with snapshot. Raises `InvalidInput` when none can be generated."""
        found = self.find(canonical, "StructureDefinition")
        if found is None or snapshot.elements_of(found.resource, "snapshot"):
            return found
        if self._below is not None and not self._is_here(found.known):
            return self._below.structure(f"{found.known.url}|{found.known.version}")
        with self._lock:
            whole = self._snapshots.get(found.known)
            if whole is None:
                whole = self._snapshots[found.known] = snapshot.generate(found.resource, self)
        return Found(found.known, whole, found.rule)

    def all(self, resource_type: str) -> Iterator[Known]:
        """Everything of one type, here first; what is hidden below is left out."""
        here = [k for k, _ in chain.from_iterable(self._by_url.values()) if k.resource_type == resource_type]
        hidden = {(known.url, known.version) for known in here}
        yield from here
        if self._below is not None:
            yield from (k for k in self._below.all(resource_type) if (k.url, k.version) not in hidden)

    def _is_here(self, known: Known) -> bool:
        return any(known == other for other, _ in self._by_url.get(known.url, ()))


def known_of(resource: Resource, package: str = "") -> Known:
    """A canonical resource without its content; missing parts are ""."""

    def text(name: str) -> str:
        value = resource.get(name, "")
        return value if isinstance(value, str) else ""

    structure = resource["resourceType"] == "StructureDefinition"
    return Known(
        resource_type=resource["resourceType"],
        url=resource["url"],
        version=text("version"),
        package=package,
        id=text("id"),
        name=text("name"),
        type=text("type") if structure else "",
        derivation=text("derivation") if structure else "",
    )
