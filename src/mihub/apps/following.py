"""A running hub or trust centre takes a new list of members and new projects from its folder, without a restart.

Looks at the files' times only; a file that is refused changes nothing and is said once. Above: `hub`, `trust`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount

from mihub import log
from mihub.errors import MihubError

EVERY_SECONDS = 2.0


def following(app: Starlette, files: list[Path], take: Callable[[], None]) -> Starlette:
    """The same application; `take` runs whenever one of the files was replaced."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_watch(files, take))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return Starlette(routes=[Mount("/", app=app)], lifespan=lifespan)


async def _watch(files: list[Path], take: Callable[[], None]) -> None:
    # What is there at the start was taken when the house was opened.
    seen = _state(files)
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        found = _state(files)
        if found == seen:
            continue
        seen = found
        try:
            await run_in_threadpool(take)
        except (MihubError, OSError, ValueError) as error:
            log.warning("folder refused", error=type(error).__name__)


def _state(files: list[Path]) -> list[tuple[int, int]]:
    return [(path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else (0, 0) for path in files]
