"""Letters on their way out: sealed and counted in the transaction that made them, sent until the hub signs
for them.

Below: `core/wire/envelope`, `database`. Above: `work`, `agent`. Source: mailbox rules 2, 3 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.core.wire.envelope import Header, envelope_id, seal
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool

STREAM = "site"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A letter that should be sent now."""

    id: str
    receiver: str
    seq: int
    head_sha256: str
    letter: bytes
    attempts: int


class Outbox:
    """`keys`: the site's own, which sign every letter."""

    def __init__(self, pool: Pool, keys: KeySet, now: Callable[[], float]) -> None:
        self._pool = pool
        self._keys = keys
        self._now = now

    def put(
        self,
        connection: Connection,
        content: Json,
        *,
        net: str,
        receiver: MemberId,
        sealed_to: PublicKeys,
        corr: str,
        expires: int,
    ) -> str:
        """Seal `content` and queue it in the caller's transaction; the new letter's id."""
        # The row is the lock that keeps the count without gaps.
        connection.execute(
            "INSERT INTO mailbox_stream (receiver, stream, seq, prev) VALUES (%s, %s, 0, '')"
            " ON CONFLICT DO NOTHING",
            (receiver, STREAM),
        )
        row = connection.execute(
            "SELECT seq, prev FROM mailbox_stream WHERE receiver = %s AND stream = %s FOR UPDATE",
            (receiver, STREAM),
        ).fetchone()
        seq, prev = row or (0, "")
        header = Header(
            id=envelope_id(),
            net=net,
            kind="result",
            sender=MemberId(self._keys.owner),
            receiver=receiver,
            stream=STREAM,
            corr=corr,
            seq=seq + 1,
            prev=prev,
            created=int(self._now()),
            expires=expires,
            sender_kid="",
            receiver_kid="",
        )
        letter = seal(content, header, self._keys, sealed_to)
        digest = letter.header.digest()
        connection.execute(
            "UPDATE mailbox_stream SET seq = %s, prev = %s WHERE receiver = %s AND stream = %s",
            (seq + 1, digest, receiver, STREAM),
        )
        connection.execute(
            "INSERT INTO mailbox_outbox (id, receiver, stream, seq, head_sha256, letter, state)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'queued')",
            (header.id, receiver, STREAM, seq + 1, digest, letter.to_bytes()),
        )
        return header.id

    def due(self, limit: int = 64) -> list[Outgoing]:
        """What should be sent now, each receiver's letters in order."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT id, receiver, seq, head_sha256, letter, attempts FROM mailbox_outbox"
                " WHERE state = 'queued' AND next_at <= %s ORDER BY receiver, stream, seq LIMIT %s",
                (self._now(), limit),
            )
            return [Outgoing(*row) for row in rows]

    def sent(self, letter_id: str, receipt: str) -> None:
        """The hub signed that the letter is durable there."""
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "UPDATE mailbox_outbox SET state = 'sent', receipt = %s WHERE id = %s", (receipt, letter_id)
            )

    def later(self, letter_id: str, at: float) -> None:
        """Not sent; try again at `at`."""
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "UPDATE mailbox_outbox SET attempts = attempts + 1, next_at = %s WHERE id = %s",
                (at, letter_id),
            )

    def failed(self, letter_id: str, reason: str) -> None:
        """The hub will never take it as it is; sending it again is up to a person."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            connection.execute(
                "UPDATE mailbox_outbox SET state = 'failed', reason = %s WHERE id = %s", (reason, letter_id)
            )
            connection.execute(
                "INSERT INTO mailbox_event (at, letter, event, reason) VALUES (%s, %s, 'alert', %s)",
                (int(self._now()), letter_id, reason),
            )

    def send_again(self, receiver: str, first_seq: int) -> None:
        """The hub misses letters (it was set back): queue everything from `first_seq` on."""
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "UPDATE mailbox_outbox SET state = 'queued', next_at = 0"
                " WHERE receiver = %s AND stream = %s AND seq >= %s",
                (receiver, STREAM, first_seq),
            )

    def waiting(self) -> int:
        """How many letters the hub has not signed for."""
        with translated(), self._pool.connection() as connection:
            row = connection.execute("SELECT count(*) FROM mailbox_outbox WHERE state = 'queued'").fetchone()
        return int(row[0]) if row else 0
