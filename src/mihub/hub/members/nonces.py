"""Remembers the nonces of signed requests, so that a recorded request can not be sent again.

Below: `database`. Above: `hub.api.guard`.
"""

from __future__ import annotations

from collections.abc import Callable

from mihub.core.wire.signature import NONCE_SECONDS, SignedRequest
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Unauthenticated

_FORGET_EVERY = 256


class Nonces:
    """One table for all processes of this hub."""

    def __init__(self, pool: Pool, now: Callable[[], float]) -> None:
        self._pool = pool
        self._now = now
        self._count = 0

    def use(self, request: SignedRequest) -> None:
        """Raises `Unauthenticated` when this member has used the nonce before."""
        with translated(), self._pool.connection() as connection:
            self._count += 1
            if self._count % _FORGET_EVERY == 0:
                connection.execute(
                    "DELETE FROM hub_nonce WHERE seen_at < %s", (int(self._now()) - NONCE_SECONDS,)
                )
            made = connection.execute(
                "INSERT INTO hub_nonce (member, nonce, seen_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (request.member.id, request.nonce, int(self._now())),
            )
            if made.rowcount == 0:
                raise Unauthenticated(
                    "The signed request is refused: it was sent before.",
                    rule="a nonce counts once",
                    next_step="Sign each request anew; if you did, somebody replays your requests.",
                )
