"""Letters between members: accepted once, durable before the answer, handed out under a lease, closed by
receipts.

Never opens one: it has no key. The same id with the same header is the same letter; the same id or place in
the stream with another header is refused and noted as an alert. Source: mailbox rules 1-5 of the network's
transport. Below: `database`, `core/wire`. Above: `hub.api`, `hub.feasibility`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from mihub.core.policy.actor import MemberId
from mihub.core.wire.envelope import Envelope
from mihub.core.wire.receipt import FINAL, Receipt
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.errors import Conflict, MihubError, NotFound

Acceptance = Literal["accepted", "known"]
BATCH = 16


class Letters:
    """The mailbox of all members in one database. `lease_seconds`: how long a receiver may hold a letter."""

    def __init__(self, pool: Pool, now: Callable[[], float], *, lease_seconds: int = 60) -> None:
        self._pool = pool
        self._now = now
        self._lease_seconds = lease_seconds

    def accept(self, letter: Envelope) -> Acceptance:
        """Keep one letter whose sender is already verified; durable when this returns. Raises `Conflict`."""
        try:
            with translated(), self._pool.connection() as connection, connection.transaction():
                return self.accept_in(connection, letter)
        except Conflict as error:
            self._alert(letter, error)
            raise

    def accept_in(self, connection: Connection, letter: Envelope) -> Acceptance:
        """As `accept`, inside the caller's transaction and without the alert."""
        header = letter.header
        stream = f"{header.sender}/{header.receiver}/{header.stream}"
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (stream,))
        if self._is_known(connection, letter):
            return "known"
        self._check_place(connection, letter)
        # An expired letter keeps its place in the stream, so that the ones after it still follow.
        state = "queued" if header.expires > self._now() else "expired"
        connection.execute(
            "INSERT INTO hub_letter (id, sender, receiver, stream, seq, kind, corr, head, head_sha256,"
            " expires_at, letter, state, since)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                header.id, header.sender, header.receiver, header.stream, header.seq, header.kind,
                header.corr, letter.head, header.digest(), header.expires, letter.to_bytes(),
                state, int(self._now()),
            ),
        )  # fmt: skip
        self._keep_answer(connection, letter)
        self._note(connection, header.sender, header.id, state)
        return "accepted"

    def lease(self, receiver: MemberId, *, fresh: bool = False) -> list[bytes]:
        """The next letters for `receiver`, oldest first, at most 16; each is its own for the length of a
        lease.

        `fresh`: the receiver has just started and holds nothing, so what was leased to it is due again at
        once.
        """
        now = int(self._now())
        with translated(), self._pool.connection() as connection, connection.transaction():
            self._expire(connection, now)
            rows = connection.execute(
                "UPDATE hub_letter SET state = 'leased', lease_until = %(until)s WHERE id IN ("
                " SELECT id FROM hub_letter WHERE receiver = %(receiver)s AND (state = 'queued'"
                "  OR state = 'leased' AND (lease_until <= %(now)s OR %(fresh)s))"
                " ORDER BY arrival LIMIT %(batch)s FOR UPDATE SKIP LOCKED) RETURNING arrival, id, letter",
                {
                    "until": now + self._lease_seconds,
                    "receiver": receiver,
                    "now": now,
                    "fresh": fresh,
                    "batch": BATCH,
                },
            ).fetchall()
            for _, letter_id, _ in rows:
                self._note(connection, receiver, letter_id, "leased")
        return [bytes(letter) for _, _, letter in sorted(rows, key=lambda row: row[0])]

    def receive_receipt(self, receipt: Receipt, token: str) -> None:
        """What the receiver says became of a letter; never goes back. Raises `NotFound`, `Conflict`."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            row = connection.execute(
                "SELECT state, head_sha256 FROM hub_letter WHERE id = %s AND receiver = %s FOR UPDATE",
                (receipt.id, receipt.by),
            ).fetchone()
            if row is None:
                raise NotFound("There is no such letter to this receiver.", rule="receipt-unknown-letter")
            state, head = row
            if head != receipt.head_sha256:
                raise Conflict("The receipt is for another letter with this id.", rule="receipt-other-letter")
            if state in FINAL or state == receipt.state:
                return
            connection.execute(
                "UPDATE hub_letter SET state = %s, since = %s, reason = %s, receipt = %s WHERE id = %s",
                (receipt.state, int(self._now()), receipt.reason[:60], token, receipt.id),
            )
            self._note(connection, receipt.by, receipt.id, receipt.state, receipt.reason[:60])

    def last_heads(self, sender: MemberId, stream: str) -> list[str]:
        """The newest signed header to each receiver in one stream, so that its sender counts on from it."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT DISTINCT ON (receiver) head FROM hub_letter WHERE sender = %s AND stream = %s"
                " ORDER BY receiver, seq DESC",
                (sender, stream),
            )
            return [str(head) for (head,) in rows]

    def expire(self) -> None:
        """Mark what is past its time; also done at every lease."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            self._expire(connection, int(self._now()))

    def events(self, letter_id: str) -> Sequence[tuple[str, str]]:
        """(event, reason) of one letter in order."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT event, reason FROM hub_event WHERE letter = %s ORDER BY position", (letter_id,)
            )
            return [(str(event), str(reason)) for event, reason in rows]

    def _is_known(self, connection: Connection, letter: Envelope) -> bool:
        row = connection.execute(
            "SELECT head_sha256 FROM hub_letter WHERE id = %s", (letter.header.id,)
        ).fetchone()
        if row is None:
            return False
        if row[0] != letter.header.digest():
            raise Conflict("The id was used for another letter.", rule="id-reused")
        return True

    def _check_place(self, connection: Connection, letter: Envelope) -> None:
        header = letter.header
        row = connection.execute(
            "SELECT seq, head_sha256 FROM hub_letter WHERE sender = %s AND receiver = %s AND stream = %s"
            " ORDER BY seq DESC LIMIT 1",
            (header.sender, header.receiver, header.stream),
        ).fetchone()
        last_seq, last_head = row or (0, "")
        if header.seq <= last_seq:
            raise Conflict("The sender's count went back.", rule="seq-regress", next_step="Alert the sender.")
        if header.seq > last_seq + 1:
            raise Conflict("Letters are missing before this one.", where=str(last_seq + 1), rule="seq-gap")
        if header.prev != last_head:
            raise Conflict("The letter does not follow the one before it.", rule="prev-mismatch")

    def _keep_answer(self, connection: Connection, letter: Envelope) -> None:
        # An answer to a question waits for its asker with the question, not in the asker's mailbox.
        header = letter.header
        kept = connection.execute(
            "UPDATE hub_question_site SET answer = %s WHERE letter = %s AND member = %s AND answer IS NULL",
            (header.id, header.corr, header.sender),
        )
        if kept.rowcount:
            connection.execute("UPDATE hub_letter SET state = 'done' WHERE id = %s", (header.id,))

    def _expire(self, connection: Connection, now: int) -> None:
        connection.execute(
            "WITH gone AS (UPDATE hub_letter SET state = 'expired', since = %(now)s"
            " WHERE expires_at <= %(now)s AND state IN ('queued', 'leased', 'received')"
            " RETURNING id, receiver)"
            " INSERT INTO hub_event (at, member, letter, event)"
            " SELECT %(now)s, receiver, id, 'expired' FROM gone",
            {"now": now},
        )

    def _alert(self, letter: Envelope, error: MihubError) -> None:
        if error.rule == "seq-gap":
            return
        with translated(), self._pool.connection() as connection:
            self._note(connection, letter.header.sender, letter.header.id, "alert", error.rule)

    def _note(
        self, connection: Connection, member: str, letter_id: str, event: str, reason: str = ""
    ) -> None:
        connection.execute(
            "INSERT INTO hub_event (at, member, letter, event, reason) VALUES (%s, %s, %s, %s, %s)",
            (int(self._now()), member, letter_id, event, reason),
        )
