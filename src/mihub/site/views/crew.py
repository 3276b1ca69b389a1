"""Chunks worked on by several processes, results in the order of the chunks.

The caller's own process works, too, while the others start: a small input never waits for them. How much is under way
is bounded, so memory does not grow with the input. Above: `running`. Below: `work`.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mihub.errors import Unavailable
from mihub.site.views.work import AnyChunk, Part, Task, Worker

# Processes beyond this do not help: one process writes.
MAX_PROCESSES: Final = 8
# Input below this many bytes is done sooner than another process has started.
SMALL_BYTES: Final = 6 * 1024 * 1024
_AHEAD: Final = 2
_KEPT: Final = 48
_TASKS: Final = Path("/proc/self/task")
# Threads that know of forks: they stop before one, and each process starts its own. Arrow loads this allocator.
_SAFE_THREADS: Final = frozenset(["jemalloc_bg_thd"])
_LOOKS: Final = 5
_LOOK_SECONDS: Final = 0.002

_numbers = count(1)
_worker: tuple[int, Worker] | None = None


def cores() -> int:
    """How many processes may run at once on this machine."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_PROCESSES)
    return min(os.cpu_count() or 1, MAX_PROCESSES)


class Crew:
    """This process and its helpers, for one task after the other; the helpers end with the block."""

    def __init__(self, helpers: int | None = None) -> None:
        """`helpers`: processes beside this one, None: one a core; 0: this one does all."""
        self._helpers = cores() - 1 if helpers is None else helpers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def gather(self) -> None:
        """Start the helpers as copies of this process, which costs next to nothing; only where that is safe.

        To be called before there are threads. Without it, helpers start anew once there is work enough for them.
        """
        if self._helpers > 0 and self._pool is None and may_copy():
            self._pool = ProcessPoolExecutor(self._helpers, mp_context=multiprocessing.get_context("fork"))
            self._pool.submit(_nothing)

    def work(self, chunks: Iterator[AnyChunk], task: Task, *, takes_part: bool = True) -> Iterator[Part]:
        """The parts of all chunks, in order.

        `takes_part` False: once there are helpers, this process leaves the work to them, as a server must. Raises what
        `Worker.run` raises, and `Unavailable` when a process was killed.
        """
        worker, seen = Worker(task), 0
        if self._pool is None:
            for chunk in chunks:
                seen += chunk.size_bytes
                yield worker.run(chunk)
                if seen > SMALL_BYTES and self._helpers > 0:
                    break
            else:
                return
        yield from self._together(chunks, task, worker if takes_part else None)

    def _together(self, chunks: Iterator[AnyChunk], task: Task, worker: Worker | None) -> Iterator[Part]:
        if self._pool is None:
            # Not copied: threads of this process may hold locks for which a copy would wait for ever.
            self._pool = ProcessPoolExecutor(self._helpers, mp_context=multiprocessing.get_context("spawn"))
        try:
            yield from _shared_out(chunks, self._pool, task, worker, self._helpers * _AHEAD)
        except BrokenProcessPool as error:
            raise Unavailable(
                "A process of this run was ended from outside; nothing was written.",
                next_step="Make sure that there is memory enough, then run it again.",
            ) from error


def may_copy() -> bool:
    """Whether this process has no thread that could hold a lock in a copy of it."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    for _ in range(_LOOKS):
        if _has_safe_threads_only():
            return True
        # A thread that Python has joined takes the system a moment to clear away.
        time.sleep(_LOOK_SECONDS)
    return False


def _has_safe_threads_only() -> bool:
    try:
        others = [one for one in _TASKS.iterdir() if one.name != str(os.getpid())]
        return all((one / "comm").read_text().strip() in _SAFE_THREADS for one in others)
    except OSError:
        return False


def _shared_out(
    chunks: Iterator[AnyChunk], pool: ProcessPoolExecutor, task: Task, worker: Worker | None, ahead: int
) -> Iterator[Part]:
    number = next(_numbers)
    waiting: deque[Part | Future[Part]] = deque()
    try:
        for chunk in chunks:
            while len(waiting) >= _KEPT:
                yield _result(waiting.popleft())
            while worker is None and len(waiting) >= 2 * ahead:
                yield _result(waiting.popleft())
            if worker is None or sum(isinstance(one, Future) and not one.done() for one in waiting) < ahead:
                waiting.append(pool.submit(_run, number, task, chunk))
            else:
                waiting.append(worker.run(chunk))
            while waiting and _is_ready(waiting[0]):
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        for one in waiting:
            if isinstance(one, Future):
                one.cancel()


def _is_ready(one: Part | Future[Part]) -> bool:
    return not isinstance(one, Future) or one.done()


def _result(one: Part | Future[Part]) -> Part:
    return one.result() if isinstance(one, Future) else one


def _nothing() -> None:
    """A pool starts its processes with the first thing that they are asked."""


def _run(number: int, task: Task, chunk: AnyChunk) -> Part:
    """In a helper. A task is made ready once; a helper has one at a time."""
    global _worker  # a pool's process has no other place for what it keeps
    if _worker is None or _worker[0] != number:
        _worker = (number, Worker(task))
    return _worker[1].run(chunk)
