"""Persons and their records, read for people in care only, every look kept.

A person that does not exist and one that may not be seen answer alike. Below: `database`. Above: `trust.api`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mihub.core.policy.actor import Access, MemberId, PersonId, Purpose, Role, TransportId
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.errors import Forbidden, NotFound

_IN_CARE = frozenset(
    {
        Role.PATIENT, Role.GP, Role.ONCOLOGIST, Role.RADIOLOGIST, Role.NURSE, Role.BOARD_COORDINATOR,
        Role.PALLIATIVE_TEAM,
    }
)  # fmt: skip
_FOR_CARE = frozenset({Purpose.TREATMENT, Purpose.PATIENT_REQUEST, Purpose.CARE_MANAGEMENT})


@dataclass(frozen=True, slots=True)
class Person:
    """A person's id and where they have records, by member."""

    id: PersonId
    records: tuple[tuple[MemberId, TransportId], ...]


@dataclass(frozen=True, slots=True)
class Look:
    """One line of the access record."""

    actor: str
    role: str
    person: str
    outcome: str


class Persons:
    """The registry for readers."""

    def __init__(self, pool: Pool, now: Callable[[], float]) -> None:
        self._pool = pool
        self._now = now

    def read(self, person: PersonId, access: Access) -> Person:
        """The person by id; an id that was merged leads to the one it became part of."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            row = connection.execute(
                "WITH RECURSIVE chain AS (SELECT id, merged_into FROM trust_person WHERE id = %s UNION"
                " SELECT p.id, p.merged_into FROM trust_person p JOIN chain ON p.id = chain.merged_into)"
                " SELECT id FROM chain WHERE merged_into IS NULL",
                (person,),
            ).fetchone()
            found, refusal = self._decide(connection, row[0] if row else None, access)
        return _told(found, refusal)

    def lookup(self, member: MemberId, transport_id: TransportId, access: Access) -> Person:
        """The person to whom a member's record belongs."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            row = connection.execute(
                "SELECT person FROM trust_record WHERE member = %s AND transport_id = %s",
                (member, transport_id),
            ).fetchone()
            found, refusal = self._decide(connection, row[0] if row else None, access)
        return _told(found, refusal)

    def looks(self, person: PersonId) -> list[Look]:
        """Who looked at a person, oldest first."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT actor, role, person, outcome FROM trust_access WHERE person = %s ORDER BY position",
                (person,),
            )
            return [Look(*row) for row in rows]

    def count(self) -> tuple[int, int]:
        """(persons, records) now."""
        with translated(), self._pool.connection() as connection:
            row = connection.execute("SELECT count(DISTINCT person), count(*) FROM trust_record").fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def _decide(
        self, connection: Connection, person: str | None, access: Access
    ) -> tuple[Person | None, str]:
        records = connection.execute(
            "SELECT member, transport_id FROM trust_record WHERE person = %s ORDER BY member, transport_id",
            (person or "",),
        ).fetchall()
        refusal = _refusal(access, {str(transport_id) for _, transport_id in records})
        outcome = refusal or ("told" if person else "unknown")
        self._keep_look(connection, person or "", outcome, access)
        if refusal or not person:
            return None, refusal
        return Person(PersonId(person), tuple((MemberId(m), TransportId(t)) for m, t in records)), ""

    def _keep_look(self, connection: Connection, person: str, outcome: str, access: Access) -> None:
        actor = access.actor
        connection.execute(
            "INSERT INTO trust_access (at, actor, actor_name, role, organization, purpose, relation, person,"
            " outcome) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                int(self._now()), actor.id, actor.name, actor.role.value, actor.organization,
                access.purpose.value, access.care_relation, person, outcome,
            ),
        )  # fmt: skip


def _refusal(access: Access, transport_ids: set[str]) -> str:
    if access.actor.role not in _IN_CARE or access.purpose not in _FOR_CARE:
        return "role"
    if access.actor.role is Role.PATIENT and access.subject is None:
        return "subject"
    if access.subject is not None and access.subject not in transport_ids:
        return "subject"
    return ""


def _told(found: Person | None, refusal: str) -> Person:
    if refusal == "role":
        raise Forbidden(
            "Only patients and the people who treat them may look up a person.",
            rule="trust.registry: role and purpose",
            next_step="Sign in with the role in which you treat the patient.",
        )
    if found is None:
        raise NotFound("There is no such person for you.", next_step="Open the person from your own list.")
    return found
