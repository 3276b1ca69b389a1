"""Follows the store's change log and hands each changed Patient, encoded, to the trust centre.

The place in the log moves only after the trust centre has taken a batch; sending a batch twice changes
nothing there. Names leave this room only as keyed filters. Below: `core/linkage`, `transport_id`,
`site.store` (its protocol), `site.mailbox.hub_client`. Above: `apps` runs one per site.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import httpx
import orjson
from anyio.to_thread import run_sync

from mihub import log
from mihub.core.linkage.encode import encode
from mihub.core.linkage.normalise import identity_of
from mihub.core.policy.actor import MemberId
from mihub.core.wire.identity import MAX_BATCH, EncodedIdentity
from mihub.core.wire.keys import KeySet
from mihub.database.faults import translated
from mihub.database.migrate import migrate
from mihub.database.pool import Pool
from mihub.errors import MihubError
from mihub.site.linkage.transport_id import transport_id
from mihub.site.mailbox.hub_client import Refused, SignedClient
from mihub.site.mailbox.work import backoff_seconds
from mihub.site.store.protocol import Version

CHANGES_PER_ROUND = 5000
IDLE_SECONDS = 2.0
_TRUST = MemberId("trust")


class ChangeLog(Protocol):
    """The part of the store that is followed."""

    def changes(self, after: int, limit: int) -> list[Version]:
        """Versions with a position greater than `after`, oldest first."""
        ...


class IdentityFeed:
    """`secret`: the site's own, for transport ids. `linkage_key`: common to the sites, unknown to the trust
    centre.

    `client`: httpx with the trust centre's base URL.
    """

    def __init__(
        self,
        pool: Pool,
        store: ChangeLog,
        client: httpx.AsyncClient,
        *,
        keys: KeySet,
        secret: bytes,
        linkage_key: bytes,
        trust: MemberId = _TRUST,
        now: Callable[[], float] = time.time,
    ) -> None:
        migrate(pool, "mihub.site.linkage.tables")
        self._pool = pool
        self._store = store
        self._trust = SignedClient(client, keys, trust, now)
        self._secret = secret
        self._linkage_key = linkage_key

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            try:
                if not await self.step():
                    await asyncio.sleep(IDLE_SECONDS)
                failures = 0
            except (MihubError, Refused) as error:
                failures += 1
                log.warning("linkage waits", error=type(error).__name__)
                await asyncio.sleep(backoff_seconds(failures))

    async def step(self) -> int:
        """Hand over the next changes; how many positions of the log were passed, 0 when there is
        nothing new."""
        after = await run_sync(self._position)
        versions = await run_sync(self._store.changes, after, CHANGES_PER_ROUND)
        if not versions:
            return 0
        identities = await run_sync(self._encode, versions)
        for start in range(0, len(identities), MAX_BATCH):
            batch = [one.to_json() for one in identities[start : start + MAX_BATCH]]
            await self._trust.send("POST", "/trust/identities", orjson.dumps({"identities": batch}))
        await run_sync(self._move_to, versions[-1].position)
        return versions[-1].position - after

    async def catch_up(self) -> int:
        """Hand over everything there is now; how many positions were passed. Raises `Unavailable`,
        `Refused`."""
        passed = 0
        while step := await self.step():
            passed += step
        return passed

    def _encode(self, versions: Sequence[Version]) -> list[EncodedIdentity]:
        # Only the newest version of a patient within the round counts.
        newest = {one.id: one for one in versions if one.resource_type == "Patient"}
        return [self._identity(one) for one in newest.values()]

    def _identity(self, version: Version) -> EncodedIdentity:
        name = transport_id(self._secret, version.id)
        if version.body is None:
            return EncodedIdentity(name, removed=True)
        encoding = encode(identity_of(orjson.loads(version.body)), self._linkage_key)
        return EncodedIdentity(name, encoding.clk, encoding.blocks, encoding.insurance)

    def _position(self) -> int:
        with translated(), self._pool.connection() as connection:
            row = connection.execute("SELECT position FROM linkage_cursor").fetchone()
        return int(row[0]) if row else 0

    def _move_to(self, position: int) -> None:
        with translated(), self._pool.connection() as connection:
            connection.execute(
                "INSERT INTO linkage_cursor (position) VALUES (%s)"
                " ON CONFLICT (only_one) DO UPDATE SET position = excluded.position",
                (position,),
            )
