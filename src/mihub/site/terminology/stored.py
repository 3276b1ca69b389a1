"""Code systems, value sets and concept maps that were PUT into the site's own record, known after those of packages.

Follows the record's change log; a record that ran far ahead is listed anew instead of read through.
Above: `site.site`. Below: `core.fhir.definitions`, the record through a Protocol.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.canonical import split, version_key
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.core.fhir.definitions.protocol import Definitions, Found, Known

TYPES: Final = ("CodeSystem", "ValueSet", "ConceptMap")
_FAR_AHEAD: Final = 2_000


class Record(Protocol):
    """What is needed of the site's record."""

    def position(self) -> int:
        """The newest position of its change log."""
        ...

    def current(self) -> Sequence[Resource]:
        """Every current resource of `TYPES`."""
        ...

    def touched(self, after: int, limit: int) -> bool:
        """Whether a resource of `TYPES` is among the changes after this position."""
        ...


class StoredDefinitions:
    """Implements `Definitions`: the packages, and below them what the record holds. Safe from any thread."""

    def __init__(self, packages: Definitions, record: Record) -> None:
        self._packages = packages
        self._record = record
        self._lock = threading.Lock()
        self._position = -1
        self._changes = 0
        self._stored = MemoryDefinitions(())

    @property
    def generation(self) -> int:
        """Grows when packages change, and with each `refresh` that found something new in the record."""
        return self._packages.generation * 1_000_003 + self._changes

    def refresh(self) -> None:
        """Look into the record. Not for whoever holds it while writing: this asks the database."""
        if self._record.position() == self._position:
            return
        with self._lock:
            position = self._record.position()
            behind = position - self._position
            known = self._position >= 0 and behind <= _FAR_AHEAD
            if behind and (not known or self._record.touched(self._position, _FAR_AHEAD)):
                self._stored = MemoryDefinitions(self._record.current())
                self._changes += 1
            self._position = position

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """See `Definitions`: of one version the package's counts, of several versions the newest."""
        packaged = self._packages.find(canonical, resource_type)
        stored = self._stored.find(canonical, resource_type) if resource_type in ("", *TYPES) else None
        if packaged is None or stored is None:
            return packaged or stored
        if split(canonical)[1]:
            return packaged
        newer = version_key(stored.known.version) > version_key(packaged.known.version)
        return stored if newer else packaged

    def structure(self, canonical: str) -> Found | None:
        """See `Definitions`."""
        return self._packages.structure(canonical)

    def all(self, resource_type: str) -> Iterator[Known]:
        """See `Definitions`."""
        hidden: set[tuple[str, str]] = set()
        for known in self._packages.all(resource_type):
            hidden.add((known.url, known.version))
            yield known
        if resource_type in TYPES:
            yield from (k for k in self._stored.all(resource_type) if (k.url, k.version) not in hidden)
