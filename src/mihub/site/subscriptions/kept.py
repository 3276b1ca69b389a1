"""A subscription and its events as they are kept, and how a row becomes one. Values; what is done with them is elsewhere.

Above: `outbox`, `following`, everything that tells. Below: `versions` for who is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mihub.core.policy.actor import Access
from mihub.site.subscriptions.versions import access_of_text

ROW: Final = (
    "id, version, body, owner, channel, state, told, shaken, fault, reason, events, attempts, refused, failing_at,"
    " next_at, heartbeat_at, ends_at, delivered_at"
)
EVENT: Final = "number, type, id, version_id, effect, at, state, reason, noted"
LIVE: Final = ("requested", "active", "error")
INFINITY: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Kept:
    """One subscription. `body`: the Subscription as a client wrote it last; `owner`: as JSON, see `access`.

    `fault`: no-response or error-response while it fails. `events`: the number of the last event. Times in seconds.
    """

    id: str
    version: int
    body: bytes
    owner: str
    channel: str
    state: str
    told: str
    shaken: bool
    fault: str
    reason: str
    events: int
    attempts: int
    refused: bool
    failing_at: float
    next_at: float
    heartbeat_at: float
    ends_at: float
    delivered_at: float

    @property
    def access(self) -> Access:
        """Who is told, and for what purpose."""
        return access_of_text(self.owner)


@dataclass(frozen=True, slots=True)
class Event:
    """One event; the content stays in the record. `effect`: create, update, leave, delete."""

    number: int
    type: str
    id: str
    version_id: int
    effect: str
    at: datetime
    state: str = "queued"
    reason: str = ""
    noted: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """How many events of a subscription wait, and how many were given up."""

    queued: int = 0
    dead: int = 0


def kept_of(row: tuple[Any, ...]) -> Kept:
    """From the columns of `ROW`."""
    return Kept(*row)
