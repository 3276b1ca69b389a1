"""What has to be told to whom, in PostgreSQL: subscriptions with their state, numbered events, who delivers just now.

Every step is one statement or one transaction, so that a process that dies leaves nothing half done: an event is made
together with the place in the change log, and is gone only when its receiver answered. Above: `follower`, `dispatcher`,
`room`, websockets. Below: `database`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mihub.core.policy.actor import Access
from mihub.database.faults import translated
from mihub.database.migrate import migrate
from mihub.database.pool import Connection, Pool
from mihub.site.subscriptions.versions import access_of_text

_ROW: Final = (
    "id, version, body, owner, channel, state, told, shaken, fault, reason, events, attempts, refused, failing_at,"
    " next_at, heartbeat_at, ends_at, delivered_at"
)
_EVENT: Final = "number, type, id, version_id, effect, at, state, reason, noted"
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
            return not _busy(connection)

    def all(self) -> list[Kept]:
        """By id."""
        with self._connected() as connection:
            rows = connection.execute(f"SELECT {_ROW} FROM subscription ORDER BY id")
            return [_kept(row) for row in rows]

    def one(self, subscription: str) -> Kept | None:
        """The subscription, or None."""
        with self._connected() as connection:
            row = connection.execute(
                f"SELECT {_ROW} FROM subscription WHERE id = %s", (subscription,)
            ).fetchone()
        return _kept(row) if row else None

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
                f" WHERE id = %s AND state = ANY(%s) AND lease_until <= %s RETURNING {_ROW}",
                (lease, now + seconds, subscription, list(LIVE), now),
            ).fetchone()
        return (_kept(row), lease) if row else None

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
            rows = connection.execute(f"SELECT {_EVENT} FROM subscription_event WHERE {where}", values)
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
            rows = connection.execute(f"SELECT {_ROW} FROM subscription WHERE told <> state")
            return [_kept(row) for row in rows]

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


class Following:
    """The open transaction of who follows the change log."""

    def __init__(self, connection: Connection, position: int, now: float) -> None:
        self._connection, self.position, self._now = connection, position, now
        self._numbers: dict[str, int] = {}
        self._made: list[tuple[Any, ...]] = []

    def interested(self) -> bool:
        """Does any subscription want events?"""
        return _any_live(self._connection)

    def next_subscription_change(self) -> int | None:
        """Where the change log next speaks of a Subscription."""
        row = self._connection.execute(_NEXT, {"after": self.position}).fetchone()
        return int(row[0]) if row and row[0] is not None else None

    def kept(self) -> list[Kept]:
        """All subscriptions as this transaction sees them."""
        rows = self._connection.execute(f"SELECT {_ROW} FROM subscription ORDER BY id")
        return [_kept(row) for row in rows]

    def digest(self, subscription: str) -> bytes | None:
        """Of the content that was read last."""
        row = self._connection.execute(
            "SELECT digest FROM subscription WHERE id = %s", (subscription,), binary=True
        ).fetchone()
        return bytes(row[0]) if row else None

    def put(self, subscription: str, values: dict[str, Any]) -> None:
        """Make the subscription, or change these columns of it."""
        row = {"id": subscription, **values}
        columns = ", ".join(row)
        places = ", ".join(["%s"] * len(row))
        changed = ", ".join(f"{name} = excluded.{name}" for name in values)
        self._connection.execute(
            f"INSERT INTO subscription ({columns}) VALUES ({places}) ON CONFLICT (id) DO UPDATE SET {changed}",
            tuple(row.values()),
        )

    def change(self, subscription: str, values: dict[str, Any]) -> None:
        """Change these columns of a subscription that is there."""
        columns = ", ".join(f"{name} = %s" for name in values)
        self._connection.execute(
            f"UPDATE subscription SET {columns} WHERE id = %s", (*values.values(), subscription)
        )

    def remove(self, subscription: str) -> None:
        """Forget the subscription and its events."""
        self._write()
        self._connection.execute("DELETE FROM subscription_event WHERE subscription = %s", (subscription,))
        self._connection.execute("DELETE FROM subscription WHERE id = %s", (subscription,))

    def add(
        self,
        subscription: str,
        state: str,
        position: int,
        key: tuple[str, str, int],
        effect: str,
        at: datetime,
    ) -> None:
        """The subscription's next event; written when the round ends."""
        if subscription not in self._numbers:
            found = "SELECT events FROM subscription WHERE id = %s"
            row = self._connection.execute(found, (subscription,)).fetchone()
            self._numbers[subscription] = int(row[0]) if row else 0
        self._numbers[subscription] += 1
        number = self._numbers[subscription]
        self._made.append((subscription, number, position, *key, effect, at, self._now, state))

    def end(self, subscription: str) -> None:
        """What waits to be sent is kept for who asks for it."""
        self._write()
        self._connection.execute(
            "UPDATE subscription_event SET state = 'kept' WHERE subscription = %s AND state = 'queued'",
            (subscription,),
        )

    def _write(self) -> None:
        with self._connection.cursor() as cursor:
            if self._made:
                cursor.executemany(_MAKE, self._made)
            for subscription, number in self._numbers.items():
                cursor.execute("UPDATE subscription SET events = %s WHERE id = %s", (number, subscription))
        self._made.clear()
        self._numbers.clear()

    def move_to(self, position: int) -> None:
        """Everything up to here was followed."""
        self._write()
        self._connection.execute("UPDATE subscription_cursor SET position = %s", (position,))


_MAKE: Final = (
    "INSERT INTO subscription_event"
    " (subscription, number, position, type, id, version_id, effect, at, queued_at, state)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
# By the index of types: the one of positions would be walked from the cursor on, which rests while nobody wants anything.
_NEXT: Final = """
WITH asked AS MATERIALIZED (SELECT rid, position FROM resource WHERE type = 'Subscription')
SELECT least((SELECT min(position) FROM asked WHERE position > %(after)s),
             (SELECT min(s.position) FROM asked JOIN superseded s USING (rid) WHERE s.position > %(after)s))
"""


_LIVE: Final = "EXISTS (SELECT 1 FROM subscription WHERE state = ANY(%(live)s) AND channel <> 'none')"
_BUSY: Final = f"""
WITH asked AS MATERIALIZED (SELECT rid, position FROM resource WHERE type = 'Subscription')
SELECT {_LIVE} OR EXISTS (
    SELECT 1 FROM subscription_cursor c WHERE EXISTS (SELECT 1 FROM asked WHERE position > c.position)
    OR EXISTS (SELECT 1 FROM asked JOIN superseded s USING (rid) WHERE s.position > c.position))
"""


def _any_live(connection: Connection) -> bool:
    row = connection.execute(f"SELECT {_LIVE}", {"live": list(LIVE)}).fetchone()
    return bool(row and row[0])


def _busy(connection: Connection) -> bool:
    # One look at small tables and at the Subscriptions: nothing else of the record is touched while nobody asks.
    row = connection.execute(_BUSY, {"live": list(LIVE)}).fetchone()
    return bool(row and row[0])


def _set_state(
    connection: Connection, subscription: str, numbers: Sequence[int], state: str, reason: str
) -> None:
    connection.execute(
        "UPDATE subscription_event SET state = %s, reason = %s WHERE subscription = %s AND number = ANY(%s)",
        (state, reason, subscription, list(numbers)),
    )


def _kept(row: tuple[Any, ...]) -> Kept:
    return Kept(*row)
