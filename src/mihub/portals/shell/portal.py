"""The portal as one value: what apps composes and every page may ask.

It holds no record. `record`, `site` and `http` are the only ways to data; each is bound to the signed-in
person. Neighbours: `houses` (the ways out), `session`, `region`, `texts`; above: `app.create_app`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Access, Actor, MemberId, PersonId, Purpose, Role, TransportId
from mihub.portals.shell.houses import HouseClient, Houses
from mihub.portals.shell.region import Region
from mihub.portals.shell.session import RecordPlace, Session, SessionStore
from mihub.portals.shell.texts import FOLDER, Texts

CARE_RECORD = MemberId("netzwerk")
_STAFF_PURPOSE = {
    Role.RESEARCHER: Purpose.RESEARCH,
    Role.SITE_ENGINEER: Purpose.OPERATIONS,
    Role.DATA_PROTECTION_OFFICER: Purpose.OPERATIONS,
    Role.HUB_OPERATOR: Purpose.RECORD_MANAGEMENT,
}


class People(Protocol):
    """Finds the signed-in patient's and a treated patient's records; apps connects it to sites and trust
    centre.
    """

    async def by_number(
        self, member: str, patient_number: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        """The person behind a local patient number, and all their records; (None, ()) when unknown."""
        ...

    async def by_patient(
        self, member: str, patient_id: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        """The person behind `Patient/{patient_id}` at a member, and all their records."""
        ...


@dataclass(frozen=True)
class Portal:
    """Everything a page may use. `is_demo` shows the sign-ins of `region` on the start page."""

    region: Region
    houses: Houses
    people: People
    today: Callable[[], date]
    is_demo: bool = False
    secure_cookies: bool = False
    site_timeout_seconds: float = 8.0
    sessions: SessionStore = field(default_factory=SessionStore)
    texts: Texts = field(default_factory=lambda: Texts.load(FOLDER))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def record(self, session: Session, *, care_relation: str = "") -> FhirClient:
        """The care record, in the name of the signed-in person; a patient sees only their own."""
        return self.site(session, CARE_RECORD, care_relation=care_relation)

    def site(
        self,
        session: Session,
        member: str,
        *,
        subject: TransportId | None = None,
        care_relation: str = "",
        purpose: Purpose | None = None,
    ) -> FhirClient:
        """One site. For patients the subject is always their own record there, whatever is asked."""
        return self.houses.fhir(member, self._access(session, member, subject, care_relation, purpose))

    def http(self, session: Session, house: str, *, purpose: Purpose | None = None) -> HouseClient:
        """JSON to `hub`, `trust` or a member's root."""
        return self.houses.json(house, self._access(session, house, None, "", purpose))

    def _access(
        self,
        session: Session,
        member: str,
        subject: TransportId | None,
        relation: str,
        purpose: Purpose | None,
    ) -> Access:
        if session.is_patient:
            own = session.record_at(member) or TransportId("none")
            return Access(session.actor, Purpose.PATIENT_REQUEST, own)
        usual = _STAFF_PURPOSE.get(session.actor.role, Purpose.TREATMENT)
        return Access(session.actor, purpose or usual, subject, relation)
