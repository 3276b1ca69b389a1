"""One piece of work as it is kept: who asked for what, how far it is, what it made. Plain JSON on disk. Above: `jobs`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.errors import MihubError, TooLarge

State = Literal["accepted", "in-progress", "completed", "failed"]


class Cancelled(Exception):
    """The job was cancelled while it was worked on."""


class Interrupted(Exception):
    """This process ends; another one goes on with the job."""


class TooManyJobs(TooLarge):
    """More open jobs than one site works on; later there is room again."""

    issue_code, http_status = "throttled", 429


@dataclass(slots=True)
class Job:
    """Times are seconds since 1970, 0 when not yet. `asked` and `made` are JSON of the room whose work it is."""

    access: Access
    asked: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    state: State = "accepted"
    attempts: int = 0
    created: float = 0
    started: float = 0
    ended: float = 0
    expires: float = 0
    progress: str = ""
    error: dict[str, Any] | None = None

    @property
    def is_open(self) -> bool:
        """Still to be done."""
        return self.state in ("accepted", "in-progress")

    def belongs_to(self, access: Access) -> bool:
        """Is this who started it?"""
        mine, other = self.access.actor, access.actor
        return (mine.id, mine.organization, mine.role) == (other.id, other.organization, other.role) and (
            self.access.subject == access.subject
        )

    def fail(self, error: MihubError) -> None:
        """Keep what went wrong, for whoever asks."""
        self.error = {
            "what": error.what, "where": error.where, "rule": error.rule, "next_step": error.next_step,
            "code": error.issue_code, "status": error.http_status,
        }  # fmt: skip


class JobFailed(MihubError):
    """The result of a job that failed; status and code are those of the failure."""

    def __init__(self, job: Job) -> None:
        kept = job.error or {}
        super().__init__(
            kept.get("what", "It failed."),
            where=kept.get("where", ""),
            rule=kept.get("rule", ""),
            next_step=kept.get("next_step", "Start it again."),
        )
        # What a class says for all its errors is said here for one.
        self.issue_code = kept.get("code", "exception")  # type: ignore[misc]  # one failure, not a class of them
        self.http_status = kept.get("status", 500)  # type: ignore[misc]  # as above


def stored(job: Job) -> dict[str, Any]:
    """As JSON."""
    return asdict(job)


def loaded(kept: dict[str, Any]) -> Job:
    """From JSON."""
    who = kept["access"]
    actor = who["actor"]
    access = Access(
        Actor(actor["id"], actor["name"], Role(actor["role"]), MemberId(actor["organization"])),
        Purpose(who["purpose"]),
        TransportId(who["subject"]) if who["subject"] else None,
        who["care_relation"],
    )
    return Job(**{**kept, "access": access})
