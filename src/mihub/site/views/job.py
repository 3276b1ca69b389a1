"""One export as it is kept: what was asked, by whom, how far it is, what it made. Plain JSON on disk. Above: `exports`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role, TransportId
from mihub.errors import MihubError

State = Literal["accepted", "in-progress", "completed", "failed"]


@dataclass(frozen=True, slots=True)
class Output:
    """One file. `notes`: values that did not fit their columns, counted."""

    name: str
    file: str
    rows: int
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Job:
    """Times are seconds since 1970, 0 when not yet. `views`: name of the output and checked ViewDefinition."""

    access: Access
    views: list[tuple[str, dict[str, Any]]]
    form: str
    header: bool = True
    patients: tuple[str, ...] | None = None
    since: datetime | None = None
    names: str = ""
    tracking: str = ""
    id: str = ""
    state: State = "accepted"
    attempts: int = 0
    created: float = 0
    started: float = 0
    ended: float = 0
    expires: float = 0
    outputs: list[Output] = field(default_factory=list)
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


class ExportFailed(MihubError):
    """The result of an export that failed; status and code are those of the failure."""

    def __init__(self, job: Job) -> None:
        kept = job.error or {}
        super().__init__(
            kept.get("what", "The export failed."),
            where=kept.get("where", ""),
            rule=kept.get("rule", ""),
            next_step=kept.get("next_step", "Start it again."),
        )
        # What a class says for all its errors is said here for one.
        self.issue_code = kept.get("code", "exception")  # type: ignore[misc]  # one failure, not a class of them
        self.http_status = kept.get("status", 500)  # type: ignore[misc]  # as above


def stored(job: Job) -> dict[str, Any]:
    """As JSON."""
    return {
        **asdict(job),
        "since": job.since.isoformat() if job.since else None,
        "patients": None if job.patients is None else list(job.patients),
    }


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
    return Job(
        **{
            **kept,
            "access": access,
            "views": [(name, document) for name, document in kept["views"]],
            "patients": None if kept["patients"] is None else tuple(kept["patients"]),
            "since": datetime.fromisoformat(kept["since"]) if kept["since"] else None,
            "outputs": [Output(**{**one, "notes": tuple(one["notes"])}) for one in kept["outputs"]],
        }
    )
