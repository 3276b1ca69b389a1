"""Hub and sites as separate processes over real loopback HTTP; one site is killed in its work, one is
not there."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import orjson
import pytest
import uvicorn

from mihub.core.wire import keyfile
from mihub.portals.research.asker import QuestionStatus
from tests.wire_world import PROJECT, RESEARCHER, SiteEnd, World, keys_of, members

_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def served(world: World) -> Iterator[str]:
    """The hub behind a real HTTP server on a free port."""
    config = uvicorn.Config(world.app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(timeout=20)


def start(site: SiteEnd, hub: str, folder: Path) -> subprocess.Popen[bytes]:
    keyfile.save(keys_of(site.name), folder / f"{site.name}.keys")
    config = folder / f"{site.name}.json"
    config.write_bytes(
        orjson.dumps(
            {
                "hub": hub,
                "database": site.url,
                "keys": str(folder / f"{site.name}.keys"),
                "registry": keys_of("registry").public().to_json(),
                "count": site.count,
                "dies_once": str(folder / f"{site.name}.dies"),
            }
        )
    )
    return subprocess.Popen(
        [sys.executable, "-m", "tests.wire_site_process", str(config)],
        cwd=_ROOT,
        stderr=subprocess.DEVNULL,
    )


async def until(world: World, hub: str, question: str, **states: str) -> QuestionStatus:
    """Wait for the states, at most a minute."""
    async with httpx.AsyncClient(base_url=hub) as client:
        for _ in range(600):
            status = await world.asker(client).status(question, RESEARCHER)
            if {site.member: site.state for site in status.sites} == states:
                return status
            await asyncio.sleep(0.1)
    pytest.fail(f"The states were not reached: {status.sites}")


def test_a_killed_site_answers_once_and_a_missing_one_is_named(tmp_path: Path) -> None:
    world = World({"chemnitz": 120, "cottbus": 3, "praxis-a": 40})
    world.clock.seconds = time.time()
    world.hub.members.accept(members(*world.sites, version=2, now=int(world.clock.seconds)))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with served(world) as hub:
            (tmp_path / "chemnitz.dies").touch()
            chemnitz = start(world.sites["chemnitz"], hub, tmp_path)
            cottbus = start(world.sites["cottbus"], hub, tmp_path)
            processes += [chemnitz, cottbus]

            async def ask() -> str:
                async with httpx.AsyncClient(base_url=hub) as client:
                    return await world.asker(client).ask({}, PROJECT, RESEARCHER, min_cell=5)

            question = asyncio.run(ask())
            assert chemnitz.wait(timeout=60) == -signal.SIGKILL
            assert world.sites["chemnitz"].effects() == []
            asyncio.run(
                until(
                    world, hub, question, chemnitz="received", cottbus="answered", **{"praxis-a": "waiting"}
                )
            )
            processes.append(start(world.sites["chemnitz"], hub, tmp_path))
            status = asyncio.run(
                until(
                    world, hub, question, chemnitz="answered", cottbus="answered", **{"praxis-a": "waiting"}
                )
            )
            assert [site.shown for site in status.sites] == ["120", "<5", ""]
            assert [site.member for site in status.silent] == ["praxis-a"]
            assert world.sites["chemnitz"].effects() == [question]
    finally:
        for process in processes:
            process.kill()
            process.wait()
        world.close()
