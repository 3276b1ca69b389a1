"""The bulk exports of one site as jobs. Above: `site.api`. Below: `site.jobs`, `writing`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.errors import NotFound, TooLarge
from mihub.site.export import made as kept
from mihub.site.export.made import Made, made_of
from mihub.site.export.record import Record
from mihub.site.export.request import conditions
from mihub.site.export.wish import Wish, asked, wish_of
from mihub.site.export.writing import Writing
from mihub.site.jobs.job import Job
from mihub.site.jobs.jobs import Jobs, Running
from mihub.site.search.parse import Parser

_PATIENCE_SECONDS = 600.0


class BulkExports:
    """`restriction`: what an access may export, decided when asked. `quota_bytes`: of all exports that are kept together."""

    def __init__(
        self,
        folder: Path,
        record: Record,
        parser: Parser,
        restriction: Callable[[Access], Restriction],
        *,
        quota_bytes: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.jobs = Jobs(folder, self._run, kind="export", patience_seconds=_PATIENCE_SECONDS, now=now)
        self._record, self._parser, self._restriction, self._quota = record, parser, restriction, quota_bytes

    def start(self, wish: Wish, access: Access) -> Job:
        """Keep the export durably and begin. Raises `TooManyJobs`, `StorageFull`."""
        return self.jobs.start(access, asked(wish))

    def file(self, export_id: str, name: str, access: Access) -> tuple[Path, kept.File]:
        """A file of a completed export. Raises `NotFound`."""
        job = self.jobs.of(export_id, access)
        files = {one.name: one for one in made_of(job.made).files} if job.state == "completed" else {}
        if name not in files:
            raise NotFound("There is no such file.", next_step="Read the addresses from the manifest.")
        return self.jobs.path(job, name), files[name]

    def _run(self, running: Running) -> None:
        wish, made, access = wish_of(running.job.asked), made_of(running.job.made), running.job.access

        def keep(done: Made) -> None:
            self._check_quota(running, done)
            running.keep(
                kept.stored(done), f"{_percent(done)} % of {done.total_bytes // 1024**2} MiB written"
            )

        Writing(self._record, wish, running.folder, keep, running.check).run(
            made, conditions(wish.filters, self._parser), access, self._restriction(access)
        )

    def _check_quota(self, running: Running, done: Made) -> None:
        others = sum(
            made_of(job.made).total_bytes
            for job in self.jobs.all()
            if job.id != running.job.id and job.state != "failed"
        )
        if others + done.total_bytes > self._quota:
            raise TooLarge(
                "The exports that are kept would be larger than this site allows.",
                rule="setting export_quota_bytes",
                next_step="Delete exports that are no longer needed, or export fewer types at once.",
            )


def _percent(made: Made) -> int:
    return min(99, 100 * made.written_bytes // made.total_bytes) if made.total_bytes else 99
