"""An opened site: its record, its search and its door. The other rooms stand beside it (`apps.open_site`).

Composes, decides nothing. Above: `apps`, `site.api`. Below: store, search, access.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from mihub.core.fhir.dates import zone
from mihub.core.policy.actor import TransportId
from mihub.core.policy.rules import Place
from mihub.database.embedded import Embedded
from mihub.database.pool import Pool, open_pool
from mihub.errors import MihubError
from mihub.site.access.gate import AssertionKeys, Gate
from mihub.site.jobs.jobs import Jobs
from mihub.site.quarantine.door import Door, Faults, SaysNothing
from mihub.site.quarantine.gated_store import GatedStore
from mihub.site.quarantine.levels import Levels, levels_of
from mihub.site.quarantine.postgres import PostgresQuarantine
from mihub.site.quarantine.postgres_counts import PostgresCounts
from mihub.site.quarantine.protocol import Quarantine
from mihub.site.quarantine.tally import Tally
from mihub.site.search.catalogue import Catalogue
from mihub.site.search.codes import Codes
from mihub.site.search.extract import TRANSPORT_SYSTEM, TransportIdOf, indexer
from mihub.site.search.of_packages import catalogue_of_packages
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.search.postgres import PostgresSearch
from mihub.site.search.protocol import Search
from mihub.site.settings import SiteSettings
from mihub.site.store.postgres import PostgresStore
from mihub.site.store.protocol import Store
from mihub.site.store.rows import Indexer
from mihub.site.validate.finding import Validator

if TYPE_CHECKING:
    from mihub.site.packages.shelf import Shelf
    from mihub.site.subscriptions.room import Subscriptions
    from mihub.site.terminology.terminology import Terminology


@dataclass
class Site:
    """What the API and the other rooms of a site work with. `page_key` seals links to further pages."""

    settings: SiteSettings
    store: Store
    search: Search
    parser: Parser
    gate: Gate
    catalogue: Catalogue
    page_key: bytes
    door: Door
    tally: Tally
    quarantine: Quarantine
    pool: Pool | None = None
    index: Indexer | None = None
    now: Callable[[], float] = time.time
    # Work that outlives requests, by the folder where it is kept; `apps` sees to it that it goes on after a restart.
    background: dict[str, Jobs] = field(default_factory=dict)
    _closing: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def open(
        cls,
        settings: SiteSettings,
        assertion_keys: AssertionKeys,
        *,
        transport_id: TransportIdOf | None = None,
        database_url: str | None = None,
        now: Callable[[], float] = time.time,
        validator: Validator | None = None,
        validator_faults: Faults = (MihubError,),
        advisor: Validator | None = None,
    ) -> Site:
        """Open the record, bring its tables up to date, start the database when the settings name none.

        `transport_id`: Patient.id to the id that others know (`site.linkage`); without it nobody outside
        finds a patient. `validator` looks at every write as the setting `validation` says; without it nothing is
        looked at. `validator_faults`: what it may raise and a write survives. `advisor` answers `$validate`.
        """
        levels = levels_of(settings.validation)
        door = (
            Door(validator, levels, validator_faults, advisor)
            if validator is not None
            else Door(SaysNothing(), Levels("off"))
        )
        closing: list[Callable[[], None]] = []
        url = database_url or settings.database_url
        if url is None:
            server = Embedded.start(settings.data_dir / "pg")
            closing.append(server.stop)
            url = server.url("site")
        try:
            pool = open_pool(url, max_size=settings.database_connections)
        except BaseException:
            _close_all(closing)
            raise
        closing.append(pool.close)
        return cls._on(settings, pool, assertion_keys, transport_id, now, closing, door)

    @classmethod
    def _on(
        cls,
        settings: SiteSettings,
        pool: Pool,
        assertion_keys: AssertionKeys,
        transport_id: TransportIdOf | None,
        now: Callable[[], float],
        closing: list[Callable[[], None]],
        door: Door,
    ) -> Site:
        try:
            known, local = catalogue_of_packages(settings.data_dir), zone(settings.time_zone)
            version = index_version(known, settings.time_zone, alone=transport_id is None)
            index = indexer(known, local, transport_id)
            record = PostgresStore(pool, index, catalogue=version)
            quarantine, tally = PostgresQuarantine(pool), Tally(PostgresCounts(pool), local, now)
            store = GatedStore(record, door, tally, quarantine)
            search = PostgresSearch(pool)
            opened: list[Site] = []

            def codes() -> Codes:
                from mihub.site.terminology.for_search import CodesOfTerminology

                return CodesOfTerminology(opened[0].terminology)

            parser = Parser(known, local, PageLimits(settings.page_size, settings.max_page_size), codes)
            finder = PatientFinder(parser, search)
            gate = Gate(Place(settings.member, settings.kind), assertion_keys, finder.by_transport_id, now)
            site = cls(
                settings,
                store,
                search,
                parser,
                gate,
                known,
                search.page_key(),
                door,
                tally,
                quarantine,
                pool,
                index,
                now,
                _closing=closing,
            )
            opened.append(site)
            return site
        except BaseException:
            _close_all(closing)
            raise

    @cached_property
    def packages(self) -> Shelf:
        """The site's FHIR packages over the program's own R4 core (`Definitions`); opened by the first who asks."""
        from mihub.site.packages.shelf import FILE_NAME, Shelf

        shelf = Shelf.open(self.settings.data_dir / FILE_NAME)
        self._closing.append(shelf.close)
        return shelf

    @cached_property
    def terminology(self) -> Terminology:
        """Code systems, value sets and concept maps of packages, code lists and the record; opened by the first who asks."""
        from mihub.site.terminology.of_site import open_terminology

        return open_terminology(self, self._closing.append)

    @cached_property
    def subscriptions(self) -> Subscriptions | None:
        """Who wants to be told of changes; None for a record without a database. Opened with the API."""
        from mihub.site.subscriptions.room import Subscriptions

        if self.pool is None or self.index is None:
            return None
        room = Subscriptions(
            self.pool, self.store, self.gate, self.parser, self.index, self.settings, self.now
        )
        if isinstance(self.store, GatedStore):
            self.store.checks.append(room.check)
        return room

    def close(self) -> None:
        """Give back what was opened, last first. Calling it again does nothing."""
        for jobs in self.background.values():
            jobs.stop()
        self.store.close()
        _close_all(self._closing)


def index_version(known: Catalogue, time_zone: str, *, alone: bool = False) -> str:
    """What the index is made of; a record with another one is indexed again when it is opened."""
    return f"{known.version}-{time_zone}-{'alone' if alone else 'transport'}"


class PatientFinder:
    """Finds whose transport id it is."""

    def __init__(self, parser: Parser, search: Search) -> None:
        self._parser = parser
        self._search = search

    def by_transport_id(self, transport_id: TransportId) -> str | None:
        """The Patient.id, or None."""
        # A transport id is hexadecimal; anything else is nobody's and never becomes part of a search.
        if not transport_id.isalnum():
            return None
        question = self._parser.parse("Patient", [("identifier", f"{TRANSPORT_SYSTEM}|{transport_id}")])
        found = self._search.ids(question)
        return found[0] if len(found) == 1 else None


def _close_all(closing: list[Callable[[], None]]) -> None:
    while closing:
        closing.pop()()
