"""One record per question: which sites were sent a letter, how far each is, and its sealed answer.

The counts are sealed to the project's key; this room never sees one. Below: `hub.mailbox`, `hub.projects`,
`database`. Above: `hub.api`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mihub.core.fhir import Json
from mihub.core.policy.actor import Access
from mihub.core.wire.envelope import Envelope
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.errors import Conflict, NotFound, Unprocessable
from mihub.hub.mailbox.letters import Letters
from mihub.hub.projects.projects import Projects

NEWEST = 50
MAX_NOTE_CHARS = 8_000_000


@dataclass(frozen=True, slots=True)
class Question:
    """What the asker hands in. `note` is sealed to the project itself and given back untouched."""

    id: str
    project: str
    expires: int
    note: str
    letters: tuple[Envelope, ...]


class Questions:
    """All questions of this hub; each person sees their own."""

    def __init__(self, pool: Pool, letters: Letters, projects: Projects, now: Callable[[], float]) -> None:
        self._pool = pool
        self._letters = letters
        self._projects = projects
        self._now = now

    def submit(self, question: Question, access: Access) -> None:
        """Keep the question and all its letters, or nothing. Raises `Forbidden`, `Conflict`,
        `Unprocessable`."""
        self._projects.require(question.project, access)
        _check_letters(question)
        if question.expires <= self._now():
            raise Unprocessable("The question has expired before it arrived.", where="$.expires")
        with translated(), self._pool.connection() as connection, connection.transaction():
            made = connection.execute(
                "INSERT INTO hub_question (id, project, asker, asked_at, expires_at, note)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (
                    question.id, question.project, access.actor.id, int(self._now()),
                    question.expires, question.note,
                ),
            )  # fmt: skip
            if made.rowcount == 0:
                raise Conflict("The question's id is taken.", rule="question-id-reused")
            # Locks are taken in one order, so that two askers do not wait for each other.
            for letter in sorted(question.letters, key=lambda one: one.header.receiver):
                self._send(connection, question.id, letter)

    def read(self, question_id: str, access: Access) -> Json:
        """The question with every site's state. Raises `NotFound` for an unknown one and for another's
        alike."""
        found = self._records(access, question_id)
        if not found:
            raise NotFound("There is no such question of yours.", next_step="Open it from your own list.")
        return found[0]

    def newest(self, access: Access) -> list[Json]:
        """This person's questions, newest first, at most 50."""
        return self._records(access, None)

    def _send(self, connection: Connection, question_id: str, letter: Envelope) -> None:
        if self._letters.accept_in(connection, letter) == "known":
            raise Conflict("A letter of the question was sent before.", rule="letter-known")
        connection.execute(
            "INSERT INTO hub_question_site (question, member, letter) VALUES (%s, %s, %s)",
            (question_id, letter.header.receiver, letter.header.id),
        )

    def _records(self, access: Access, question_id: str | None) -> list[Json]:
        self._letters.expire()
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT id, project, asked_at, expires_at, note FROM hub_question"
                " WHERE asker = %(asker)s AND (%(id)s::text IS NULL OR id = %(id)s)"
                " ORDER BY asked_at DESC, id DESC LIMIT %(limit)s",
                {"asker": access.actor.id, "id": question_id, "limit": NEWEST},
            ).fetchall()
            sites = _sites(connection, [str(row[0]) for row in rows])
        return [_record(row, sites[str(row[0])]) for row in rows]


def _check_letters(question: Question) -> None:
    receivers = [letter.header.receiver for letter in question.letters]
    if not receivers or len(set(receivers)) != len(receivers):
        raise Unprocessable("A question is one letter to each of its sites.", where="$.envelopes")
    for letter in question.letters:
        header = letter.header
        if (header.kind, header.corr, header.expires) != ("task", question.id, question.expires):
            raise Unprocessable("A letter does not belong to the question it came with.", where="$.envelopes")


def _sites(connection: Connection, questions: Sequence[str]) -> dict[str, list[Json]]:
    rows = connection.execute(
        "SELECT s.question, s.member, l.state, l.since, l.reason, a.letter, a.since FROM hub_question_site s"
        " JOIN hub_letter l ON l.id = s.letter LEFT JOIN hub_letter a ON a.id = s.answer"
        " WHERE s.question = ANY (%s) ORDER BY s.member",
        (list(questions),),
    )
    sites: dict[str, list[Json]] = {question: [] for question in questions}
    for question, member, state, since, reason, answer, answered in rows:
        sites[question].append(
            {
                "member": member,
                "state": state,
                "since": answered or since,
                "reason": reason,
                "answer": bytes(answer).decode() if answer else "",
            }
        )
    return sites


def _record(row: Sequence[Any], sites: list[Json]) -> Json:
    names = ("id", "project", "asked_at", "expires_at", "note")
    return {**dict(zip(names, row, strict=True)), "members": sites}
