"""The whole region in one process: hub, trust centre, six sites, the care record and the portals, on loopback.

Every house keeps its own database in one PostgreSQL and its own keys; they meet only through their APIs, whose transport is
in-process here and the network elsewhere. Data enters as at a real site: synthetic exports through `site.ingest`.
Above: `demo`, `bench`, browser tests. Below: all houses.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from mihub.apps import site_admin
from mihub.apps.open_site import OpenSite, SitePlace, open_site
from mihub.apps.people import RegionPeople
from mihub.core.policy import assertion
from mihub.core.policy.actor import Access, MemberId
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.core.wire.members import Member, MemberList, member_list, sign_list
from mihub.database.embedded import Embedded
from mihub.hub.api.app import create_app as hub_app
from mihub.hub.hub import Hub, HubSettings
from mihub.hub.projects.projects import Project
from mihub.portals.research.asker import Asker
from mihub.portals.shell.app import create_app as portal_app
from mihub.portals.shell.houses import Houses
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.region import Region as RegionFile
from mihub.site.ingest.refusing import Intake
from mihub.site.quarantine.door import OPEN
from mihub.site.settings import SiteSettings
from mihub.synth.region import write_region
from mihub.trust.api.app import create_app as trust_app
from mihub.trust.trust import Trust, TrustSettings

NETWORK = MemberId("netzwerk")
PROJECT = "lung-demo"
PROJECT_TITLE = "Lungenkrebs in der Region (Demo)"
_YEAR_SECONDS = 366 * 86_400

# Called with a stage ("synth", "import", ...), what is done and what there is to do.
Stage = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """`people` and `seed` make the data; `today` is the day on which the region's story stands."""

    data_dir: Path
    people: int = 240
    seed: int = 1
    today: date = field(default_factory=date.today)


@dataclass(frozen=True, slots=True)
class OpenRegion:
    """A running region. `app` serves portals and houses at one address; it starts the sites' agents with its lifespan."""

    settings: DemoSettings
    app: Starlette
    sites: dict[MemberId, OpenSite]
    hub: Hub
    trust: Trust
    region: RegionFile
    asker: Asker
    pg: Embedded


@dataclass(frozen=True, slots=True)
class _Network:
    """Everybody's keys, and the list that says who belongs."""

    keys: dict[str, KeySet]
    registry: PublicKeys
    listed: MemberList
    token: str
    linkage_key: bytes
    project: KeySet


@contextmanager
def open_region(settings: DemoSettings, stage: Stage = lambda *_: None) -> Iterator[OpenRegion]:
    """Make the data, open every house, load the data, join all. Everything is closed afterwards."""
    synthetic = settings.data_dir / "synthetic"
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    write_region(
        synthetic,
        seed=settings.seed,
        people=settings.people,
        today=settings.today,
        progress=lambda done, total: stage("synth", done, total),
    )
    region = RegionFile.load(synthetic / "region.json")
    network = _network(region)
    with ExitStack() as stack:
        pg = Embedded.start(settings.data_dir / "pg")
        stack.callback(pg.stop)
        hub = Hub.open(HubSettings(pg.url("hub"), network.keys["hub"], network.registry, pool_size=4))
        stack.callback(hub.close)
        hub.members.accept(network.token)
        hub.projects.put(Project(PROJECT, PROJECT_TITLE))
        trust = Trust.open(TrustSettings(pg.url("trust"), network.keys["trust"], network.registry))
        stack.callback(trust.close)
        trust.members.accept(network.token)
        hub_client = _client(hub_app(hub), "hub")
        trust_client = _client(trust_app(trust), "trust")

        def load(member: MemberId) -> OpenSite:
            place, url = _place(settings, member, network), pg.url(member.replace("-", "_"))
            site = open_site(place, database_url=url, hub=hub_client, trust=trust_client)
            stack.callback(site.close)
            _fill(site, synthetic / member)
            _allow(site, network)
            return site

        sites: dict[MemberId, OpenSite] = {}
        # Two at a time: while one waits for its database, the other reads.
        with ThreadPoolExecutor(max_workers=2) as pool:
            members = [member.id for member in region.members]
            for number, site in enumerate(pool.map(load, members)):
                sites[site.member] = site
                stage("import", number + 1, len(members))
        asyncio.run(_link(sites))
        stage("link", 1, 1)
        portal, asker = _portal(settings, region, network, sites, hub_client, trust_client)
        app = _app(portal, asker, sites)
        yield OpenRegion(settings, app, sites, hub, trust, region, asker, pg)


def _network(region: RegionFile) -> _Network:
    names = [(member.id, member.name, member.kind) for member in region.members]
    everyone = [*names, ("hub", "Hub", "hub"), ("trust", "Vertrauensstelle", "trust")]
    keys = {str(owner): KeySet.generate(owner) for owner, _, _ in everyone}
    registry = KeySet.generate("registry")
    members = [
        Member(MemberId(owner), name, kind, _duties(owner), keys[str(owner)].public())
        for owner, name, kind in everyone
    ]
    listed = member_list("mihub-demo", members, version=1, now_seconds=int(time.time()))
    token = sign_list(listed, registry)
    return _Network(keys, registry.public(), listed, token, secrets.token_bytes(32), KeySet.generate(PROJECT))


def _duties(member: str) -> frozenset[str]:
    if member in {"hub", "trust"}:
        return frozenset({member})
    # The care record keeps what people plan together; it holds no hospital's facts and is asked no research question.
    return frozenset({"portal", "record"}) if member == NETWORK else frozenset({"site"})


# Where the demo's engineer and its tumour board's coordinator work; in the other houses nobody would look.
_VALIDATION: Final = {"chemnitz": "reject", "dresden": "warn"}


def _place(settings: DemoSettings, member: MemberId, network: _Network) -> SitePlace:
    listed = network.listed.members[member]
    return SitePlace(
        settings=SiteSettings(
            member=member,
            data_dir=settings.data_dir / member,
            name=listed.name,
            kind="care-record" if member == NETWORK else listed.kind,
            database_connections=4,
            validation=_VALIDATION.get(member, "off"),
        ),
        keys=network.keys[member],
        registry=network.registry,
        secret=secrets.token_bytes(32),
        linkage_key=network.linkage_key,
        today=lambda: settings.today,
    )


def _fill(site: OpenSite, exports: Path) -> None:
    """Import what the house would have exported, by the same door as real data."""
    # The generator's own data are not looked at before the demo answers: compiling R4 would cost two seconds and 60 MB.
    record = site.record
    report = site.importer(intake=Intake(OPEN, record.quarantine, record.tally)).run([exports])
    site.keep_import(
        site_admin.report_document(report, lambda name: str(Path(name).relative_to(exports.parent)))
    )
    if report.stopped is not None:
        raise report.stopped
    site.feasibility.refresh()


def _allow(site: OpenSite, network: _Network) -> None:
    """What the demo's sites have decided: they know the members and let the demo's project ask."""
    if site.mailbox is None:
        return
    site.mailbox.directory.accept(network.token)
    site.mailbox.allowances.allow(
        network.project.public(),
        title=PROJECT_TITLE,
        until=int(time.time()) + _YEAR_SECONDS,
        approved_by=f"{site.member}/site-engineer",
        min_cell=5,
    )


async def _link(sites: dict[MemberId, OpenSite]) -> None:
    for site in sites.values():
        if site.feed is not None:
            await site.feed.catch_up()


def _portal(
    settings: DemoSettings,
    region: RegionFile,
    network: _Network,
    sites: dict[MemberId, OpenSite],
    hub: httpx.AsyncClient,
    trust: httpx.AsyncClient,
) -> tuple[Portal, Asker]:
    key = network.keys[NETWORK].signing_key()

    def sign(access: Access, audience: MemberId) -> str:
        return assertion.sign(
            access, issuer=NETWORK, audience=audience, key=key, now_seconds=int(time.time())
        )

    fhir = {str(member): _client(site.app, member, "/fhir") for member, site in sites.items()}
    roots = {str(member): _client(site.app, member) for member, site in sites.items()}
    houses = Houses(fhir=fhir, roots={**roots, "hub": hub, "trust": trust}, sign=sign)
    asker = Asker(
        client=hub,
        sender=network.keys[NETWORK],
        projects={PROJECT: network.project},
        members=lambda: network.listed,
        bearer=sign,
    )
    portal = Portal(
        region=region,
        houses=houses,
        people=RegionPeople(houses, NETWORK),
        today=lambda: settings.today,
        is_demo=True,
    )
    return portal, asker


def _client(app: ASGIApp, member: str, path: str = "") -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app, raise_app_exceptions=False),
        base_url=f"http://{member}.internal{path}",
        timeout=60,
    )


def _app(portal: Portal, asker: Asker, sites: dict[MemberId, OpenSite]) -> Starlette:
    """The portal at the root, each site below `/sites/{member}`, their agents alive while the app is."""
    pages = portal_app(portal)
    pages.state.asker = asker

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(task) for site in sites.values() for task in site.background()]
            yield
            for task in tasks:
                task.cancel()

    routes = [Mount(f"/sites/{member}", app=site.app) for member, site in sites.items()]
    return Starlette(routes=[*routes, Mount("/", app=pages)], lifespan=lifespan)
