"""The package shelf of a site: canonical resources of the loaded packages over the program's own R4 core.

`Shelf` implements `core.fhir.definitions.protocol.Definitions`. It never fetches anything. Above: `apps`, validation,
terminology. Below: `database`, `resolution`, `loader`, `snapshots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Definitions, Found, Known
from mihub.site.packages.account import Added, Package, Why

FILE_NAME = "packages.sqlite"


class Shelf:
    """Packages in one file; safe from threads and several processes. Resources are shared: never change one in place."""

    @classmethod
    def open(cls, path: Path | None, core: Definitions | None = None) -> Shelf:
        """The shelf in this file (made by the first `add`), or one in memory (None). `core`: default `core_definitions()`."""
        raise NotImplementedError

    def close(self) -> None:
        """Give back the file. Calling it again does nothing."""

    @property
    def generation(self) -> int:
        """Grows when any process adds or removes a package."""
        raise NotImplementedError

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """See `Definitions`."""
        raise NotImplementedError

    def structure(self, canonical: str) -> Found | None:
        """See `Definitions`. A generated snapshot is kept in the file until something it was made of changes."""
        raise NotImplementedError

    def all(self, resource_type: str) -> Iterator[Known]:
        """See `Definitions`; the program's own R4 core comes last."""
        raise NotImplementedError

    def seen_from(self, package: str) -> Definitions:
        """The same definitions as the author of a package (`name#version`) meant them.

        A canonical without a version means the package's own resource, then that of the versions it depends on,
        then the newest. Use `seen_from(found.known.package)` to follow the references inside a resource.
        """
        raise NotImplementedError

    def examples(self, package: str = "") -> Iterator[tuple[str, str, Resource]]:
        """Example resources: package (`name#version`), path inside it, resource. They are data, never definitions."""
        raise NotImplementedError

    def add(self, *sources: Path) -> Added:
        """Add packages: `.tgz` files, unpacked folders, folders of either. All or nothing per package."""
        raise NotImplementedError

    def remove(self, name: str, version: str = "") -> Package:
        """Take a package off the shelf. Raises `NotFound`, or `Conflict` when several versions are there and none is named."""
        raise NotImplementedError

    def list(self) -> list[Package]:
        """Every package, by name and version."""
        raise NotImplementedError

    def why(self, canonical: str, *, asked_from: str = "") -> Why:
        """How a canonical resolves, with every candidate. `asked_from`: the package (`name#version`) that refers to it."""
        raise NotImplementedError
