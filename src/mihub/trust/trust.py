"""One opened trust centre: its database, its keys and its rooms. Composition for `apps`.

Below: registry, linkage. Above: `trust.api.app`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mihub.core.policy.actor import MemberId
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.database.member_list import KeptMembers
from mihub.database.migrate import migrate
from mihub.database.nonces import Nonces
from mihub.database.pool import Pool, open_pool
from mihub.door.caller import Door
from mihub.trust.linkage.arrival import Linkage
from mihub.trust.registry.persons import Persons


@dataclass(frozen=True, slots=True)
class TrustSettings:
    """What a trust centre needs. `registry`: the public keys that sign the member list, given at set-up."""

    database_url: str
    keys: KeySet = field(repr=False)
    registry: PublicKeys
    pool_size: int = 4
    now: Callable[[], float] = field(default=time.time, repr=False)


@dataclass(frozen=True, slots=True)
class Trust:
    """An open trust centre; close it when done."""

    settings: TrustSettings
    pool: Pool
    members: KeptMembers
    nonces: Nonces
    persons: Persons
    linkage: Linkage

    @property
    def id(self) -> MemberId:
        """The trust centre's own member id."""
        return MemberId(self.settings.keys.owner)

    @property
    def door(self) -> Door:
        """Who may come in, and whom we believe."""
        return Door(self.id, self.members, self.nonces, self.settings.now)

    @staticmethod
    def open(settings: TrustSettings) -> Trust:
        """Connect and bring the tables up to date. Publish a member list before serving."""
        pool = open_pool(settings.database_url, max_size=settings.pool_size)
        migrate(pool, "mihub.trust.tables")
        return Trust(
            settings=settings,
            pool=pool,
            members=KeptMembers(pool, "trust_member_list", settings.registry, settings.now),
            nonces=Nonces(pool, "trust_nonce", settings.now),
            persons=Persons(pool, settings.now),
            linkage=Linkage(pool),
        )

    def close(self) -> None:
        """Give back the connections."""
        self.pool.close()
