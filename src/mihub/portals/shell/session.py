"""Who is signed in: sessions on the server, an opaque cookie at the browser, nothing else in it.

Patients and staff have separate cookies, so a patient's cookie is never sent to a staff page and the other
way round. Sessions live in memory: a restart signs everybody out, and no session is ever on disk.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from mihub.core.policy.actor import Actor, MemberId, PersonId, Role, TransportId

Tone = Literal["success", "info", "warning", "danger"]

PATIENT_COOKIE = "mihub_p"
STAFF_COOKIE = "mihub_s"
_TTL_SECONDS = 8 * 3600
_IDLE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """One record of the signed-in patient: where, and under which transport id."""

    member: MemberId
    transport_id: TransportId


@dataclass(frozen=True, slots=True)
class Flash:
    """One message that is shown once, on the next page: a text key and its values."""

    key: str
    tone: Tone = "success"
    values: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Session:
    """One person at one browser. `person` and `records` are filled for patients only."""

    token: str
    actor: Actor
    persona_id: str
    started_seconds: float
    seen_seconds: float
    person: PersonId | None = None
    records: tuple[RecordPlace, ...] = ()
    flashes: list[Flash] = field(default_factory=list)

    @property
    def is_patient(self) -> bool:
        """Whether this session belongs to the patient area."""
        return self.actor.role is Role.PATIENT

    def record_at(self, member: str) -> TransportId | None:
        """The patient's transport id at one member; None when there is no record."""
        return next((place.transport_id for place in self.records if place.member == member), None)

    def take_flashes(self) -> list[Flash]:
        """The waiting messages; they are gone afterwards."""
        waiting, self.flashes = self.flashes, []
        return waiting


class SessionStore:
    """All sessions of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions: dict[str, Session] = {}
        self._clock = clock

    def open(
        self,
        actor: Actor,
        persona_id: str,
        *,
        person: PersonId | None = None,
        records: tuple[RecordPlace, ...] = (),
    ) -> Session:
        """A new session with a fresh token of 256 bit."""
        now = self._clock()
        session = Session(secrets.token_urlsafe(32), actor, persona_id, now, now, person, records)
        self._drop_expired(now)
        self._sessions[session.token] = session
        return session

    def find(self, token: str | None) -> Session | None:
        """The living session behind a cookie; None when there is none or it is too old."""
        session = self._sessions.get(token or "")
        if session is None:
            return None
        now = self._clock()
        if self._is_expired(session, now):
            del self._sessions[session.token]
            return None
        session.seen_seconds = now
        return session

    def close(self, token: str | None) -> None:
        """Sign out; unknown tokens are ignored."""
        self._sessions.pop(token or "", None)

    def _drop_expired(self, now: float) -> None:
        for token in [token for token, session in self._sessions.items() if self._is_expired(session, now)]:
            del self._sessions[token]

    @staticmethod
    def _is_expired(session: Session, now: float) -> bool:
        return now - session.started_seconds > _TTL_SECONDS or now - session.seen_seconds > _IDLE_SECONDS
