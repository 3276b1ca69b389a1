"""Letters that have arrived: kept once, whatever the network repeats, until their work is done.

The id is the primary key, so a second delivery changes nothing. A place in the stream that is taken by
another letter means that a sender or the hub was set back: refused and noted as an alert. Source: mailbox
rules 2, 4 and 5. Below: `core/wire`, `database`. Above: `work`, `agent`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mihub.core.policy.actor import MemberId
from mihub.core.wire.envelope import Envelope, parse, verify_sender
from mihub.core.wire.receipt import Receipt, State
from mihub.database.faults import translated
from mihub.database.member_list import KeptMembers
from mihub.database.pool import Connection, Pool
from mihub.errors import MihubError


@dataclass(frozen=True, slots=True)
class Untold:
    """A state that the hub has no receipt for yet."""

    id: str
    head_sha256: str
    state: State
    reason: str


class Inbox:
    """`member` is this site."""

    def __init__(
        self, pool: Pool, member: MemberId, directory: KeptMembers, now: Callable[[], float]
    ) -> None:
        self._pool = pool
        self._member = member
        self._directory = directory
        self._now = now

    def receive(self, data: bytes) -> Receipt | None:
        """Keep one letter, durable when this returns. A receipt to send at once when it is refused, else
        None.

        Raises `InvalidInput` or `Unauthenticated` for bytes that are no letter of this network.
        """
        letter = parse(data)
        reason = self._refusal(letter) or self._keep(letter, data)
        if not reason:
            return None
        with translated(), self._pool.connection() as connection:
            self.note(connection, letter.header.id, "alert", reason)
        return Receipt(
            letter.header.id, letter.header.digest(), self._member, "refused", int(self._now()), reason
        )

    def untold(self, limit: int = 64) -> list[Untold]:
        """What the hub should hear next."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT id, head_sha256, state, reason FROM mailbox_inbox"
                " WHERE told <> state AND tell_at <= %s ORDER BY arrival LIMIT %s",
                (self._now(), limit),
            )
            return [Untold(*row) for row in rows]

    def told(self, letter_id: str, state: str) -> None:
        """The hub has durably taken a receipt for this state."""
        with translated(), self._pool.connection() as connection:
            connection.execute("UPDATE mailbox_inbox SET told = %s WHERE id = %s", (state, letter_id))

    def tell_later(self, letter_id: str, at: float) -> None:
        """The hub did not take the receipt; try again at `at`."""
        with translated(), self._pool.connection() as connection:
            connection.execute("UPDATE mailbox_inbox SET tell_at = %s WHERE id = %s", (at, letter_id))

    def events(self, letter_id: str) -> list[tuple[str, str]]:
        """(event, reason) of one letter in order."""
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT event, reason FROM mailbox_event WHERE letter = %s ORDER BY position", (letter_id,)
            )
            return [(str(event), str(reason)) for event, reason in rows]

    def note(self, connection: Connection, letter_id: str, event: str, reason: str = "") -> None:
        """One line of the mailbox's own record, in the caller's transaction."""
        connection.execute(
            "INSERT INTO mailbox_event (at, letter, event, reason) VALUES (%s, %s, %s, %s)",
            (int(self._now()), letter_id, event, reason),
        )

    def _refusal(self, letter: Envelope) -> str:
        members = self._directory.current
        if letter.header.receiver != self._member or letter.header.net != members.network:
            return "wrong-receiver"
        try:
            verify_sender(letter, members.get(letter.header.sender).keys)
        except MihubError:
            return "sender-unverified"
        return ""

    def _keep(self, letter: Envelope, data: bytes) -> str:
        header = letter.header
        with translated(), self._pool.connection() as connection, connection.transaction():
            made = connection.execute(
                "INSERT INTO mailbox_inbox (id, sender, stream, seq, head_sha256, expires_at, letter, state)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, 'received') ON CONFLICT DO NOTHING",
                (
                    header.id, header.sender, header.stream, header.seq, header.digest(), header.expires,
                    data,
                ),
            )  # fmt: skip
            if made.rowcount:
                self.note(connection, header.id, "received")
                return ""
            row = connection.execute(
                "SELECT head_sha256 FROM mailbox_inbox WHERE id = %s", (header.id,)
            ).fetchone()
            if row is None:
                return "seq-regress"
            if row[0] != header.digest():
                return "id-reused"
            # The hub handed it out again, so it may have lost what it was told.
            connection.execute("UPDATE mailbox_inbox SET told = '', tell_at = 0 WHERE id = %s", (header.id,))
        return ""
