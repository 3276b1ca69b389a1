"""The whole region measured: synthetic people, import, the demo's start and memory, a patient's page, a federated count.

Ceilings: rows copied into a bare table, an empty page, the same count asked of the facts directly.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import psycopg

from mihub.apps import demo
from mihub.apps.bench.measure import resident_mb, timed
from mihub.apps.open_site import OpenSite, open_site
from mihub.apps.region import NETWORK, PROJECT, DemoSettings, OpenRegion
from mihub.apps.serve import Background, bind
from mihub.core.policy.actor import Access, Actor, Purpose, Role
from mihub.synth.region import write_region

_SYNTH_PEOPLE = 2000
QUESTION: dict[str, Any] = {
    "version": "2",
    "display": "Lung cancer",
    "inclusionCriteria": [
        [
            {
                "context": {"code": "Diagnose", "system": "fdpg.mii.cds", "display": "Diagnose"},
                "termCodes": [
                    {
                        "code": "C34",
                        "system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm",
                        "display": "Lung cancer",
                    }
                ],
            }
        ]
    ],
}


def synthetic() -> dict[str, Any]:
    """Writing a synthetic region of 2,000 people."""
    with tempfile.TemporaryDirectory(prefix="mihub-bench-") as folder:
        seconds, summary = timed(
            lambda: write_region(Path(folder), seed=1, people=_SYNTH_PEOPLE, today=date(2026, 11, 23))
        )
    return {"people": _SYNTH_PEOPLE, "seconds": round(seconds, 2), "resources": summary.total_resources}


def measured(people: int, wanted: Sequence[str]) -> dict[str, Any]:
    """The parts of the demo region that are wanted: import, demo, page, count; one region serves all."""
    result: dict[str, Any] = {}
    settings = DemoSettings(data_dir=demo.NEW, people=people, today=date.today())
    with demo.started(settings, quiet=True) as (region, seconds):
        if "demo" in wanted:
            result["demo"] = {
                "ready_seconds": round(seconds, 1),
                "resident_mb": round(resident_mb(region.settings.data_dir / "pg")),
            }
        with Background(region.app, bind("127.0.0.1", 0)) as served:
            if "page" in wanted:
                result["page"] = _page(served.url)
            if "count" in wanted:
                result["count"] = asyncio.run(_count(region))
            if "demo" in wanted:
                result["demo"]["resident_after_use_mb"] = round(resident_mb(region.settings.data_dir / "pg"))
        if "import" in wanted:
            result["import"] = _import(region)
    return result


def _import(region: OpenRegion) -> dict[str, Any]:
    """The region's exports into empty sites, two at a time, against copying the same bytes into a bare table."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mihub-bench-")))
        sites = [stack.enter_context(_empty(region, site, folder)) for site in region.sites.values()]

        def load(site: OpenSite) -> int:
            report = site.importer().run([region.settings.data_dir / "synthetic" / site.member])
            return sum(report.resources.values())

        with ThreadPoolExecutor(max_workers=2) as pool:
            seconds, resources = timed(lambda: sum(pool.map(load, sites)))
        bodies = [one.body or b"" for site in sites for one in site.record.store.changes(0, 1_000_000)]
    with psycopg.connect(region.pg.url("bench_ceiling"), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (body bytea)")
        ceiling, _ = timed(lambda: _copy(connection, bodies))
    rate, bare = resources / seconds, len(bodies) / ceiling
    return {
        "resources": resources,
        "seconds": round(seconds, 2),
        "resources_per_second": round(rate),
        "ceiling_rows_per_second": round(bare),
        "ratio_to_ceiling": round(rate / bare, 4),
    }


@contextmanager
def _empty(region: OpenRegion, like: OpenSite, folder: Path) -> Iterator[OpenSite]:
    settings = replace(like.place.settings, data_dir=folder / like.member)
    url = region.pg.url(f"bench_{like.member.replace('-', '_')}")
    site = open_site(replace(like.place, settings=settings), database_url=url)
    try:
        yield site
    finally:
        site.close()


def _copy(connection: psycopg.Connection[Any], bodies: list[bytes]) -> None:
    with connection.cursor().copy("COPY bare (body) FROM STDIN") as copy:
        for body in bodies:
            copy.write_row((body,))


def _page(url: str) -> dict[str, Any]:
    """A patient's first page with everything it loads, compressed as a browser asks for it."""
    from lxml import html

    with httpx.Client(base_url=url, follow_redirects=True, timeout=30) as client:
        start: html.HtmlElement = html.fromstring(client.get("/").text)
        form = next(one for one in start.forms if dict(one.form_values()).get("persona") == "patient")
        seconds, home = timed(lambda: client.post("/anmelden", data=dict(form.form_values())))
        document = html.document_fromstring(home.text)
        linked: Any = document.xpath(
            "//link[@rel='stylesheet' or @rel='preload']/@href | //script/@src | //img/@src"
        )
        size = _wire_bytes(client, str(home.url)) + sum(
            _wire_bytes(client, path) for path in dict.fromkeys(linked)
        )
        empty, _ = timed(lambda: client.get("/static/none"))
    return {
        "bytes": size,
        "requests": 1 + len(set(linked)),
        "seconds": round(seconds, 3),
        "ceiling_seconds": round(empty, 4),
    }


def _wire_bytes(client: httpx.Client, path: str) -> int:
    with client.stream("GET", path, headers={"Accept-Encoding": "gzip, br"}) as answer:
        return sum(len(block) for block in answer.iter_raw())


async def _count(region: OpenRegion) -> dict[str, Any]:
    """Ask all sites through the mailbox until all have answered; the ceiling asks each site's facts directly."""
    persona = next(one for one in region.region.personas if one.role is Role.RESEARCHER)
    actor = Actor(f"{persona.member}/{persona.id}", persona.name, persona.role, persona.member)
    access = Access(actor, Purpose.RESEARCH)
    begin = time.perf_counter()
    question = await region.asker.ask(QUESTION, PROJECT, access, title="bench")
    while (status := await region.asker.status(question, access)).silent and time.perf_counter() - begin < 30:
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - begin
    ceiling, _ = timed(
        lambda: [
            site.feasibility.local_count(QUESTION)
            for member, site in region.sites.items()
            if member != NETWORK
        ]
    )
    return {
        "sites": len(status.sites),
        "answered": sum(one.state == "answered" for one in status.sites),
        "seconds": round(seconds, 2),
        "ceiling_seconds": round(ceiling, 3),
        "ratio_to_ceiling": round(ceiling / seconds, 3),
    }
