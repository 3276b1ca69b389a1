"""The package shelf of a site: canonical resources of the loaded packages over the program's own R4 core.

`Shelf` implements `core.fhir.definitions.protocol.Definitions`. It never fetches anything, and it makes its file with
the first `add`. Above: `apps`, validation, terminology. Below: `lookup`, `snapshots`, `reading`, `writing`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.protocol import Definitions, Found, Known
from mihub.errors import Conflict, MihubError, NotFound
from mihub.site.packages import checking, explain, listing
from mihub.site.packages.account import Added, Package, Refused, SetAside, Why
from mihub.site.packages.archive import Limits
from mihub.site.packages.database import Database
from mihub.site.packages.lookup import Lookup, unpack
from mihub.site.packages.snapshots import Snapshots

FILE_NAME: Final = "packages.sqlite"


class Shelf:
    """Packages in one file; safe from threads and several processes. Resources are shared: never change one in place."""

    def __init__(self, database: Database, core: Definitions, limits: Limits) -> None:
        self._database, self._limits = database, limits
        self._lookup = Lookup(database, core)
        self._snapshots = Snapshots(self._lookup)

    @classmethod
    def open(cls, path: Path | None, core: Definitions | None = None, limits: Limits | None = None) -> Shelf:
        """The shelf in this file (made by the first `add`), or one in memory (None).

        `core`: what lies below, R4 core (the default) or another shelf, whose packages count beside this one's.
        """
        return cls(Database(path), core or core_definitions(), limits or Limits())

    def close(self) -> None:
        """Give back the file. Calling it again does nothing."""
        self._database.close()

    @property
    def generation(self) -> int:
        """Grows when any process adds or removes a package."""
        return self._lookup.generation()

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """See `Definitions`."""
        return self._lookup.find(canonical, resource_type, "")

    def structure(self, canonical: str) -> Found | None:
        """See `Definitions`. A generated snapshot is kept in the file until something it was made of changes."""
        return self._snapshots.find(canonical, "")

    def all(self, resource_type: str) -> Iterator[Known]:
        """See `Definitions`; the program's own R4 core comes last."""
        return self._lookup.all(resource_type)

    def seen_from(self, package: str) -> Definitions:
        """The same definitions as the author of a package (`name#version`) meant them.

        A canonical without a version means the package's own resource, then that of the versions it depends on,
        then the newest. Use `seen_from(found.known.package)` to follow the references inside a resource.
        """
        return SeenFrom(self._lookup, self._snapshots, package)

    def examples(self, package: str = "") -> Iterator[tuple[str, str, Resource]]:
        """Example resources: package (`name#version`), path inside it, resource. They are data, never definitions."""
        rows = self._database.read(
            "SELECT package.name || '#' || package.version, place, resource.id FROM resource"
            " JOIN package ON package.id = resource.package WHERE example = 1 ORDER BY package.name, place"
        )
        for label, place, number in rows:
            if package in ("", label):
                for (packed,) in self._database.read("SELECT packed FROM body WHERE resource = ?", [number]):
                    yield label, place, unpack(packed)

    def add(self, *sources: Path) -> Added:
        """Add packages: `.tgz` files, unpacked folders, folders of either. All or nothing per package."""
        # Reading archives is needed here alone; who only looks things up does not pay for its import.
        from mihub.site.packages import reading, writing

        started = time.perf_counter()
        labels: list[str] = []
        unchanged: list[str] = []
        replaced: list[str] = []
        refused: list[Refused] = []
        now = datetime.now(UTC).isoformat(timespec="seconds")
        paths = list(dict.fromkeys(path for given in sources for path in reading.sources(given)))
        with ExitStack() as stack:
            # Nothing is locked, and no file is made, before there is a package that can be shelved.
            writer: Any = None
            for path, package in reading.read_all(paths, self._limits):
                if isinstance(package, MihubError):
                    refused.append(Refused(str(path), package.what, package.rule, package.next_step))
                    continue
                writer = writer or stack.enter_context(self._database.write())
                known = package.manifest
                there = writing.digest_of(writer, known.name, known.version)
                if there == package.digest:
                    unchanged.append(known.label)
                    continue
                if there is not None:
                    replaced.append(known.label)
                writing.remove(writer, known.name, known.version)
                writing.insert(writer, package, now)
                labels.append(known.label)
            if labels:
                writing.grow(writer)
        self._lookup.changed_here()
        unusable = tuple(
            fault for label in labels for fault in checking.unusable(self._lookup, self._snapshots, label)
        )
        packages = {one.label: one for one in self.list()} if labels else {}
        added = tuple(packages[label] for label in dict.fromkeys(labels) if label in packages)
        seconds = time.perf_counter() - started
        return Added(added, tuple(unchanged), tuple(refused), unusable, seconds, tuple(replaced))

    def check(self, package: str = "") -> dict[str, tuple[SetAside, ...]]:
        """Profiles that contradict their base, by package (`name#version`); all packages when none is named.

        A profile that shipped its snapshot is used as shipped and only named here.
        """
        labels = [one.label for one in self.list() if package in ("", one.label, one.name)]
        if package and not labels:
            raise NotFound(f"The package {package} is not loaded.", next_step="mihub packages list")
        return {
            label: tuple(checking.contradicting(self._lookup, self._snapshots, label)) for label in labels
        }

    def remove(self, name: str, version: str = "") -> Package:
        """Take a package off the shelf. Raises `NotFound`, or `Conflict` when several versions are there and none is named."""
        from mihub.site.packages import writing

        package = self._only(name, version)
        with self._database.write() as writer:
            writing.remove(writer, package.name, package.version)
            writing.grow(writer)
        self._database.shrink()
        self._lookup.changed_here()
        return package

    def _only(self, name: str, version: str) -> Package:
        there = [one for one in self.list() if one.name == name]
        fitting = [one for one in there if version in ("", one.version)]
        if len(fitting) == 1:
            return fitting[0]
        versions = ", ".join(one.version for one in there)
        if fitting:
            raise Conflict(
                f"Several versions of {name} are loaded: {versions}.",
                rule="one package is removed at a time",
                next_step=f"Name one of them: {name}#{there[-1].version}",
            )
        what = f"{name}#{version}" if version else name
        raise NotFound(
            f"The package {what} is not loaded.",
            where=f"loaded versions: {versions}" if versions else "",
            next_step="mihub packages list",
        )

    def list(self) -> tuple[Package, ...]:
        """Every package, by name and version."""
        return listing.packages(self._database, self._lookup.graph())

    def why(self, canonical: str, *, asked_from: str = "") -> Why:
        """How a canonical resolves, with every candidate. `asked_from`: the package (`name#version`) that refers to it.

        Raises `NotFound` when that package is not loaded; without a version its newest is meant.
        """
        graph = self._lookup.graph()
        versions = graph.versions(asked_from) if asked_from not in graph.asks else []
        if asked_from and asked_from not in graph.asks and not versions:
            raise NotFound(f"The package {asked_from} is not loaded.", next_step="mihub packages list")
        return explain.why(
            self._lookup, canonical, f"{asked_from}#{versions[-1]}" if versions else asked_from
        )


class SeenFrom:
    """The shelf as one package sees it. Implements `Definitions`."""

    def __init__(self, lookup: Lookup, snapshots: Snapshots, package: str) -> None:
        self._lookup, self._snapshots, self._package = lookup, snapshots, package

    @property
    def generation(self) -> int:
        """The shelf's."""
        return self._lookup.generation()

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """See `Definitions`."""
        return self._lookup.find(canonical, resource_type, self._package)

    def structure(self, canonical: str) -> Found | None:
        """See `Definitions`."""
        return self._snapshots.find(canonical, self._package)

    def all(self, resource_type: str) -> Iterator[Known]:
        """See `Definitions`."""
        return self._lookup.all(resource_type)
