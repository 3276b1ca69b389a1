"""What has to be told to whom, in PostgreSQL: subscriptions with their state, numbered events, who delivers just now.

Every step is one statement or one transaction, so that a process that dies leaves nothing half done: an event is made
together with the place in the change log, and is gone only when its receiver answered. Above: `follower`, `dispatcher`,
`room`, websockets. Below: `database`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from mihub.core.policy.actor import Access
from mihub.database.faults import translated
from mihub.database.migrate import migrate
from mihub.database.pool import Connection, Pool
from mihub.site.subscriptions.following import Following, busy
from mihub.site.subscriptions.kept import EVENT, LIVE, ROW, Counts, Event, Kept, kept_of
from mihub.site.subscriptions.versions import access_of_text


class Outbox:
    """`now`: the clock of the site, in seconds."""

    def __init__(self, pool: Pool, now: Callable[[], float]) -> None:
        migrate(pool, "mihub.site.subscriptions.tables")
        self._pool, self.now = pool, now

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with translated(), self._pool.connection() as connection:
            yield connection

    @contextmanager
    def following(self) -> Iterator[Following]:
        """One process at a time; what it does becomes true as a whole or not at all."""
        with self._connected() as connection, connection.transaction():
            row = connection.execute("SELECT position FROM subscription_cursor FOR UPDATE").fetchone()
            yield Following(connection, int(row[0]) if row else 0, self.now())

    def idle(self) -> bool:
        """Is there no subscription that wants anything, and no change of one that was not followed yet?"""
        with self._connected() as connection:
            return not busy(connection)

    def all(self) -> list[Kept]:
        """By id."""
        with self._connected() as connection:
            rows = connection.execute(f"SELECT {ROW} FROM subscription ORDER BY id")
            return [kept_of(row) for row in rows]

    def one(self, subscription: str) -> Kept | None:
        """The subscription, or None."""
        with self._connected() as connection:
            row = connection.execute(
                f"SELECT {ROW} FROM subscription WHERE id = %s", (subscription,)
            ).fetchone()
        return kept_of(row) if row else None

    def due(self) -> list[str]:
        """Which subscriptions have something to be sent now and nobody who sends it; and those that have ended."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT s.id FROM subscription s WHERE s.state = ANY(%(live)s) AND s.lease_until <= %(now)s"
                " AND (s.ends_at <= %(now)s OR (s.channel = 'rest-hook' AND s.next_at <= %(now)s AND (NOT s.shaken"
                " OR s.heartbeat_at <= %(now)s OR EXISTS (SELECT 1 FROM subscription_event e"
                " WHERE e.subscription = s.id AND e.state = 'queued')))) ORDER BY s.next_at, s.id",
                {"live": list(LIVE), "now": self.now()},
            )
            return [row[0] for row in rows]

    def claim(self, subscription: str, seconds: float) -> tuple[Kept, str] | None:
        """Become the one who delivers for so long; None when another process was faster."""
        lease = secrets.token_hex(8)
        now = self.now()
        with self._connected() as connection:
            row = connection.execute(
                "UPDATE subscription SET lease = %s, lease_until = %s"
                f" WHERE id = %s AND state = ANY(%s) AND lease_until <= %s RETURNING {ROW}",
                (lease, now + seconds, subscription, list(LIVE), now),
            ).fetchone()
        return (kept_of(row), lease) if row else None

    def release(self, subscription: str, lease: str) -> None:
        """Nothing was done."""
        self._change(subscription, lease, {"lease": "", "lease_until": 0.0})

    def settle(
        self,
        subscription: str,
        lease: str,
        changes: dict[str, Any],
        numbers: Sequence[int] = (),
        state: str = "",
        reason: str = "",
    ) -> bool:
        """Note how a delivery ended, for subscription and events at once. False when the lease was lost meanwhile."""
        free = {"lease": "", "lease_until": 0.0} | changes
        return self._change(subscription, lease, free, numbers, state, reason)

    def _change(
        self,
        subscription: str,
        lease: str,
        changes: dict[str, Any],
        numbers: Sequence[int] = (),
        state: str = "",
        reason: str = "",
    ) -> bool:
        columns = ", ".join(f"{name} = %s" for name in changes)
        with self._connected() as connection, connection.transaction():
            done = connection.execute(
                f"UPDATE subscription SET {columns} WHERE id = %s AND lease = %s",
                (*changes.values(), subscription, lease),
            )
            if done.rowcount != 1:
                return False
            if numbers:
                _set_state(connection, subscription, numbers, state, reason)
        return True

    def queued(self, subscription: str, most: int) -> list[Event]:
        """The oldest events that wait, in order."""
        return self._events(
            "subscription = %s AND state = 'queued' ORDER BY number LIMIT %s", (subscription, most)
        )

    def between(self, subscription: str, first: int, last: int, most: int) -> list[Event]:
        """All events with a number from `first` to `last`, in order, whatever became of them."""
        return self._events(
            "subscription = %s AND number >= %s AND number <= %s ORDER BY number LIMIT %s",
            (subscription, first, last, most),
        )

    def dead(self, subscription: str, most: int = 100) -> list[Event]:
        """Those that were given up, oldest first."""
        return self._events(
            "subscription = %s AND state = 'dead' ORDER BY number LIMIT %s", (subscription, most)
        )

    def _events(self, where: str, values: tuple[Any, ...]) -> list[Event]:
        with self._connected() as connection:
            rows = connection.execute(f"SELECT {EVENT} FROM subscription_event WHERE {where}", values)
            return [Event(*row) for row in rows]

    def mark(self, subscription: str, numbers: Sequence[int], state: str, reason: str = "") -> None:
        """Say what became of events."""
        with self._connected() as connection, connection.transaction():
            _set_state(connection, subscription, numbers, state, reason)

    def noted(self, subscription: str, numbers: Sequence[int]) -> None:
        """The audit has a line of them."""
        with self._connected() as connection:
            connection.execute(
                "UPDATE subscription_event SET noted = true WHERE subscription = %s AND number = ANY(%s)",
                (subscription, list(numbers)),
            )

    def give_up(self, subscription: str, queued_before: float, reason: str) -> int:
        """Waiting events that are older than this become dead letters; how many."""
        with self._connected() as connection:
            done = connection.execute(
                "UPDATE subscription_event SET state = 'dead', reason = %s"
                " WHERE subscription = %s AND state = 'queued' AND queued_at < %s",
                (reason, subscription, queued_before),
            )
            return done.rowcount

    def replay(self, subscription: str) -> int:
        """Queue the dead letters again and try at once; how many."""
        with self._connected() as connection, connection.transaction():
            done = connection.execute(
                "UPDATE subscription_event SET state = 'queued', reason = '', queued_at = %s"
                " WHERE subscription = %s AND state = 'dead'",
                (self.now(), subscription),
            )
            connection.execute(
                "UPDATE subscription SET next_at = 0, attempts = 0, refused = false, failing_at = 0 WHERE id = %s",
                (subscription,),
            )
            return done.rowcount

    def discard(self, subscription: str) -> int:
        """Give the dead letters up for good; how many. Their numbers stay."""
        with self._connected() as connection:
            done = connection.execute(
                "UPDATE subscription_event SET state = 'discarded' WHERE subscription = %s AND state = 'dead'",
                (subscription,),
            )
            return done.rowcount

    def counts(self) -> dict[str, Counts]:
        """By subscription; those without any are left out."""
        with self._connected() as connection:
            rows = connection.execute(
                "SELECT subscription, count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'dead')"
                " FROM subscription_event WHERE state IN ('queued', 'dead') GROUP BY subscription"
            )
            return {row[0]: Counts(row[1], row[2]) for row in rows}

    def forget(self, queued_before: float) -> None:
        """Events that old, and tokens that no longer hold, are not kept; what waits or was given up is."""
        with self._connected() as connection:
            connection.execute(
                "DELETE FROM subscription_event WHERE queued_at < %s AND state NOT IN ('queued', 'dead')",
                (queued_before,),
            )
            connection.execute("DELETE FROM subscription_token WHERE expires_at < %s", (self.now(),))

    def untold(self) -> list[Kept]:
        """Those whose resource says another state than they are in."""
        with self._connected() as connection:
            rows = connection.execute(f"SELECT {ROW} FROM subscription WHERE told <> state")
            return [kept_of(row) for row in rows]

    def told(self, subscription: str, state: str) -> None:
        """The resource says this state now."""
        with self._connected() as connection:
            connection.execute("UPDATE subscription SET told = %s WHERE id = %s", (state, subscription))

    def keep_token(self, digest: bytes, access: str, ids: Sequence[str], expires_at: float) -> None:
        """Let whoever brings what has this hash bind a websocket, once."""
        with self._connected() as connection:
            connection.execute(
                "INSERT INTO subscription_token (digest, access, ids, expires_at) VALUES (%s, %s, %s, %s)",
                (digest, access, list(ids), expires_at),
            )

    def take_token(self, digest: bytes) -> tuple[Access, list[str]] | None:
        """Whose token this is; it holds no longer."""
        with self._connected() as connection:
            row = connection.execute(
                "DELETE FROM subscription_token WHERE digest = %s RETURNING access, ids, expires_at",
                (digest,),
            ).fetchone()
        return (access_of_text(row[0]), row[1]) if row and row[2] > self.now() else None


def _set_state(
    connection: Connection, subscription: str, numbers: Sequence[int], state: str, reason: str
) -> None:
    connection.execute(
        "UPDATE subscription_event SET state = %s, reason = %s WHERE subscription = %s AND number = ANY(%s)",
        (state, reason, subscription, list(numbers)),
    )
