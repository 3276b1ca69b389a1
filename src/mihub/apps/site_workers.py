"""More processes that answer the requests of one site: they share the listening socket and the database.

The first process alone keeps the facts, exchanges letters and works on exports; the others only answer. One that ends is started
anew; all end with the first, also when that is killed. Above: `site`. Below: `open_site`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount

from mihub import log
from mihub.apps.open_site import OpenSite
from mihub.apps.serve import until_stopped
from mihub.errors import MihubError

_LOOK_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 10


class Workers:
    """So many processes beside this one, for the length of the block."""

    def __init__(self, folder: Path, sock: socket.socket, count: int) -> None:
        self._folder, self._sock, self._count = folder, sock, max(count, 0)
        self._running: list[subprocess.Popen[bytes]] = []
        self._ending = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="mihub-workers", daemon=True)

    def __enter__(self) -> Workers:
        if self._count:
            self._sock.set_inheritable(True)
            self._running = [self._start() for _ in range(self._count)]
            self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._count:
            self._keeper.join()
        for one in self._running:
            one.terminate()
        for one in self._running:
            try:
                one.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        number = self._sock.fileno()
        words = [
            sys.executable,
            "-m",
            "mihub",
            "site",
            "serve",
            "--site",
            str(self._folder),
            "--beside",
            f"{number}:{os.getpid()}",
        ]
        return subprocess.Popen(words, pass_fds=(number,), stdin=subprocess.DEVNULL)  # noqa: S603  # our own program

    def _keep(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            for number, one in enumerate(self._running):
                if one.poll() is not None and not self._ending.is_set():
                    log.warning("worker ended", status=one.returncode)
                    # No room for another process just now: tried again at the next look.
                    with contextlib.suppress(OSError):
                        self._running[number] = self._start()


def serve_beside(folder: Path, handed: str) -> None:
    """Answer requests on a socket until the process that handed it down ends; `handed` is socket:process."""
    from mihub.apps.site import opened

    # Told, not asked: that process may have ended before this one looks.
    number, parent = (int(part) for part in handed.split(":"))
    with socket.socket(fileno=number) as sock, opened(folder) as site:
        until_stopped(_answering(site, parent), sock)


def _answering(site: OpenSite, parent: int) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_follow(site, parent))
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return Starlette(routes=[Mount("/", app=site.app)], lifespan=lifespan)


async def _follow(site: OpenSite, parent: int) -> None:
    """Take over what the first process learns, and end when it does."""
    while os.getppid() == parent:
        try:
            if site.mailbox is not None:
                await run_in_threadpool(site.mailbox.directory.reread)
            await run_in_threadpool(site.record.terminology.refresh)
        except MihubError as error:
            log.warning("worker waits", error=type(error).__name__)
        await asyncio.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
