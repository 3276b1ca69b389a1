"""$closure: a client's own table of codes, and which of them are below which; only what is new is answered.

The table lives at the site (`ClosureTables`), numbered by version; a client that missed answers asks again from a version on.
Source: https://hl7.org/fhir/R4/conceptmap-operation-closure.html and terminology-service.html#closure. Above: `terminology`.
Engines: `MemoryTables` here (the reference), `closure_sqlite`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from mihub.core.fhir import Json, Resource
from mihub.errors import InvalidInput, NotFound, TooLarge
from mihub.site.terminology import shape
from mihub.site.terminology.asked import entries, text
from mihub.site.terminology.sources import Sources

MOST_CODES: Final = 20_000
MOST_TABLES: Final = 1_000

Code = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Relation:
    """`below` is below `above`, known since `version` of the table."""

    system: str
    below: str
    above: str
    version: int = 0


Compare = Callable[[Code, Iterable[Code]], Iterable[Relation]]


class ClosureTables(Protocol):
    """Where tables are kept. Safe from any thread; `add` is one transaction."""

    def start(self, name: str) -> None:
        """An empty table of this name, whatever was there. Raises `TooLarge` when there are too many tables."""
        ...

    def add(self, name: str, codes: Sequence[Code], compare: Compare) -> tuple[int, list[Relation]]:
        """New codes, and what they bring: the table's version and the relations that are new. Raises `NotFound`."""
        ...

    def since(self, name: str, version: int) -> tuple[int, list[Relation]]:
        """The table's version and the relations younger than `version`. Raises `NotFound`."""
        ...


def closure(parameters: Resource, sources: Sources, tables: ClosureTables) -> Resource:
    """A ConceptMap with what is new. Raises `InvalidInput`, `NotFound`, `TooLarge`."""
    name = text(parameters, "name")
    if not name or len(name) > 128:
        raise InvalidInput("A closure table needs a name.", where="name", rule="1 to 128 characters")
    codings = [one.get("valueCoding") for one in entries(parameters) if one.get("name") == "concept"]
    version = text(parameters, "version")
    if codings and version:
        raise InvalidInput("Send codes, or ask from a version on; not both.", where="version")
    if version:
        if not version.isdecimal() or len(version) > 9:
            raise InvalidInput("The version of a closure table is a number.", where="version")
        return _concept_map(name, *tables.since(name, int(version)))
    if not codings:
        tables.start(name)
        return _concept_map(name, 0, [])
    codes = [_code(one, sources) for one in codings]
    return _concept_map(name, *tables.add(name, codes, _comparing(sources)))


def _code(coding: object, sources: Sources) -> Code:
    if not isinstance(coding, dict) or not coding.get("system") or not coding.get("code"):
        raise InvalidInput("A concept of a closure table needs system and code.", where="concept")
    shape.check(coding)
    system = sources.code_system(coding["system"])
    normal = system.normal(coding["code"]) if system is not None else None
    if normal is None:
        raise NotFound("A concept of a closure table is not known here.", where="concept")
    return coding["system"], normal


def _comparing(sources: Sources) -> Compare:
    def compare(new: Code, known: Iterable[Code]) -> Iterable[Relation]:
        system = sources.code_system(new[0])
        for url, code in known if system is not None else ():
            if url != new[0] or code == new[1] or system is None:
                continue
            if system.subsumes(code, new[1]):
                yield Relation(url, new[1], code)
            elif system.subsumes(new[1], code):
                yield Relation(url, code, new[1])

    return compare


def _concept_map(name: str, version: int, relations: Sequence[Relation]) -> Resource:
    groups: dict[str, dict[str, list[Json]]] = {}
    for one in relations:
        targets = groups.setdefault(one.system, {}).setdefault(one.below, [])
        targets.append({"code": one.above, "equivalence": "subsumes"})
    found: Resource = {
        "resourceType": "ConceptMap",
        "version": str(version),
        "name": name,
        "status": "active",
        "experimental": True,
    }
    if groups:
        found["group"] = [
            {
                "source": system,
                "target": system,
                "element": [{"code": code, "target": targets} for code, targets in elements.items()],
            }
            for system, elements in groups.items()
        ]
    return found


def no_table() -> NotFound:
    """The refusal where nobody started a table of this name."""
    return NotFound(
        "There is no closure table of this name.",
        where="name",
        rule="a table is started by its name alone",
        next_step="Start it: $closure with the name and nothing else.",
    )


def too_many(what: str, most: int) -> TooLarge:
    """The refusal above a bound."""
    return TooLarge(f"More {what} than a site keeps for closure.", rule=f"at most {most}")


@dataclass(slots=True)
class _Table:
    version: int = 0
    codes: dict[Code, None] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)


class MemoryTables:
    """The reference engine: forgets everything when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[str, _Table] = {}

    def start(self, name: str) -> None:
        with self._lock:
            if name not in self._tables and len(self._tables) >= MOST_TABLES:
                raise too_many("tables", MOST_TABLES)
            self._tables[name] = _Table()

    def add(self, name: str, codes: Sequence[Code], compare: Compare) -> tuple[int, list[Relation]]:
        with self._lock:
            table = self._table(name)
            new = [code for code in dict.fromkeys(codes) if code not in table.codes]
            if len(table.codes) + len(new) > MOST_CODES:
                raise too_many("codes", MOST_CODES)
            if not new:
                return table.version, []
            version, found = table.version + 1, []
            known = dict(table.codes)
            for code in new:
                found += [Relation(r.system, r.below, r.above, version) for r in compare(code, tuple(known))]
                known[code] = None
            table.codes, table.version = known, version
            table.relations += found
            return version, found

    def since(self, name: str, version: int) -> tuple[int, list[Relation]]:
        with self._lock:
            table = self._table(name)
            return table.version, [one for one in table.relations if one.version > version]

    def _table(self, name: str) -> _Table:
        if name not in self._tables:
            raise no_table()
        return self._tables[name]
