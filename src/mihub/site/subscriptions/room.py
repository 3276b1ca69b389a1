"""A site's subscriptions, composed: what the API, the command line and the background work share.

Decides nothing itself. Above: `site.site`, `site.api.subscriptions`, `apps`. Below: everything in this room.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
from anyio.to_thread import run_sync

from mihub import log
from mihub.core.fhir import Resource
from mihub.core.fhir.dates import zone
from mihub.core.policy.actor import Access, Actor, Purpose, Role
from mihub.core.policy.restriction import Restriction
from mihub.core.policy.rules import Action
from mihub.database.pool import Pool
from mihub.errors import MihubError, NotFound
from mihub.site.access.gate import Gate
from mihub.site.search.parse import Parser
from mihub.site.settings import SiteSettings
from mihub.site.store.protocol import Store
from mihub.site.store.rows import Indexer
from mihub.site.subscriptions.courier import Courier
from mihub.site.subscriptions.dispatcher import Dispatcher, Patience
from mihub.site.subscriptions.follower import Follower
from mihub.site.subscriptions.hosts import Hosts
from mihub.site.subscriptions.kept import Event, Kept
from mihub.site.subscriptions.outbox import Outbox
from mihub.site.subscriptions.request import Reader
from mihub.site.subscriptions.status_writer import StatusWriter
from mihub.site.subscriptions.telling import Telling
from mihub.site.subscriptions.versions import Versions, access_to_text

TOKEN_SECONDS: Final = 300.0
IDLE_SECONDS: Final = 0.5
_ASKED_FOR: Final = frozenset({"requested", "active"})


@dataclass(frozen=True, slots=True)
class Token:
    """What binds a websocket, once, until `expires_at` (seconds)."""

    text: str
    expires_at: float


class Subscriptions:
    """The room of one site."""

    def __init__(
        self,
        pool: Pool,
        store: Store,
        gate: Gate,
        parser: Parser,
        index: Indexer,
        settings: SiteSettings,
        now: Callable[[], float],
    ) -> None:
        self.outbox = Outbox(pool, now)
        self.hosts = Hosts.of(settings.subscription_hosts)
        self.reader = Reader(parser, self.hosts, zone(settings.time_zone))
        self._store, self._gate, self._settings, self._index = store, gate, settings, index
        self._versions = Versions(pool)
        actor = Actor(
            f"{settings.member}/subscriptions", settings.name or settings.member, Role.SYSTEM, settings.member
        )
        self._own = Access(actor, Purpose.RECORD_MANAGEMENT)
        self.telling = Telling(self._versions, index, self.may_read, store)

    @property
    def base(self) -> str:
        """How others reach the API, as far as the site knows without being asked."""
        return self._settings.base_url.rstrip("/")

    def may_read(self, access: Access) -> Restriction:
        """Today's policy."""
        return self._gate.restriction(access, Action.READ)

    def check(self, resource: Resource) -> None:
        """Raises `Unprocessable` for a Subscription that asks for what can not be done; looks at nothing else."""
        if resource.get("resourceType") == "Subscription" and resource.get("status") in _ASKED_FOR:
            self.reader.read(resource)

    def dispatcher(self, client: httpx.AsyncClient, patience: Patience | None = None) -> Dispatcher:
        """The background work; `client` carries notifications."""
        follower = Follower(
            self.outbox,
            self._store,
            self._versions,
            self.reader,
            self._index,
            self.may_read,
            self._own.actor.id,
        )
        statuses = StatusWriter(self.outbox, self._store, self._versions, self._own)
        return Dispatcher(
            self.outbox,
            follower,
            self.reader,
            self.telling,
            Courier(client, self.hosts),
            statuses,
            self.base,
            patience or Patience(),
        )

    async def run(self) -> None:
        """Until cancelled."""
        # A client costs certificates and memory, which a site without Subscriptions need not spend.
        while await self._rests():
            await asyncio.sleep(IDLE_SECONDS)
        async with httpx.AsyncClient(follow_redirects=False) as client:
            await self.dispatcher(client).run()

    async def _rests(self) -> bool:
        try:
            return await run_sync(self.outbox.idle)
        except MihubError as error:
            log.warning("subscriptions wait", error=type(error).__name__)
            return True

    def one(self, subscription: str) -> Kept:
        """Raises `NotFound`, also while the Subscription is so new that nothing is known of it yet."""
        kept = self.outbox.one(subscription)
        if kept is None:
            raise NotFound(
                "Nothing is known of such a Subscription yet.",
                next_step="Ask again in a moment, or check the id.",
            )
        return kept

    def events(self, subscription: str, first: int, last: int, most: int) -> list[Event]:
        """Those that can be asked for again."""
        return self.outbox.between(subscription, first, last, most)

    def token(self, access: Access, subscriptions: Sequence[str]) -> Token:
        """A token for whoever has this access."""
        token = Token(secrets.token_urlsafe(32), self.outbox.now() + TOKEN_SECONDS)
        self.outbox.keep_token(_hashed(token.text), access_to_text(access), subscriptions, token.expires_at)
        return token

    def bound(self, token: str) -> tuple[Access, list[str]] | None:
        """Whose token it is and for which subscriptions; None when it does not hold (any more)."""
        return self.outbox.take_token(_hashed(token))


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
