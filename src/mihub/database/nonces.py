"""Remembers the nonces of signed requests, so that a recorded request can not be sent again.

Above: the guards of hub and trust centre. Below: `core.wire.signature`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from mihub.core.wire.signature import NONCE_SECONDS, SignedRequest
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Unauthenticated

_FORGET_EVERY = 256


class Nonces:
    """One `table` (member, nonce, seen_at) for all processes of a house."""

    def __init__(self, pool: Pool, table: str, now: Callable[[], float]) -> None:
        self._pool = pool
        self._table = table
        self._now = now
        self._uses = itertools.count(1)

    def use(self, request: SignedRequest) -> None:
        """Raises `Unauthenticated` when this member has used the nonce before."""
        now = int(self._now())
        with translated(), self._pool.connection() as connection:
            if next(self._uses) % _FORGET_EVERY == 0:
                connection.execute(f"DELETE FROM {self._table} WHERE seen_at < %s", (now - NONCE_SECONDS,))
            made = connection.execute(
                f"INSERT INTO {self._table} (member, nonce, seen_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (request.member.id, request.nonce, now),
            )
        if made.rowcount == 0:
            raise Unauthenticated(
                "The signed request is refused: it was sent before.",
                rule="a nonce counts once",
                next_step="Sign each request anew; if you did, somebody replays your requests.",
            )
