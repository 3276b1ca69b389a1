"""The packages of the suite, and what each one stands on: its own structures, those of what it depends on, R4 core.

All published snapshots are taken away first, so that every generation stands on generated ones; only where the chain
of bases ends in a package that is not here the published snapshot stays. Below: `site.packages.archive`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.canonical import choose
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.site.packages.archive import File, Limits, files

_CORE: Final = "hl7.fhir.r4.core"
_MANIFEST: Final = "package.json"


@dataclass(frozen=True, slots=True)
class Package:
    """One package: its structures as published."""

    name: str
    version: str
    dependencies: dict[str, str]
    structures: tuple[Resource, ...] = field(repr=False)

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name}#{self.version}"


def packages_in(folder: Path) -> list[Package]:
    """All packages of a folder, by name; those without structures too."""
    return [_package(path) for path in sorted(folder.glob("*.tgz"))]


def definitions_for(package: Package, others: list[Package]) -> Definitions:
    """What is known while the package's profiles are generated."""
    core = core_definitions()
    if package.name == _CORE:
        return MemoryDefinitions(map(stripped, package.structures), core, package.label)
    chosen: dict[str, Resource] = {}
    for one in _order(package, others):
        for structure in one.structures:
            chosen.setdefault(structure["url"], structure)
    known = {url for url in chosen if _grounded(url, chosen, core)}
    return MemoryDefinitions(
        (stripped(s) if url in known else s for url, s in chosen.items()), core, package.label
    )


def stripped(structure: Resource) -> Resource:
    """The structure without its published snapshot."""
    return (
        {k: v for k, v in structure.items() if k != "snapshot"}
        if structure.get("differential")
        else structure
    )


def _package(path: Path) -> Package:
    manifest: dict[str, Any] = {}
    structures: list[Resource] = []
    for file in files(path, Limits()):
        if not isinstance(file, File) or not file.place.endswith(".json") or "/" in file.place:
            continue
        document = orjson.loads(file.body)
        if file.place == _MANIFEST:
            manifest = document
        elif document.get("resourceType") == "StructureDefinition":
            structures.append(document)
    return Package(
        str(manifest.get("name", path.stem)),
        str(manifest.get("version", "")),
        manifest.get("dependencies") or {},
        tuple(sorted(structures, key=lambda s: str(s["url"]))),
    )


def _order(package: Package, others: list[Package]) -> Iterator[Package]:
    """The package, what it depends on, then the rest: of the same year first, for what the manifest forgot."""
    seen: list[Package] = []
    waiting = [package]
    while waiting:
        one = waiting.pop(0)
        if one in seen or one.name == _CORE:
            continue
        seen.append(one)
        waiting += [
            found for name, version in one.dependencies.items() if (found := _served(name, version, others))
        ]
    year = package.version.partition(".")[0]
    rest = [p for p in others if p not in seen and p.name != _CORE]
    yield from seen
    yield from sorted(rest, key=lambda p: (p.version.partition(".")[0] != year, p.name))


def _served(name: str, version: str, packages: list[Package]) -> Package | None:
    named = [p for p in packages if p.name == name]
    choice = choose([p.version for p in named], version) or choose([p.version for p in named], "")
    return named[choice.position] if choice else None


def _grounded(url: str, chosen: dict[str, Resource], core: Definitions) -> bool:
    """Whether the chain of bases ends in R4 core."""
    for _ in range(len(chosen)):
        structure = chosen.get(url)
        if structure is None:
            return core.find(url, "StructureDefinition") is not None
        url = str(structure.get("baseDefinition", "")).partition("|")[0]
    return False
