"""The member list as this site has checked it against the registry's key; the last good one survives a
restart.

An expired list stops all work: better silent than deceived. Below: `core/wire/members`, `database`.
"""

from __future__ import annotations

from collections.abc import Callable

from joserfc.jwk import ECKey

from mihub.core.policy.actor import MemberId
from mihub.core.wire.keys import PublicKeys
from mihub.core.wire.members import MemberList, kept_list, verify_list
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Unavailable


class Directory:
    """`registry`: the public keys this site was given at enrolment."""

    def __init__(self, pool: Pool, registry: PublicKeys, now: Callable[[], float]) -> None:
        self._pool = pool
        self._registry = registry
        self._now = now
        self._list: MemberList | None = None
        with translated(), pool.connection() as connection:
            row = connection.execute(
                "SELECT token FROM mailbox_member_list ORDER BY version DESC LIMIT 1"
            ).fetchone()
        if row:
            self._list = kept_list(row[0], registry)

    @property
    def version(self) -> int:
        """The version known here; 0 before the first list and after it has expired."""
        return self._list.version if self._list and self._now() <= self._list.expires_at else 0

    @property
    def current(self) -> MemberList:
        """The list. Raises `Unavailable` while there is none that holds today."""
        if self._list is None or self._now() > self._list.expires_at:
            raise Unavailable(
                "This site has no valid list of members.",
                rule="member list signed by the registry",
                next_step="Connect to the hub, or ask the registry for a new list.",
            )
        return self._list

    def assertion_keys(self) -> dict[MemberId, ECKey]:
        """Whose portals may vouch for people here (`core.policy.assertion.verify`)."""
        return self.current.assertion_keys()

    def accept(self, token: str) -> MemberList:
        """Keep a list that the registry signed and that is not older. Raises `Unauthenticated`."""
        listed = verify_list(token, self._registry, now_seconds=int(self._now()), newer_than=self._list)
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO mailbox_member_list (version, token) VALUES (%s, %s)"
                " ON CONFLICT (version) DO UPDATE SET token = excluded.token",
                (listed.version, token),
            )
        self._list = listed
        return listed
