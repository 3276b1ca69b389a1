"""Does the work of one letter: check, run its handler, and commit effect, answer and inbox state together.

A crash before the commit leaves the letter to be done again, a crash after it leaves it done: each id has
one effect. Below: `inbox`, `outbox`, `allowances`, `handlers`. Above: `agent`. Source: mailbox rules 2 and 4.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mihub import log
from mihub.core.policy.actor import MemberId
from mihub.core.wire.envelope import Envelope, open_envelope, parse
from mihub.core.wire.keys import KeySet
from mihub.core.wire.receipt import State
from mihub.core.wire.task import Allowance, Task, claimed_project, verify_task
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.errors import InvalidInput, MihubError, NotSupported, Unavailable
from mihub.site.mailbox.allowances import Allowances
from mihub.site.mailbox.handlers import Handler
from mihub.site.mailbox.inbox import Inbox
from mihub.site.mailbox.outbox import Outbox

ANSWER_KEEPS_SECONDS = 7 * 86_400
MAX_CRASHES = 3  # of the handler's code
MAX_DEATHS = 20  # of the whole process at this letter; most are somebody's restart, not the letter's fault
# Faults of a handler's own code. One letter must not stop the others, so they end that letter, not the agent.
# `apps`, which knows the handlers, may name more.
CODE_FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Picked:
    """A letter to work on; its row is locked."""

    id: str
    data: bytes
    attempts: int
    expires_at: int


class Worker:
    """Works on one letter at a time; several workers share the inbox without meeting."""

    def __init__(
        self,
        pool: Pool,
        keys: KeySet,
        inbox: Inbox,
        outbox: Outbox,
        allowances: Allowances,
        handlers: Mapping[str, Handler],
        now: Callable[[], float],
        faults: tuple[type[Exception], ...] = CODE_FAULTS,
    ) -> None:
        self._pool = pool
        self._keys = keys
        self._inbox = inbox
        self._outbox = outbox
        self._allowances = allowances
        self._handlers = handlers
        self._now = now
        self._faults = faults

    def work_one(self) -> bool:
        """Do the oldest letter that is due. False when there is none."""
        picked = self._count_attempt()
        if picked is None:
            return False
        if picked.expires_at <= self._now():
            self._close(picked.id, "expired", "expired")
        elif picked.attempts > MAX_DEATHS:
            self._close(picked.id, "failed", "process-died")
        else:
            self._try(picked)
        return True

    def _try(self, picked: Picked) -> None:
        try:
            self._run(picked)
        except Unavailable as error:
            self._again(picked, error.rule or "unavailable")
        except MihubError as error:
            self._close(picked.id, "refused", error.rule or error.issue_code)
        except self._faults as error:
            log.warning("a handler crashed", error=type(error).__name__, envelope=picked.id)
            self._count_crash(picked)

    def _run(self, picked: Picked) -> None:
        letter = parse(picked.data)
        task, allowance = self._task(letter)
        handler = self._handlers.get(task.kind)
        if handler is None:
            raise NotSupported("This site has no answer to this kind of task.", rule="kind-unknown")
        with translated(), self._pool.connection() as connection, connection.transaction():
            if not _still_open(connection, picked.id):
                return
            answer = handler(task, allowance, connection)
            self._outbox.put(
                connection,
                answer,
                net=letter.header.net,
                receiver=MemberId(letter.header.sender),
                sealed_to=allowance.keys,
                corr=letter.header.id,
                expires=task.expires + ANSWER_KEEPS_SECONDS,
            )
            self._set(connection, picked.id, "done", "")

    def _task(self, letter: Envelope) -> tuple[Task, Allowance]:
        token = open_envelope(letter, self._keys).get("task")
        if letter.header.kind != "task" or not isinstance(token, str):
            raise InvalidInput("The letter holds no task.", rule="not-a-task")
        allowance = self._allowances.get(claimed_project(token))
        task = verify_task(
            token,
            allowance,
            envelope=letter.header.id,
            member=MemberId(self._keys.owner),
            now_seconds=int(self._now()),
        )
        return task, allowance

    def _count_attempt(self) -> Picked | None:
        # Counted and committed before the work, so that a letter which kills the process is given up at last.
        with translated(), self._pool.connection() as connection:
            row = connection.execute(
                "UPDATE mailbox_inbox SET attempts = attempts + 1 WHERE id = ("
                " SELECT id FROM mailbox_inbox WHERE state = 'received' AND next_at <= %s"
                " ORDER BY arrival LIMIT 1 FOR UPDATE SKIP LOCKED)"
                " RETURNING id, letter, attempts, expires_at",
                (self._now(),),
            ).fetchone()
        return Picked(row[0], bytes(row[1]), row[2], row[3]) if row else None

    def _again(self, picked: Picked, reason: str) -> None:
        # Waiting for something else is no crash: the attempt is given back.
        at = self._now() + backoff_seconds(picked.attempts)
        with translated(), self._pool.connection() as connection, connection.transaction():
            connection.execute(
                "UPDATE mailbox_inbox SET attempts = attempts - 1, next_at = %s"
                " WHERE id = %s AND state = 'received'",
                (at, picked.id),
            )
            self._inbox.note(connection, picked.id, "retry", reason)

    def _count_crash(self, picked: Picked) -> None:
        if picked.attempts >= MAX_CRASHES:
            self._close(picked.id, "failed", "handler-crashed")
            return
        at = self._now() + backoff_seconds(picked.attempts)
        with translated(), self._pool.connection() as connection, connection.transaction():
            connection.execute("UPDATE mailbox_inbox SET next_at = %s WHERE id = %s", (at, picked.id))
            self._inbox.note(connection, picked.id, "retry", "handler-crashed")

    def _close(self, letter_id: str, state: State, reason: str) -> None:
        with translated(), self._pool.connection() as connection, connection.transaction():
            if _still_open(connection, letter_id):
                self._set(connection, letter_id, state, reason)

    def _set(self, connection: Connection, letter_id: str, state: State, reason: str) -> None:
        connection.execute(
            "UPDATE mailbox_inbox SET state = %s, reason = %s, tell_at = 0 WHERE id = %s",
            (state, reason[:60], letter_id),
        )
        self._inbox.note(connection, letter_id, state, reason[:60])


def backoff_seconds(attempts: int, *, longest: float = 300.0) -> float:
    """Full jitter: anywhere between nothing and 1, 2, 4, ... seconds, at most five minutes."""
    return random.uniform(0.0, min(longest, 2.0 ** min(attempts, 12)))  # noqa: S311  # not a secret


def _still_open(connection: Connection, letter_id: str) -> bool:
    row = connection.execute(
        "SELECT 1 FROM mailbox_inbox WHERE id = %s AND state = 'received' FOR UPDATE", (letter_id,)
    ).fetchone()
    return row is not None
