"""Whole tables exported in the background: kept as files of the site, owner-only, until they expire.

A table is made in one piece, so an export that a restart interrupted is begun again. The policy is asked anew whenever one
starts. Above: `site.api.views_export`. Below: `site.jobs`, `running`, `record`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mihub.core.fhir.views import Findings, read
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.errors import NotFound
from mihub.site.jobs.job import Job
from mihub.site.jobs.jobs import Jobs, Running
from mihub.site.views import crew, running
from mihub.site.views.formats import named
from mihub.site.views.job import Output, Wish, asked, made, outputs_of, wish_of
from mihub.site.views.record import Records, Selection


class Exports:
    """The exports of views of one site. `restriction`: what an access may export, decided when asked."""

    def __init__(
        self,
        folder: Path,
        records: Records,
        restriction: Callable[[Access], Restriction],
        *,
        now: Callable[[], float] = time.time,
        helpers: int | None = None,
    ) -> None:
        self.jobs = Jobs(folder, self._run, kind="export", now=now)
        self._records = records
        self._restriction = restriction
        self._helpers = helpers

    def start(self, wish: Wish, access: Access) -> Job:
        """Keep the export durably and begin. Raises `TooManyJobs`, `StorageFull`."""
        return self.jobs.start(access, asked(wish))

    def file(self, export_id: str, name: str, access: Access) -> tuple[Path, Job]:
        """A file of a completed export. Raises `NotFound`."""
        job = self.jobs.of(export_id, access)
        if job.state != "completed" or name not in [one.file for one in outputs_of(job.made)]:
            raise NotFound("There is no such file.", next_step="Read the addresses from the result.")
        return self.jobs.path(job, name), job

    def _run(self, job: Running) -> None:
        wish = wish_of(job.job.asked)
        within, form = self._restriction(job.job.access), named(wish.form)
        outputs: list[Output] = []

        def watch(findings: Findings) -> None:
            job.check()

        with self._records.snapshot() as snapshot:
            for i, (name, document) in enumerate(wish.views):
                view = read(document)
                selection = Selection(
                    view.resource, wish.patients, wish.since, "viewdefinition-export", wish.names
                )
                path = job.folder / f"{i + 1:03}-{name}.{form.ending}"
                report = running.run(
                    view,
                    snapshot.chunks(selection, job.job.access, within),
                    path,
                    form,
                    header=wish.header,
                    helpers=self._helpers if self._helpers is not None else max(1, crew.cores() - 1),
                    takes_part=False,
                    watch=watch,
                )
                outputs.append(Output(name, path.name, report.rows, report.mismatches))
        job.job.made = made(outputs)
