"""The code lists of a site: add, list, remove, search, and a provider for each. Other processes notice at their next question.

`CodeLists.open(<site folder>/codes.sqlite)`. Iterating gives the providers of the moment, also under the aliases of their
systems. Above: `apps.codes`, the terminology operations. Below: `recognise`, `loading`, `search`, `provider`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mihub.core.fhir.definitions.protocol import Definitions
from mihub.errors import InvalidInput, MihubError, NotFound
from mihub.site.terminology.lists import definitions as package_definitions
from mihub.site.terminology.lists.database import Database
from mihub.site.terminology.lists.entry import Problem
from mihub.site.terminology.lists.inventory import ListInfo, lists
from mihub.site.terminology.lists.loading import remove_list, write
from mihub.site.terminology.lists.provider import SqliteCodeSystem
from mihub.site.terminology.lists.recognise import Wanted, recognised
from mihub.site.terminology.lists.search import Hit, Search
from mihub.site.terminology.lists.sources import Sources
from mihub.site.terminology.lists.systems import aliases, canonical

Started = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Added:
    """One list that is kept now, or was refused (`refused` says why; then the rest is empty)."""

    files: str
    info: ListInfo | None = None
    problems: tuple[Problem, ...] = ()
    seconds: float = 0.0
    refused: MihubError | None = None


class CodeLists:
    """All lists in one file. Safe from any thread and from several processes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._providers: tuple[int, tuple[SqliteCodeSystem, ...]] = (-1, ())
        self._guard = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> CodeLists:
        """The lists in this file; it is made by the first `add`."""
        return cls(Database(path))

    def close(self) -> None:
        """Give back the file."""
        self._database.close()

    def __enter__(self) -> CodeLists:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def generation(self) -> int:
        """Grows when any process adds or removes a list."""
        return self._database.change

    def lists(self) -> tuple[ListInfo, ...]:
        """What was loaded, without the code systems of packages."""
        if not self._database.exists:
            return ()
        return tuple(one for one in lists(self._database.reading()) if one.kind != "definitions")

    def providers(self) -> tuple[SqliteCodeSystem, ...]:
        """A provider for each list, the newest version of a system first; again for each alias of its address."""
        now = self.generation
        with self._guard:
            if self._providers[0] != now:
                found = [one for one in self.lists() if one.kind == "codes"]
                own = [SqliteCodeSystem(self._database, one) for one in found]
                other = [
                    SqliteCodeSystem(self._database, one, alias)
                    for one in found
                    for alias in aliases(one.url)
                ]
                self._providers = (now, (*own, *other))
            return self._providers[1]

    def __iter__(self) -> Iterator[SqliteCodeSystem]:
        return iter(self.providers())

    def add(
        self, paths: Iterable[Path], wanted: Wanted | None = None, started: Started = lambda name: None
    ) -> list[Added]:
        """Load the lists in these files. Each is kept whole or not at all; one that is refused does not stop the others.

        Raises when the files can not be opened, or when none of them is a code list.
        """
        wanted = wanted or Wanted()
        with Sources(paths) as sources:
            found = recognised(sources.groups, wanted)
            if wanted.version and len({one.name for one in found}) > 1:
                raise InvalidInput(
                    "A version was named for files of several kinds.",
                    where=", ".join(one.name for one in found),
                    rule="--version is that of one list",
                    next_step="Load them one after the other.",
                )
            outcome = []
            for one in found:
                started(one.name)
                names = ", ".join(file.base for file in one.files[:3]) or one.name
                begin = time.perf_counter()
                try:
                    with self._database.writing() as connection:
                        kept = write(connection, one.read())
                        info = next(info for info in lists(connection) if info.id == kept.list_id)
                    outcome.append(Added(names, info, kept.problems, time.perf_counter() - begin))
                except MihubError as error:
                    outcome.append(Added(names, refused=error))
            return outcome

    def remove(self, system: str, version: str = "") -> list[ListInfo]:
        """Take out a system (by address, alias or short name), one version or all. Raises `NotFound` when there is none."""
        url = canonical(system)
        gone = [
            one
            for one in self.lists()
            if (one.key == system or one.url == url) and (not version or one.version == version)
        ]
        if not gone:
            known = ", ".join(f"{one.key or one.url} {one.version}" for one in self.lists()) or "none"
            raise NotFound(
                "There is no such code list.",
                rule=f"one of those loaded: {known}",
                next_step="See them with: mihub codes list",
            )
        with self._database.writing() as connection:
            for one in gone:
                remove_list(connection, one.id, own_search=True)
        return gone

    def search(
        self, text: str, *, systems: Collection[str] = (), limit: int = 20, every_version: bool = False
    ) -> list[Hit]:
        """Codes as people type them, best first; see `search`. `systems`: addresses, aliases or short names."""
        urls = [canonical(one) for one in systems]
        return Search(self._database).find(text, systems=urls, limit=limit, every_version=every_version)

    def index_definitions(self, known: Definitions) -> int:
        """Make the small code systems of packages searchable; a no-op when nothing changed. Gives how many are."""
        return package_definitions.index(self._database, known)
