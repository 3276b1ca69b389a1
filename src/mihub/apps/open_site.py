"""One site, opened with all its rooms: record, ingest, facts, feasibility, mailbox, linkage, and the API over them.

The only place that joins the rooms of `site`; the same for a site of its own and for one in the all-in-one region.
Above: `site` (command line), `region`. Below: `mihub.site`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import Mount

from mihub import log
from mihub.apps import folders, site_admin, site_quarantine
from mihub.apps.validation import site_validator
from mihub.core.policy.actor import Access, MemberId, TransportId
from mihub.core.wire.feasibility import KIND
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.errors import MihubError
from mihub.site.api.app import create_app
from mihub.site.feasibility.room import Feasibility, open_room
from mihub.site.ingest.importer import Importer
from mihub.site.ingest.of_site import importer_of
from mihub.site.ingest.refusing import Intake
from mihub.site.linkage.feed import IdentityFeed
from mihub.site.linkage.transport_id import transport_id
from mihub.site.mailbox.agent import Agent
from mihub.site.mailbox.handlers import Handler, answer_feasibility
from mihub.site.mailbox.mailbox import Mailbox
from mihub.site.quarantine.collected import Collected
from mihub.site.quarantine.room import QuarantineRoom, Tried
from mihub.site.search.of_packages import stale
from mihub.site.settings import SiteSettings
from mihub.site.site import Site
from mihub.site.validate.finding import Validator

FOLLOW_SECONDS = 0.5
_KEPT_IMPORTS = 20
_RETRY_SECONDS = 5.0
_JOBS_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class SitePlace:
    """Where a site keeps what, and its secrets. `registry` and `linkage_key` are empty until it joins a region.

    `rooms_dir`: where facts and the memory of released counts lie, when not in the site's folder, which one process keeps.
    """

    settings: SiteSettings
    keys: KeySet = field(repr=False)
    secret: bytes = field(repr=False)
    registry: PublicKeys | None = None
    linkage_key: bytes = field(default=b"", repr=False)
    today: Callable[[], date] = date.today
    rooms_dir: Path | None = None


@dataclass(slots=True)
class OpenSite:
    """A site with its rooms; close it when done. Before it joins a region there is no `mailbox`, `agent` and `feed`.

    `answers`: set to False, the site stops fetching and sending letters, as if it were away; letters wait.
    """

    place: SitePlace
    record: Site
    feasibility: Feasibility
    mailbox: Mailbox | None = None
    agent: Agent | None = None
    feed: IdentityFeed | None = None
    answers: bool = True
    app: Starlette = field(default_factory=Starlette)

    @property
    def member(self) -> MemberId:
        """This organisation."""
        return self.place.settings.member

    @property
    def folder(self) -> Path:
        """The site's folder."""
        return self.place.settings.data_dir

    def close(self) -> None:
        """Give back connections and memory."""
        self.feasibility.facts.close()
        self.record.close()

    def authenticate(self, request: Request) -> Access:
        """Who asks. Raises `Unauthenticated`."""
        return self.record.gate.authenticate(request.headers.get("authorization"))

    def transport_id(self, patient_id: str) -> TransportId:
        """The name of a patient between this site and the trust centre."""
        return transport_id(self.place.secret, patient_id)

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        """Ids of the resources with this identifier."""
        asked = f"{_escaped(system)}|{_escaped(value)}"
        return self.record.search.ids(self.record.parser.parse(resource_type, [("identifier", asked)]))

    def holds_patient(self, patient_id: str) -> bool:
        """Is there a Patient with this id?"""
        return bool(self.record.search.ids(self.record.parser.parse("Patient", [("_id", patient_id)])))

    def importer(self, who: str = "import", intake: Intake | None = None) -> Importer:
        """Reads files into the record; what is refused waits in the quarantine."""
        return importer_of(self.record, who, intake)

    def upload_importer(self, shown: Callable[[str], str], who: str = "import") -> Importer:
        """As `importer`, for files that lie in a place of ours; `shown` gives the name that their sender knows."""
        record = self.record
        return self.importer(who, Intake(record.door, record.quarantine, record.tally, shown))

    @property
    def quarantine(self) -> QuarantineRoom:
        """What people do with refused records."""
        record = self.record
        return QuarantineRoom(record.quarantine, record.door, record.gate, record.store, self._again)

    def _again(self, body: bytes, shown: str, access: Access) -> Tried:
        """Import the text of a refused record once more, in the name of who asked for it."""
        refused = Collected()
        # What is refused once more was counted when it came.
        intake = Intake(self.record.door, refused, source="retry")
        report = self.importer(access.actor.id, intake).again(body, shown)
        if report.stopped is not None:
            raise report.stopped
        stored = not report.rejected and report.loaded > 0
        return Tried(stored, refused.findings, refused.troubles)

    def keep_import(self, document: Mapping[str, Any]) -> None:
        """Remember what an import did, for the engineer's page; the newest come first."""
        kept = [dict(document), *self.imports()][:_KEPT_IMPORTS]
        folders.replace(self.folder / "imports.json", orjson.dumps(kept), mode=0o600)

    def imports(self) -> list[dict[str, Any]]:
        """The newest imports."""
        path = self.folder / "imports.json"
        return orjson.loads(path.read_bytes()) if path.exists() else []

    def status(self) -> dict[str, Any]:
        """What the site holds: numbers only."""
        position = self.record.store.position()
        return {
            "member": self.member,
            "name": self.place.settings.name,
            "position": position,
            "facts_position": self.feasibility.facts.position,
            "resources": dict(sorted(self.record.store.counts().items())),
            "joined": self.mailbox is not None,
            "packages": len(self.record.packages.list()),
            # "" or a sentence: packages came or went since the site was opened.
            "search_parameters": stale(self.record.catalogue, self.folder),
            "projects": [one.title or one.project for one in self.mailbox.allowances.all()]
            if self.mailbox
            else [],
        }

    def background(self) -> list[Coroutine[Any, Any, None]]:
        """What must run while the site serves: facts, exports, letters, linkage, notifications."""
        tasks = [self._follow(), self._keep_jobs()]
        if self.agent is not None:
            tasks.append(self._exchange_letters(self.agent))
        if self.feed is not None:
            tasks.append(self.feed.run())
        if self.record.subscriptions is not None:
            tasks.append(self.record.subscriptions.run())
        return tasks

    async def _keep_jobs(self) -> None:
        """Go on with exports, imports and bundles that a restart interrupted, and delete what has expired."""
        while True:
            for jobs in self.record.background.values():
                await run_in_threadpool(jobs.sweep)
                jobs.work()
            await asyncio.sleep(_JOBS_SECONDS)

    async def _exchange_letters(self, agent: Agent) -> None:
        """Run the agent while the site answers. Cutting it off loses nothing: it goes on from its tables."""
        while True:
            running = asyncio.create_task(agent.run()) if self.answers else None
            try:
                while self.answers is (running is not None) and not (running and running.done()):
                    await asyncio.sleep(FOLLOW_SECONDS / 2)
            finally:
                if running is not None:
                    running.cancel()

    async def _follow(self) -> None:
        """Keep the facts within a second of the record."""
        while True:
            try:
                await run_in_threadpool(self.feasibility.refresh)
                # What was PUT into the record counts for validation too, a moment later.
                await run_in_threadpool(self.record.terminology.refresh)
                await asyncio.sleep(FOLLOW_SECONDS)
            except MihubError as error:
                log.warning("facts wait", member=self.member, error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)


def open_site(
    place: SitePlace,
    *,
    database_url: str | None = None,
    hub: httpx.AsyncClient | None = None,
    trust: httpx.AsyncClient | None = None,
    validator: Validator | None = None,
) -> OpenSite:
    """Open all rooms. `hub` and `trust` are clients with the base URL of those houses.

    `validator`: another one than that of the site's own packages.
    """
    settings = place.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    opened: list[Mailbox] = []

    def assertion_keys() -> Mapping[MemberId, ECKey]:
        # Before the site has joined a region it knows nobody, and nobody is let in.
        return opened[0].directory.assertion_keys() if opened else {}

    records: list[Site] = []
    record = Site.open(
        settings,
        assertion_keys,
        transport_id=partial(transport_id, place.secret),
        database_url=database_url,
        validator=validator or site_validator(lambda: records[0]),
        advisor=validator or site_validator(lambda: records[0], best_practice=True),
        # A fault of ours in one profile must not end an import: it becomes a finding of its own.
        validator_faults=(Exception,),
    )
    records.append(record)
    try:
        room = open_room(
            place.rooms_dir or settings.data_dir,
            record.store,
            member=settings.member,
            secret=place.secret,
            today=place.today,
        )
        site = OpenSite(place, record, room)
        _join(site, opened, hub, trust)
    except BaseException:
        record.close()
        raise
    site.app = Starlette(
        routes=[*site_admin.routes(site), *site_quarantine.routes(site), Mount("/", app=create_app(record))]
    )
    return site


def _join(
    site: OpenSite, opened: list[Mailbox], hub: httpx.AsyncClient | None, trust: httpx.AsyncClient | None
) -> None:
    place, pool = site.place, site.record.pool
    if place.registry is None or pool is None:
        return
    handlers: dict[str, Handler] = {KIND: answer_feasibility(site.feasibility.answer, site.member)}
    site.mailbox = Mailbox.open(
        pool, keys=place.keys, registry=place.registry, handlers=handlers, handler_faults=(Exception,)
    )
    opened.append(site.mailbox)
    if hub is not None:
        site.agent = Agent(site.mailbox, hub)
    if trust is not None and place.linkage_key:
        site.feed = IdentityFeed(
            pool,
            site.record.store,
            trust,
            keys=place.keys,
            secret=place.secret,
            linkage_key=place.linkage_key,
        )


def _escaped(text: str) -> str:
    """A search value in which `,`, `|`, `$` and `\\` mean themselves."""
    return "".join(f"\\{sign}" if sign in "\\,|$" else sign for sign in text)
