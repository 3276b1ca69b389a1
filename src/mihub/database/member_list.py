"""The newest signed list of members that a house knows: kept in its own table, handed on, never made here.

Every house checks the registry's signature itself, so that none has to believe another. An expired list stops all
work: better silent than deceived. Above: hub, trust centre, the site's mailbox. Below: `core.wire.members`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from joserfc.jwk import ECKey

from mihub.core.policy.actor import MemberId
from mihub.core.wire.keys import PublicKeys
from mihub.core.wire.members import MemberList, kept_list, verify_list
from mihub.database.faults import translated
from mihub.database.pool import Pool
from mihub.errors import Unavailable


class KeptMembers:
    """`table` (version, token) belongs to the house; `registry` are the public keys it was given at set-up.

    Read from the database when made; several processes may share it and see a new list at their next start.
    """

    def __init__(self, pool: Pool, table: str, registry: PublicKeys, now: Callable[[], float]) -> None:
        self._pool = pool
        self._table = table
        self._registry = registry
        self._now = now
        # Two lists that arrive at once: the older one must not be the last to be kept.
        self._accepting = threading.Lock()
        token = self._stored()
        listed = kept_list(token, registry) if token else None
        self._kept = (token, listed) if listed is not None else None
        self._keys: tuple[MemberList, dict[MemberId, ECKey]] | None = None

    @property
    def version(self) -> int:
        """The version known here; 0 before the first list and after it has expired."""
        return self._kept[1].version if self._kept and self._now() <= self._kept[1].expires_at else 0

    @property
    def current(self) -> MemberList:
        """The list. Raises `Unavailable` while there is none that holds today."""
        return self._valid()[1]

    @property
    def token(self) -> str:
        """The list as signed, for members to check themselves. Raises as `current` does."""
        return self._valid()[0]

    def assertion_keys(self) -> dict[MemberId, ECKey]:
        """Whose portals may vouch for people here (`core.policy.assertion.verify`)."""
        current, kept = self.current, self._keys
        if kept is None or kept[0] is not current:
            # Made once a list: the same key is the same object, so that a checked statement is known again.
            kept = self._keys = (current, current.assertion_keys())
        return kept[1]

    def accept(self, token: str) -> MemberList:
        """Keep a list that the registry signed and that is not older. Raises `Unauthenticated`."""
        with self._accepting:
            known = self._kept[1] if self._kept else None
            listed = verify_list(token, self._registry, now_seconds=int(self._now()), newer_than=known)
            with translated(), self._pool.connection() as connection:
                connection.execute(
                    f"INSERT INTO {self._table} (version, token) VALUES (%s, %s)"
                    " ON CONFLICT (version) DO UPDATE SET token = excluded.token",
                    (listed.version, token),
                )
            self._kept = (token, listed)
        return listed

    def reread(self) -> None:
        """Take what another process has accepted since."""
        token = self._stored()
        with self._accepting:
            if token and (self._kept is None or token != self._kept[0]):
                listed = kept_list(token, self._registry)
                self._kept = (token, listed) if listed is not None else self._kept

    def _valid(self) -> tuple[str, MemberList]:
        kept = self._kept
        if kept is None or self._now() > kept[1].expires_at:
            raise Unavailable(
                "There is no valid list of members here.",
                rule="member list signed by the registry",
                next_step="Connect to the hub, or load the newest list that the registry signed.",
            )
        return kept

    def _stored(self) -> str:
        with translated(), self._pool.connection() as connection:
            row = connection.execute(
                f"SELECT token FROM {self._table} ORDER BY version DESC LIMIT 1"
            ).fetchone()
        return str(row[0]) if row else ""
