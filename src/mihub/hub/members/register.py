"""The newest signed list of members that this hub knows; kept, handed out, never changed here.

The hub can withhold a list but not make one: every receiver checks the registry's signature itself.
Below: `core/wire/members`, `database`. Above: `hub.api`.
"""

from __future__ import annotations

from collections.abc import Callable

from mihub.core.wire.keys import PublicKeys
from mihub.core.wire.members import MemberList, kept_list, verify_list
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Unavailable


class Register:
    """Read from the database when made; several processes may share it and see a new list at their next
    start.
    """

    def __init__(self, pool: Pool, registry: PublicKeys, now: Callable[[], float]) -> None:
        self._pool = pool
        self._registry = registry
        self._now = now
        self._token = self._stored()
        self._list = kept_list(self._token, registry) if self._token else None

    @property
    def current(self) -> MemberList:
        """The list. Raises `Unavailable` while there is none or only an expired one."""
        if self._list is None or self._now() > self._list.expires_at:
            raise Unavailable(
                "The hub has no valid list of members.",
                rule="member list signed by the registry",
                next_step="Publish the list that the registry signed.",
            )
        return self._list

    @property
    def token(self) -> str:
        """The list as signed, for members to check themselves."""
        return self._token

    def publish(self, token: str) -> MemberList:
        """Keep a newer list. Raises `Unauthenticated` when the registry did not sign it or it is older."""
        listed = self._accept(token)
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO hub_member_list (version, token) VALUES (%s, %s)"
                " ON CONFLICT (version) DO UPDATE SET token = excluded.token",
                (listed.version, token),
            )
        return listed

    def _accept(self, token: str) -> MemberList:
        listed = verify_list(token, self._registry, now_seconds=int(self._now()), newer_than=self._list)
        self._token, self._list = token, listed
        return listed

    def _stored(self) -> str:
        with translated(), self._pool.connection() as connection:
            row = connection.execute(
                "SELECT token FROM hub_member_list ORDER BY version DESC LIMIT 1"
            ).fetchone()
        return str(row[0]) if row else ""
