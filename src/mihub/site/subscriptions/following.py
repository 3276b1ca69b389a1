"""The open transaction of who follows the change log: subscriptions, new events and the place in the log, all or nothing.

Above: `follower`. Beside: `outbox`, which opens it. Below: `database`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from mihub.database.pool import Connection
from mihub.site.subscriptions.kept import LIVE, ROW, Kept, kept_of

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


def busy(connection: Connection) -> bool:
    """Does anybody want anything, or has a Subscription changed since?"""
    # One look at small tables and at the Subscriptions: nothing else of the record is touched while nobody asks.
    row = connection.execute(_BUSY, {"live": list(LIVE)}).fetchone()
    return bool(row and row[0])


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
        rows = self._connection.execute(f"SELECT {ROW} FROM subscription ORDER BY id")
        return [kept_of(row) for row in rows]

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
