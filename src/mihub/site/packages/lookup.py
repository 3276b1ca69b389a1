"""Reading the shelf: from a canonical to the resource and the rule that chose it, over the program's own R4 core.

Knows when another process changed the shelf and forgets what it had kept. Never writes. Above: `shelf`, `snapshots`,
`explain`. Below: `database`, `resolution`, `dependencies`.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.canonical import split
from mihub.core.fhir.definitions.protocol import Definitions, Found, Known
from mihub.errors import Unavailable
from mihub.site.packages.database import Database, Stamp
from mihub.site.packages.dependencies import CORE_LABEL, Graph
from mihub.site.packages.resolution import Option, resolve

_COLUMNS: Final = (
    "resource.id, resource.resource_type, resource.url, resource.version, package.name || '#' || package.version,"
    " resource.resource_id, resource.name, resource.type, resource.derivation, resource.place,"
    " resource.snapshot, resource.size_bytes, package.canonical"
)
_FROM: Final = "FROM resource JOIN package ON package.id = resource.package"
# JSON bytes of resources kept parsed; Python needs about eight times as much for them.
_KEPT_JSON_BYTES: Final = 4 * 2**20
_CORE_JSON_BYTES: Final = 32_000
_KEPT_ANSWERS: Final = 20_000
_LOOKS: Final = 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Shelved:
    """One definition without its content. `number`: its row; 0 for what lies below the shelf (R4 core, another shelf)."""

    known: Known
    number: int = 0
    place: str = ""
    snapshot: bool = True
    size_bytes: int = _CORE_JSON_BYTES
    owner: bool = False

    @property
    def below(self) -> bool:
        """Does it lie below this shelf?"""
        return self.number == 0

    @property
    def built_in(self) -> bool:
        """Is it the program's own R4 core?"""
        return self.below and self.known.package == CORE_LABEL


@runtime_checkable
class Viewed(Protocol):
    """Definitions that answer as one of their packages means it: a shelf."""

    def seen_from(self, package: str) -> Definitions: ...


class Gone(Exception):
    """A definition was removed between finding and reading it; who looks again finds what is there now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A definition and the rule that chose it."""

    shelved: Shelved
    rule: str


class Kept:
    """Resources used last, up to a number of JSON bytes; the newest one always stays."""

    def __init__(self, limit_bytes: int = _KEPT_JSON_BYTES) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[Hashable, tuple[Resource, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable) -> Resource | None:
        """The resource, or None."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: Hashable, resource: Resource, size_bytes: int) -> None:
        """Keep it, and let go of the oldest."""
        self._bytes += size_bytes - self._entries.pop(key, ({}, 0))[1]
        self._entries[key] = resource, size_bytes
        while self._bytes > self._limit and len(self._entries) > 1:
            self._bytes -= self._entries.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Let go of all."""
        self._entries.clear()
        self._bytes = 0


class Lookup:
    """Safe from any thread."""

    def __init__(self, database: Database, core: Definitions) -> None:
        self.database, self.core = database, core
        self._lock = threading.RLock()
        self._stamp: Stamp | None = None
        self._stored: tuple[int, int, int] = (0, 0, core.generation)
        self._generation = 0
        self._answers: dict[tuple[str, str, str], Answer | None] = {}
        self._kept = Kept()
        self._graph: Graph | None = None

    def generation(self) -> int:
        """Grows when any process changed the shelf; what was kept is then let go."""
        stamp, below = self.database.stamp(), self.core.generation
        if stamp == self._stamp and below == self._stored[2]:
            return self._generation
        with self._lock:
            rows = self.database.read("SELECT value FROM state WHERE name = 'generation'")
            stored = stamp[0], rows[0][0] if rows else 0, below
            if stored != self._stored:
                self._generation = max(self._generation + 1, stored[1] + below)
                self._stored = stored
                self._answers.clear()
                self._kept.clear()
                self._graph = None
            self._stamp = stamp
            return self._generation

    def changed_here(self) -> None:
        """This process wrote: look again."""
        self._stamp = None

    def graph(self) -> Graph:
        """Packages and their dependencies."""
        self.generation()
        with self._lock:
            if self._graph is None:
                asks: dict[str, dict[str, str]] = {}
                for (label,) in self.database.read("SELECT name || '#' || version FROM package"):
                    asks[label] = {}
                for label, name, version in self.database.read(
                    "SELECT package.name || '#' || package.version, dependency.name, dependency.version"
                    " FROM dependency JOIN package ON package.id = dependency.package"
                ):
                    asks.setdefault(label, {})[name] = version
                self._graph = Graph(asks)
            return self._graph

    def answer(self, canonical: str, resource_type: str, asked_from: str) -> Answer | None:
        """The definition a canonical means, as seen from a package ("" for no package)."""
        return self._answer(self.generation(), canonical, resource_type, asked_from)

    def _answer(self, generation: int, canonical: str, resource_type: str, asked_from: str) -> Answer | None:
        key = canonical, resource_type, asked_from
        if key in self._answers:
            return self._answers[key]
        found = self._resolve(canonical, resource_type, asked_from)
        with self._lock:
            if generation == self._generation:
                if len(self._answers) >= _KEPT_ANSWERS:
                    self._answers.clear()
                self._answers[key] = found
        return found

    def _resolve(self, canonical: str, resource_type: str, asked_from: str) -> Answer | None:
        wanted = split(canonical)[1]
        candidates = self.candidates(canonical, resource_type, asked_from)
        context = self.graph().context(asked_from) if asked_from else {}
        choice = resolve([option(one) for one in candidates], wanted, context)
        return Answer(candidates[choice.position], choice.rule) if choice is not None else None

    def candidates(self, canonical: str, resource_type: str, asked_from: str) -> list[Shelved]:
        """Every definition with this address, whatever its version; what lies below the shelf last."""
        url, wanted = split(canonical)
        if not url:
            return []
        where, values = ("AND resource.resource_type = ?", [resource_type]) if resource_type else ("", [])
        rows = self.database.read(
            f"SELECT {_COLUMNS} {_FROM} WHERE resource.url = ? AND resource.example = 0 {where} ORDER BY resource.id",
            [url, *values],
        )
        found = [_shelved(row) for row in rows]
        below = self._below(asked_from)
        own = below.find(canonical, resource_type) or (below.find(url, resource_type) if wanted else None)
        return [*found, Shelved(own.known)] if own is not None else found

    def _below(self, asked_from: str) -> Definitions:
        """What lies below; another shelf knows what its own packages mean."""
        if asked_from and isinstance(self.core, Viewed) and asked_from not in self.graph().asks:
            return self.core.seen_from(asked_from)
        return self.core

    def resource(self, shelved: Shelved) -> Resource:
        """The content; shared, not to be changed."""
        return self._resource(self.generation(), shelved)

    def _resource(self, generation: int, shelved: Shelved) -> Resource:
        known = shelved.known
        key: Hashable = shelved.number or (known.resource_type, known.url, known.version)
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        resource = self._load(shelved)
        with self._lock:
            if generation == self._generation:
                self._kept.put(key, resource, shelved.size_bytes)
        return resource

    def _load(self, shelved: Shelved) -> Resource:
        known = shelved.known
        if shelved.below:
            named = f"{known.url}|{known.version}" if known.version else known.url
            found = self.core.find(named, known.resource_type)
            return found.resource if found is not None else {}
        rows = self.database.read("SELECT packed FROM body WHERE resource = ?", [shelved.number])
        if not rows:
            raise Gone
        return unpack(rows[0][0])

    def all(self, resource_type: str) -> Iterator[Known]:
        """Every definition of a type; what R4 core's package shares with the program counts once."""
        rows = self.database.read(
            f"SELECT {_COLUMNS} {_FROM} WHERE resource.resource_type = ? AND resource.example = 0 ORDER BY resource.id",
            [resource_type],
        )
        own = list(self.core.all(resource_type))
        core = {known.url for known in own if known.package == CORE_LABEL}
        here = set()
        for known in (_shelved(row).known for row in rows):
            if known.package != CORE_LABEL or known.url not in core:
                here.add(known)
                yield known
        yield from (known for known in own if known not in here)

    def definitions_of(self, label: str, resource_type: str) -> list[Shelved]:
        """The definitions of one package (`name#version`) and type, in the order of their files."""
        rows = self.database.read(
            f"SELECT {_COLUMNS} {_FROM} WHERE package.name = ? AND package.version = ?"
            " AND resource.resource_type = ? AND resource.example = 0 ORDER BY resource.id",
            [*label.split("#", 1), resource_type],
        )
        return [_shelved(row) for row in rows]

    def find(self, canonical: str, resource_type: str, asked_from: str) -> Found | None:
        """The definition with its content."""
        return self.steadily(lambda: self._find(canonical, resource_type, asked_from))

    def steadily(self, look: Callable[[], _T]) -> _T:
        """What a look finds, looking again when something was removed under its hands."""
        for _ in range(_LOOKS):
            try:
                return look()
            except Gone:
                self.changed_here()
        raise Unavailable(
            "The package shelf changes too quickly.",
            where=self.database.where,
            next_step="Try again in a minute.",
        )

    def _find(self, canonical: str, resource_type: str, asked_from: str) -> Found | None:
        generation = self.generation()
        answer = self._answer(generation, canonical, resource_type, asked_from)
        if answer is None:
            return None
        return Found(answer.shelved.known, self._resource(generation, answer.shelved), answer.rule)


def option(shelved: Shelved) -> Option:
    """What the choice looks at."""
    known = shelved.known
    base_type = (
        shelved.built_in and known.resource_type == "StructureDefinition" and known.derivation != "constraint"
    )
    return Option(known.version, known.package, shelved.built_in, shelved.owner, base_type)


def unpack(packed: bytes) -> Resource:
    """A resource from the form in which the file keeps it."""
    resource: Resource = orjson.loads(zlib.decompress(packed))
    return resource


def _shelved(row: tuple[Any, ...]) -> Shelved:
    (
        number,
        kind,
        url,
        version,
        package,
        identity,
        name,
        described,
        derivation,
        place,
        snapshot,
        size,
        canonical,
    ) = row
    known = Known(kind, url, version, package, identity, name, described, derivation)
    owner = bool(canonical) and url.startswith(canonical.rstrip("/") + "/")
    return Shelved(known, number, place, bool(snapshot), size, owner)
