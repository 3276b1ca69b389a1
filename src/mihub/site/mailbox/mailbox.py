"""The opened mailbox of one site: its tables, its member list, its allowed projects. Composition for `apps`.

Below: `inbox`, `outbox`, `work`, `allowances`, `directory`. Above: `agent`, which carries letters to and fro.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from mihub.core.policy.actor import MemberId
from mihub.core.wire.keys import KeySet, PublicKeys
from mihub.database.member_list import KeptMembers
from mihub.database.migrate import migrate
from mihub.database.pool import Pool
from mihub.site.mailbox.allowances import Allowances
from mihub.site.mailbox.handlers import Handler
from mihub.site.mailbox.inbox import Inbox
from mihub.site.mailbox.outbox import Outbox
from mihub.site.mailbox.work import CODE_FAULTS, Worker


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One site's mailbox on the site's own database."""

    keys: KeySet = field(repr=False)
    directory: KeptMembers
    allowances: Allowances
    inbox: Inbox
    outbox: Outbox
    worker: Worker
    now: Callable[[], float]

    @property
    def member(self) -> MemberId:
        """This site."""
        return MemberId(self.keys.owner)

    @staticmethod
    def open(
        pool: Pool,
        *,
        keys: KeySet,
        registry: PublicKeys,
        handlers: Mapping[str, Handler],
        now: Callable[[], float] = time.time,
        handler_faults: tuple[type[Exception], ...] = CODE_FAULTS,
    ) -> Mailbox:
        """Bring the tables up to date. The pool stays the caller's. `handlers` may be filled later.

        `handler_faults`: what a broken handler may raise; it then costs its own letter and not the agent.
        """
        migrate(pool, "mihub.site.mailbox.tables")
        directory = KeptMembers(pool, "mailbox_member_list", registry, now)
        allowances = Allowances(pool, keys, now)
        inbox = Inbox(pool, MemberId(keys.owner), directory, now)
        outbox = Outbox(pool, keys, now)
        worker = Worker(pool, keys, inbox, outbox, allowances, handlers, now, handler_faults)
        return Mailbox(keys, directory, allowances, inbox, outbox, worker, now)
