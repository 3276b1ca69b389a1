"""The jobs of one kind at one site: a folder each, worked on in order by one process at a time.

After a restart an open job is given to its work again, which goes on where it had kept itself; three times without
progress, and it has failed. Cancelled, it is gone with one rename, whatever is being written. Above: the rooms whose work
it is. Below: `job`, `durable`.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.core.policy.actor import Access
from mihub.errors import MihubError, NotFound, StorageFull, Unavailable
from mihub.site.jobs import durable
from mihub.site.jobs.job import Cancelled, Interrupted, Job, TooManyJobs, loaded, stored

KEPT_SECONDS: Final = 24 * 3600
_MOST_ATTEMPTS: Final = 3
_MOST_OPEN: Final = 20
_JOB: Final = "job.json"
_HALF_MADE_SECONDS: Final = 3600
_FIRST_WAIT_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 15.0


class Running:
    """A job while it is worked on: where its files go, and how it is kept."""

    def __init__(self, job: Job, folder: Path, stopping: threading.Event) -> None:
        self.job, self.folder, self._stopping = job, folder, stopping

    def check(self) -> None:
        """Raises `Cancelled` or `Interrupted` when it shall not go on."""
        if self._stopping.is_set():
            raise Interrupted
        if not (self.folder / _JOB).exists():
            raise Cancelled

    def keep(self, made: Mapping[str, Any] | None = None, progress: str = "") -> None:
        """Keep durably how far it is: after a restart it goes on from here."""
        self.check()
        if made is not None:
            # It moves on, so it may be interrupted as often again.
            self.job.made, self.job.attempts = dict(made), 0
        self.job.progress = progress or self.job.progress
        _keep(self.job, self.folder)


Work = Callable[[Running], None]


class Jobs:
    """`work` does one job and raises `MihubError` when it can not be done.

    `kind`: how a refusal names one. `patience_seconds`: so long a lost database is waited for.
    """

    def __init__(
        self,
        folder: Path,
        work: Work,
        *,
        kind: str = "job",
        patience_seconds: float = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self.kind = folder, kind
        self._job_work, self._now, self._patience = work, now, patience_seconds
        self._guard = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, access: Access, asked: dict[str, Any], files: Mapping[str, bytes] | None = None) -> Job:
        """Keep the job and its files durably, and begin. Raises `TooManyJobs`, `StorageFull`."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.sweep()
        if len([one for one in self.all() if one.is_open]) >= _MOST_OPEN:
            raise TooManyJobs(
                f"More than {_MOST_OPEN} {self.kind}s are open.",
                next_step="Wait for them, or cancel some.",
            )
        job = Job(access, asked, id=secrets.token_urlsafe(24), created=self._now())
        beginning = self.folder / f".new-{job.id}"
        try:
            beginning.mkdir(mode=0o700)
            for name, content in (files or {}).items():
                durable.replace(beginning / name, content)
            _keep(job, beginning)
            beginning.rename(self.folder / job.id)
        except OSError as error:
            shutil.rmtree(beginning, ignore_errors=True)
            raise _no_room(self.kind) from error
        self.work()
        return job

    def of(self, job_id: str, access: Access) -> Job:
        """The job, for who started it. Raises `NotFound`, also for everybody else."""
        job = self._load(job_id)
        if job is None or not job.belongs_to(access):
            raise NotFound(
                f"There is no such {self.kind}.", next_step="It may have expired or been cancelled."
            )
        if job.is_open:
            self.work()
        return job

    def cancel(self, job_id: str, access: Access) -> None:
        """End it and delete what it made. Raises `NotFound`."""
        self._delete(self.of(job_id, access).id)

    def path(self, job: Job, name: str) -> Path:
        """Where a file of a job lies; the caller has checked that the job has it."""
        return self.folder / job.id / name

    def sweep(self) -> None:
        """Delete what has expired, and what a crash left half made or half deleted."""
        for job in self.all():
            if job.expires and job.expires <= self._now():
                self._delete(job.id)
        if not self.folder.is_dir():
            return
        for left in self.folder.glob(".*-*"):
            with suppress(FileNotFoundError):
                old = time.time() - left.stat().st_mtime > _HALF_MADE_SECONDS
                if left.name.startswith(".gone-") or (left.name.startswith(".new-") and old):
                    shutil.rmtree(left, ignore_errors=True)

    def work(self) -> None:
        """See to it that somebody works on what is open: a thread of this process, unless another process does."""
        with self._guard:
            if not self._stopping.is_set() and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._work, name=self.kind, daemon=True)
                self._thread.start()

    def wait(self, seconds: float) -> None:
        """Until the present work is done; for tests and an orderly end."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def stop(self) -> None:
        """End the work of this process at its next step; what is open stays open."""
        self._stopping.set()
        self.wait(15)

    def all(self) -> list[Job]:
        """All jobs that are kept, of everybody."""
        if not self.folder.is_dir():
            return []
        found = [self._load(one.name) for one in self.folder.iterdir() if one.is_dir()]
        return [job for job in found if job is not None]

    def _work(self) -> None:
        with self._alone() as alone:
            while alone and not self._stopping.is_set():
                opened = [one for one in self.all() if one.is_open]
                if not opened:
                    return
                self._run(min(opened, key=lambda one: one.created))

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether this process is the one that works."""
        if not self.folder.is_dir():
            yield False
            return
        with (self.folder / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _run(self, job: Job) -> None:
        running = Running(job, self.folder / job.id, self._stopping)
        job.attempts += 1
        job.state, job.started = "in-progress", job.started or self._now()
        if job.attempts > _MOST_ATTEMPTS:
            error = MihubError(f"The {self.kind} was interrupted several times.", next_step="Start it again.")
            self._end(running, error)
            return
        try:
            running.keep()
            self._patiently(running)
        except (Cancelled, Interrupted, FileNotFoundError):
            # Its folder is gone, or this process ends.
            return
        except MihubError as error:
            self._end(running, error)
        except OSError:
            self._end(running, _no_room(self.kind))
        else:
            self._end(running, None)

    def _patiently(self, running: Running) -> None:
        """The work; a database that is away for a moment is waited for."""
        waited, pause = 0.0, _FIRST_WAIT_SECONDS
        while True:
            try:
                self._job_work(running)
                return
            except Unavailable:
                if waited >= self._patience:
                    raise
                self._stopping.wait(pause)
                running.check()
                waited, pause = waited + pause, min(2 * pause, _LONGEST_WAIT_SECONDS)

    def _end(self, running: Running, error: MihubError | None) -> None:
        job = running.job
        job.ended = self._now()
        job.expires = job.ended + KEPT_SECONDS
        job.state, job.progress = ("failed", "failed") if error else ("completed", "completed")
        if error is not None:
            job.fail(error)
            # Half a result is nobody's; on a full disk this is what makes room to say so.
            _empty(running.folder)
        with suppress(Cancelled, Interrupted, OSError):
            if (running.folder / _JOB).exists():
                _keep(job, running.folder)

    def _load(self, job_id: str) -> Job | None:
        if not job_id.replace("-", "").replace("_", "").isalnum():
            return None
        try:
            return loaded(orjson.loads((self.folder / job_id / _JOB).read_bytes()))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _delete(self, job_id: str) -> None:
        # With the rename the job is not there any more, and who works on it writes nowhere.
        gone = self.folder / f".gone-{job_id}"
        with suppress(FileNotFoundError):
            (self.folder / job_id).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _keep(job: Job, folder: Path) -> None:
    durable.replace(folder / _JOB, orjson.dumps(stored(job)))


def _empty(folder: Path) -> None:
    if folder.is_dir():
        for one in folder.iterdir():
            if one.name != _JOB:
                with suppress(OSError):
                    one.unlink()


def _no_room(kind: str) -> StorageFull:
    return StorageFull(
        f"The files of the {kind} could not be written.", next_step="Free disk space, then try again."
    )
