"""Snapshots of profiles that ship only a differential: generated once, kept in the file, dropped when they grow stale.

Beside each kept snapshot stands every canonical it was made of and what that meant then; as long as all of them mean
the same, it holds, whatever else was added or removed. Above: `shelf`. Below: `lookup`,
`core.fhir.definitions.snapshot`.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import orjson

from mihub import __version__
from mihub.core.fhir import Resource
from mihub.core.fhir.definitions import snapshot
from mihub.core.fhir.definitions.protocol import Found, Known
from mihub.errors import InvalidInput, MihubError
from mihub.site.packages.lookup import Answer, Kept, Lookup, Shelved

# What was asked (package that asked, canonical, type) and what it meant (`_identity`).
Use = tuple[str, str, str, str]
_FASTEST: Final = 1
# What a malformed profile makes the generator stumble over.
STUMBLES: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)


class Snapshots:
    """Safe from any thread."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._lock = threading.RLock()
        self._generation = -1
        self._kept = Kept()
        self._uses: dict[int, tuple[Use, ...]] = {}
        self._faults: dict[int, MihubError] = {}
        self._at_work = threading.local()

    def find(self, canonical: str, asked_from: str) -> Found | None:
        """The StructureDefinition that a canonical means, with a snapshot. Raises as `structure` does."""

        def look() -> Found | None:
            answer = self._lookup.answer(canonical, "StructureDefinition", asked_from)
            return self.structure(answer) if answer is not None else None

        return self._lookup.steadily(look)

    def structure(self, answer: Answer) -> Found:
        """The StructureDefinition with a snapshot. Raises `InvalidInput` when none can be generated."""
        shelved = answer.shelved
        if shelved.below:
            whole = self._lookup.core.structure(_named(shelved.known))
            if whole is not None:
                return Found(shelved.known, whole.resource, answer.rule)
        if shelved.snapshot:
            return Found(shelved.known, self._lookup.resource(shelved), answer.rule)
        return Found(shelved.known, self._generated(shelved), answer.rule)

    def uses(self, shelved: Shelved) -> tuple[Use, ...]:
        """What a generated snapshot was made of; nothing for a shipped one."""
        return self._uses.get(shelved.number, ())

    def _generated(self, shelved: Shelved) -> Resource:
        generation = self._lookup.generation()
        with self._lock:
            if generation != self._generation:
                self._kept.clear()
                self._uses.clear()
                self._faults.clear()
                self._generation = generation
            kept, fault = self._kept.get(shelved.number), self._faults.get(shelved.number)
        if kept is not None:
            return kept
        if fault is not None:
            raise InvalidInput(fault.what, where=fault.where, rule=fault.rule, next_step=fault.next_step)
        try:
            whole, size, uses = self._from_file(shelved) or self._make(shelved)
        except MihubError as error:
            with self._lock:
                if generation == self._generation:
                    self._faults[shelved.number] = error
            raise
        with self._lock:
            if generation == self._generation:
                self._kept.put(shelved.number, whole, size)
                self._uses[shelved.number] = uses
        return whole

    def _from_file(self, shelved: Shelved) -> tuple[Resource, int, tuple[Use, ...]] | None:
        rows = self._lookup.database.read(
            "SELECT uses, packed FROM snapshot WHERE resource = ? AND maker = ?", [shelved.number, maker()]
        )
        if not rows:
            return None
        uses = tuple((one[0], one[1], one[2], one[3]) for one in orjson.loads(rows[0][0]))
        if not self._hold(uses):
            return None
        text = zlib.decompress(rows[0][1])
        return orjson.loads(text), len(text), uses

    def _hold(self, uses: Iterable[Use]) -> bool:
        return all(
            _identity(self._lookup.answer(name, kind, asker)) == meant for asker, name, kind, meant in uses
        )

    def _make(self, shelved: Shelved) -> tuple[Resource, int, tuple[Use, ...]]:
        watched = Watched(self._lookup, self, shelved.known.package)
        resource = self._lookup.resource(shelved)
        with self._once(shelved):
            try:
                whole = snapshot.generate(resource, watched)
            except STUMBLES as error:
                raise _unusable(
                    shelved, f"{type(error).__name__} while its differential was applied"
                ) from error
            except MihubError as error:
                raise _located(error, shelved) from error
        uses, text = tuple(sorted(watched.uses)), orjson.dumps(whole)
        self._keep(shelved, uses, text)
        return whole, len(text), uses

    @contextmanager
    def _once(self, shelved: Shelved) -> Iterator[None]:
        """A profile that is, over others, its own base would never end."""
        above: list[str] = self._at_work.__dict__.setdefault("names", [])
        name = _named(shelved.known)
        if name in above:
            raise _unusable(
                shelved, "it is, over other profiles, its own base: " + " -> ".join([*above, name])
            )
        above.append(name)
        try:
            yield
        finally:
            above.remove(name)

    def _keep(self, shelved: Shelved, uses: tuple[Use, ...], text: bytes) -> None:
        """Keep it if nobody else writes just now and there is room; else it is generated again another time."""
        row: tuple[Any, ...] = shelved.number, maker(), orjson.dumps(uses), zlib.compress(text, _FASTEST)
        with suppress(MihubError), self._lookup.database.write(wait_seconds=0) as writer:
            writer.execute(
                "INSERT OR REPLACE INTO snapshot SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM resource WHERE id = ?)",
                (*row, shelved.number),
            )


class Watched:
    """Definitions as one package sees them, remembering what was asked. Implements `Definitions`."""

    def __init__(self, lookup: Lookup, snapshots: Snapshots, package: str) -> None:
        self._lookup, self._snapshots, self._package = lookup, snapshots, package
        self.uses: set[Use] = set()

    @property
    def generation(self) -> int:
        """The shelf's."""
        return self._lookup.generation()

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """See `Definitions`."""
        answer = self._ask(canonical, resource_type)
        if answer is None:
            return None
        return Found(answer.shelved.known, self._lookup.resource(answer.shelved), answer.rule)

    def structure(self, canonical: str) -> Found | None:
        """See `Definitions`."""
        answer = self._ask(canonical, "StructureDefinition")
        if answer is None:
            return None
        found = self._snapshots.structure(answer)
        self.uses.update(self._snapshots.uses(answer.shelved))
        return found

    def all(self, resource_type: str) -> Iterator[Known]:
        """See `Definitions`."""
        return self._lookup.all(resource_type)

    def _ask(self, canonical: str, resource_type: str) -> Answer | None:
        answer = self._lookup.answer(canonical, resource_type, self._package)
        self.uses.add((self._package, canonical, resource_type, _identity(answer)))
        return answer


@lru_cache(maxsize=1)
def maker() -> str:
    """Names the generator: another version of it makes its snapshots anew."""
    digest = hashlib.sha256(__version__.encode())
    for room in ("mihub.core.fhir.definitions.snapshot", "mihub.core.fhir.data"):
        folder = resources.files(room.rpartition(".")[0]).joinpath(room.rpartition(".")[2])
        for file in sorted(folder.iterdir(), key=lambda file: file.name):
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _identity(answer: Answer | None) -> str:
    if answer is None:
        return ""
    return (
        str(answer.shelved.number)
        if answer.shelved.number
        else f"{answer.shelved.known.package} {_named(answer.shelved.known)}"
    )


def _named(known: Known) -> str:
    return f"{known.url}|{known.version}" if known.version else known.url


def _located(error: MihubError, shelved: Shelved) -> InvalidInput:
    """The error of the generator, told of the profile that can not be used."""
    name = _named(shelved.known)
    where = error.where if name in error.where or not error.where else f"{name}, {error.where}"
    return InvalidInput(
        error.what,
        where=where or f"{name} in {shelved.known.package}",
        rule=error.rule or "a profile only narrows its base",
        next_step=error.next_step or "Mend the profile, or ask its publisher to.",
    )


def _unusable(shelved: Shelved, what: str) -> InvalidInput:
    return InvalidInput(
        f"This profile has no usable snapshot: {what}.",
        where=f"{_named(shelved.known)} in {shelved.known.package}",
        rule="a profile names one base and only narrows it",
        next_step="Mend the profile, or ask its publisher to.",
    )
