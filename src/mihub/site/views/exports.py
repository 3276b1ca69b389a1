"""Whole tables exported in the background: kept as files of the site, owner-only, until they expire.

An export is a folder: what was asked for and how far it is (`job.json`), and its files. One process of the site works on
them, in order; after a restart it starts those over that had not ended, three times at most, then says that they failed.
The policy is asked anew whenever one starts. Above: `site.api.views_export`. Below: `running`, `record`.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import orjson

from mihub.core.fhir.views import Findings, read
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.errors import MihubError, NotFound, StorageFull, TooLarge
from mihub.site.views import crew, running
from mihub.site.views.formats import named
from mihub.site.views.job import Job, Output, loaded, stored
from mihub.site.views.record import Records, Selection

KEPT_SECONDS: Final = 24 * 3600
_MOST_ATTEMPTS: Final = 3
_MOST_OPEN: Final = 20
_JOB: Final = "job.json"


class Cancelled(Exception):
    """The export was cancelled while it ran."""


class Exports:
    """The exports of one site. `restriction`: what an access may export, decided when asked."""

    def __init__(
        self,
        folder: Path,
        records: Records,
        restriction: Callable[[Access], Restriction],
        *,
        now: Callable[[], float] = time.time,
        helpers: int | None = None,
    ) -> None:
        self._folder = folder
        self._records = records
        self._restriction = restriction
        self._now = now
        self._helpers = helpers
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self, job: Job) -> Job:
        """Keep the export durably and begin. Raises `TooLarge` when too many are open."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep()
        if len([one for one in self._jobs() if one.is_open]) >= _MOST_OPEN:
            raise TooLarge(
                f"More than {_MOST_OPEN} exports are open.", next_step="Wait for them, or cancel some."
            )
        job.id = secrets.token_urlsafe(24)
        job.created = self._now()
        (self._folder / job.id).mkdir(mode=0o700)
        self._keep(job)
        self.work()
        return job

    def of(self, export_id: str, access: Access) -> Job:
        """The export, for who started it. Raises `NotFound`, also for everybody else."""
        job = self._load(export_id)
        if job is None or not job.belongs_to(access):
            raise NotFound("There is no such export.", next_step="It may have expired or been cancelled.")
        if job.is_open:
            self.work()
        return job

    def cancel(self, export_id: str, access: Access) -> None:
        """End it and delete what it made. Raises `NotFound`."""
        self._delete(self.of(export_id, access).id)

    def file(self, export_id: str, name: str, access: Access) -> tuple[Path, Job]:
        """A file of a completed export. Raises `NotFound`."""
        job = self.of(export_id, access)
        if job.state != "completed" or name not in [one.file for one in job.outputs]:
            raise NotFound("There is no such file.", next_step="Read the addresses from the result.")
        return self._folder / job.id / name, job

    def sweep(self) -> None:
        """Delete what has expired."""
        for job in self._jobs():
            if job.expires and job.expires <= self._now():
                self._delete(job.id)

    def work(self) -> None:
        """See to it that somebody works on what is open: a thread of this process, unless another process does."""
        with self._guard:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="exports", daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until the present work is done; for tests and an orderly end."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _work(self) -> None:
        with self._alone() as alone:
            while alone:
                job = min(
                    (one for one in self._jobs() if one.is_open), key=lambda one: one.created, default=None
                )
                if job is None:
                    return
                self._run(job)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether this process is the one that works."""
        if not self._folder.is_dir():
            yield False
            return
        with (self._folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _run(self, job: Job) -> None:
        job.attempts += 1
        job.state, job.started = "in-progress", self._now()
        if job.attempts > _MOST_ATTEMPTS:
            self._end(
                job, MihubError("The export was interrupted several times.", next_step="Start it again.")
            )
            return
        try:
            self._keep(job)
            job.outputs = self._outputs(job)
        except (Cancelled, FileNotFoundError):
            # Its folder is gone: it was cancelled.
            return
        except MihubError as error:
            self._end(job, error)
        except OSError:
            self._end(
                job,
                StorageFull("The files could not be written.", next_step="Free disk space, then try again."),
            )
        else:
            self._end(job, None)

    def _outputs(self, job: Job) -> list[Output]:
        within, form = self._restriction(job.access), named(job.form)
        made: list[Output] = []

        def watch(findings: Findings) -> None:
            if not self._path(job.id).exists():
                raise Cancelled

        with self._records.snapshot() as snapshot:
            for i, (name, document) in enumerate(job.views):
                view = read(document)
                selection = Selection(
                    view.resource, job.patients, job.since, "viewdefinition-export", job.names
                )
                path = self._folder / job.id / f"{i + 1:03}-{name}.{form.ending}"
                report = running.run(
                    view,
                    snapshot.chunks(selection, job.access, within),
                    path,
                    form,
                    header=job.header,
                    helpers=self._helpers if self._helpers is not None else max(1, crew.cores() - 1),
                    takes_part=False,
                    watch=watch,
                )
                made.append(Output(name, path.name, report.rows, report.mismatches))
        return made

    def _end(self, job: Job, error: MihubError | None) -> None:
        job.ended = self._now()
        job.expires = job.ended + KEPT_SECONDS
        job.state = "failed" if error else "completed"
        if error is not None:
            job.fail(error)
        with suppress(FileNotFoundError):
            self._keep(job)

    def _jobs(self) -> list[Job]:
        if not self._folder.is_dir():
            return []
        found = [self._load(one.name) for one in self._folder.iterdir() if one.is_dir()]
        return [job for job in found if job is not None]

    def _load(self, export_id: str) -> Job | None:
        if not export_id.replace("-", "").replace("_", "").isalnum():
            return None
        try:
            return loaded(orjson.loads(self._path(export_id).read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _keep(self, job: Job) -> None:
        path = self._path(job.id)
        temporary = path.with_suffix(".part")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(orjson.dumps(stored(job)))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)

    def _path(self, export_id: str) -> Path:
        return self._folder / export_id / _JOB

    def _delete(self, export_id: str) -> None:
        # The description goes first: from then on the export is not there.
        with suppress(FileNotFoundError):
            self._path(export_id).unlink()
        shutil.rmtree(self._folder / export_id, ignore_errors=True)
