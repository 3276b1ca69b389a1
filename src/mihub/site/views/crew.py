"""AnyChunks worked on by several processes, results in the order of the chunks.

The caller's own process works, too, while the others start: a small input never waits for them. How much is under way
is bounded, so memory does not grow with the input. Above: `running`. Below: `work`.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

from mihub.errors import Unavailable
from mihub.site.views.work import AnyChunk, Part, Task, Worker

# Processes beyond this do not help: one process writes.
MAX_PROCESSES: Final = 8
# Input below this many bytes is done sooner than another process has started.
SMALL_BYTES: Final = 6 * 1024 * 1024
_AHEAD: Final = 2
_KEPT: Final = 48

_worker: Worker | None = None


def cores() -> int:
    """How many processes may run at once on this machine."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), MAX_PROCESSES)
    return min(os.cpu_count() or 1, MAX_PROCESSES)


def work(
    chunks: Iterator[AnyChunk], task: Task, *, helpers: int | None = None, takes_part: bool = True
) -> Iterator[Part]:
    """The parts of all chunks, in order. `helpers`: processes beside this one; 0: this one does all.

    `takes_part` False: once there are helpers, this process leaves the work to them, as a server must.

    Raises what `Worker.run` raises, and `Unavailable` when a process was killed.
    """
    worker = Worker(task)
    helpers = cores() - 1 if helpers is None else helpers
    seen = 0
    for chunk in chunks:
        seen += chunk.size_bytes
        yield worker.run(chunk)
        if seen > SMALL_BYTES and helpers > 0:
            yield from _together(chunks, task, worker if takes_part else None, helpers)


def _together(chunks: Iterator[AnyChunk], task: Task, worker: Worker | None, helpers: int) -> Iterator[Part]:
    # Not copied: threads of this process may hold locks for which a copy would wait for ever.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(helpers, mp_context=context, initializer=_begin, initargs=(task,))
    try:
        yield from _shared_out(chunks, pool, worker, helpers * _AHEAD)
    except BrokenProcessPool as error:
        raise Unavailable(
            "A process of this run was ended from outside; nothing was written.",
            next_step="Make sure that there is memory enough, then run it again.",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _shared_out(
    chunks: Iterator[AnyChunk], pool: ProcessPoolExecutor, worker: Worker | None, ahead: int
) -> Iterator[Part]:
    waiting: deque[Part | Future[Part]] = deque()
    for chunk in chunks:
        while len(waiting) >= _KEPT:
            yield _result(waiting.popleft())
        while worker is None and len(waiting) >= 2 * ahead:
            yield _result(waiting.popleft())
        if worker is None or sum(isinstance(one, Future) and not one.done() for one in waiting) < ahead:
            waiting.append(pool.submit(_run, chunk))
        else:
            waiting.append(worker.run(chunk))
        while waiting and _is_ready(waiting[0]):
            yield _result(waiting.popleft())
    while waiting:
        yield _result(waiting.popleft())


def _is_ready(one: Part | Future[Part]) -> bool:
    return not isinstance(one, Future) or one.done()


def _result(one: Part | Future[Part]) -> Part:
    return one.result() if isinstance(one, Future) else one


def _begin(task: Task) -> None:
    global _worker  # a pool's process has no other place for what it starts with
    _worker = Worker(task)


def _run(chunk: AnyChunk) -> Part:
    if _worker is None:
        raise Unavailable("The process was not started.")
    return _worker.run(chunk)
