"""One opened hub: its database, its keys and its rooms. Composition for `apps`; holds no record of a patient.

Below: members, mailbox, projects, feasibility. Above: `hub.api.app`.
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
from mihub.hub.feasibility.questions import Questions
from mihub.hub.mailbox.arrivals import Arrivals
from mihub.hub.mailbox.letters import Letters
from mihub.hub.projects.projects import Projects


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What a hub needs. `registry`: the public keys that sign the member list, given at set-up, never by the
    network.

    `lease_seconds`: how long a site may hold a letter before it is handed out again. `now`: seconds of the
    epoch.
    """

    database_url: str
    keys: KeySet
    registry: PublicKeys
    lease_seconds: int = 60
    max_wait_seconds: int = 25
    pool_size: int = 8
    now: Callable[[], float] = field(default=time.time, repr=False)


@dataclass(frozen=True, slots=True)
class Hub:
    """An open hub; close it when done."""

    settings: HubSettings
    pool: Pool
    members: KeptMembers
    nonces: Nonces
    letters: Letters
    projects: Projects
    questions: Questions
    arrivals: Arrivals

    @property
    def id(self) -> MemberId:
        """The hub's own member id."""
        return MemberId(self.settings.keys.owner)

    @property
    def door(self) -> Door:
        """Who may come in, and whom we believe."""
        return Door(self.id, self.members, self.nonces, self.settings.now)

    @staticmethod
    def open(settings: HubSettings) -> Hub:
        """Connect and bring the tables up to date. Publish a member list before serving
        (`hub.members.accept`).
        """
        pool = open_pool(settings.database_url, max_size=settings.pool_size)
        migrate(pool, "mihub.hub.tables")
        letters = Letters(pool, settings.now, lease_seconds=settings.lease_seconds)
        projects = Projects(pool)
        return Hub(
            settings=settings,
            pool=pool,
            members=KeptMembers(pool, "hub_member_list", settings.registry, settings.now),
            nonces=Nonces(pool, "hub_nonce", settings.now),
            letters=letters,
            projects=projects,
            questions=Questions(pool, letters, projects, settings.now),
            arrivals=Arrivals(),
        )

    def close(self) -> None:
        """Give back the connections."""
        self.pool.close()
