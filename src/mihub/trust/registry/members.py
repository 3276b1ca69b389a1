"""The member list as the trust centre checked it, and the nonces of requests it has taken.

Below: `core/wire`, `database`. Above: `trust.api.guard`.
"""

from __future__ import annotations

from collections.abc import Callable

from mihub.core.wire.keys import PublicKeys
from mihub.core.wire.members import MemberList, kept_list, verify_list
from mihub.core.wire.signature import NONCE_SECONDS, SignedRequest
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Unauthenticated, Unavailable

_FORGET_EVERY = 256


class Members:
    """`registry`: the public keys that sign the list, given at set-up."""

    def __init__(self, pool: Pool, registry: PublicKeys, now: Callable[[], float]) -> None:
        self._pool = pool
        self._registry = registry
        self._now = now
        self._uses = 0
        self._list: MemberList | None = None
        with translated(), pool.connection() as connection:
            row = connection.execute(
                "SELECT token FROM trust_member_list ORDER BY version DESC LIMIT 1"
            ).fetchone()
        if row:
            self._list = kept_list(row[0], registry)

    @property
    def current(self) -> MemberList:
        """The list. Raises `Unavailable` while there is none that holds today."""
        if self._list is None or self._now() > self._list.expires_at:
            raise Unavailable(
                "The trust centre has no valid list of members.",
                rule="member list signed by the registry",
                next_step="Publish the list that the registry signed.",
            )
        return self._list

    def publish(self, token: str) -> MemberList:
        """Keep a newer list. Raises `Unauthenticated` when the registry did not sign it or it is older."""
        listed = verify_list(token, self._registry, now_seconds=int(self._now()), newer_than=self._list)
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO trust_member_list (version, token) VALUES (%s, %s)"
                " ON CONFLICT (version) DO UPDATE SET token = excluded.token",
                (listed.version, token),
            )
        self._list = listed
        return listed

    def use(self, request: SignedRequest) -> None:
        """Raises `Unauthenticated` when this member has used the nonce before."""
        now = int(self._now())
        with translated(), self._pool.connection() as connection:
            self._uses += 1
            if self._uses % _FORGET_EVERY == 0:
                connection.execute("DELETE FROM trust_nonce WHERE seen_at < %s", (now - NONCE_SECONDS,))
            made = connection.execute(
                "INSERT INTO trust_nonce (member, nonce, seen_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (request.member.id, request.nonce, now),
            )
        if made.rowcount == 0:
            raise Unauthenticated(
                "The signed request is refused: it was sent before.",
                rule="a nonce counts once",
                next_step="Sign each request anew; if you did, somebody replays your requests.",
            )
