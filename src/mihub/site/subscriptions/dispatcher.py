"""Runs while a site serves: follows the record, tells subscribers, says in each Subscription how it stands with it.

Each subscription has at most one delivery under way, so its events arrive in order; subscriptions never wait for one
another. Killed at any point, it goes on from the tables: what had been sent and not answered is sent again with the same
number. Above: `apps`. Below: `follower`, `telling`, `courier`, `outbox`.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from anyio.to_thread import run_sync

from mihub import log
from mihub.errors import MihubError
from mihub.site.subscriptions.courier import Courier, Outcome
from mihub.site.subscriptions.follower import Follower
from mihub.site.subscriptions.kept import INFINITY, Event, Kept
from mihub.site.subscriptions.notification import Told, notification
from mihub.site.subscriptions.outbox import Outbox
from mihub.site.subscriptions.request import Reader, Wanted
from mihub.site.subscriptions.status_writer import StatusWriter
from mihub.site.subscriptions.telling import Telling

INTERACTION: Final = "subscription-notification"
_AT_ONCE: Final = 64
_FORGET_SECONDS: Final = 3600.0
_ERROR_PAUSE_SECONDS: Final = 5.0
# A notification with whole resources stops growing here; the rest follows in the next one.
_MOST_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is tried. Delays double from `first_seconds` to `longest_seconds`.

    An event that waited `give_up_seconds`, while the endpoint took nothing at all, is given up; a notification that the
    endpoint refuses as such after `refusals`. `shown_after`: failures until a Subscription says error. `keep_seconds`:
    how long events can be asked for. `margin_seconds`: beyond the timeout of a delivery, before another process may
    think that this one has died.
    """

    idle_seconds: float = 0.5
    first_seconds: float = 2.0
    longest_seconds: float = 1800.0
    give_up_seconds: float = 48 * 3600.0
    refusals: int = 6
    shown_after: int = 3
    keep_seconds: float = 30 * 24 * 3600.0
    margin_seconds: float = 5.0

    def delay(self, attempts: int) -> float:
        """Seconds until the next attempt, with a little chance, so that many do not come at once."""
        wait = min(self.first_seconds * 2.0 ** min(attempts - 1, 30), self.longest_seconds)
        return wait * random.uniform(0.8, 1.2)  # noqa: S311  # no secret depends on it


class Dispatcher:
    """One per process; several processes share the work by leases."""

    def __init__(
        self,
        outbox: Outbox,
        follower: Follower,
        reader: Reader,
        telling: Telling,
        courier: Courier,
        statuses: StatusWriter,
        base: str,
        patience: Patience,
    ) -> None:
        self._outbox, self.follower, self._reader, self._telling = outbox, follower, reader, telling
        self._courier, self._statuses, self._base, self._patience = courier, statuses, base, patience
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._leases: dict[str, str] = {}
        self._forgotten_at = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                pause = self._patience.idle_seconds
                try:
                    if await self.step():
                        pause = 0.0
                except MihubError as error:
                    log.warning("subscriptions wait", error=type(error).__name__)
                    pause = _ERROR_PAUSE_SECONDS
                await asyncio.sleep(pause)
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)
            # Whoever goes on from here need not wait for the leases to end.
            for subscription, lease in self._leases.items():
                with suppress(MihubError):
                    self._outbox.release(subscription, lease)

    async def step(self) -> int:
        """Follow the record once and begin what is due; how many changes were followed."""
        if await run_sync(self._outbox.idle):
            return 0
        followed = await run_sync(self.follower.step)
        await run_sync(self._statuses.tell)
        self._under_way = {name: task for name, task in self._under_way.items() if not task.done()}
        for subscription in await run_sync(self._outbox.due):
            if subscription not in self._under_way and len(self._under_way) < _AT_ONCE:
                self._under_way[subscription] = asyncio.create_task(self._deliver(subscription))
        now = self._outbox.now()
        if now - self._forgotten_at > _FORGET_SECONDS:
            self._forgotten_at = now
            await run_sync(self._outbox.forget, now - self._patience.keep_seconds)
        return followed

    async def settled(self) -> None:
        """Wait for the deliveries under way."""
        await asyncio.gather(*self._under_way.values())

    async def _deliver(self, subscription: str) -> None:
        try:
            while await self._once(subscription):
                pass
            await run_sync(self._statuses.tell)
        except MihubError as error:
            # The lease ends by itself; another attempt follows.
            log.warning("a delivery waits", error=type(error).__name__, room="subscriptions")

    async def _once(self, subscription: str) -> bool:
        """One notification; whether there may be another one at once."""
        kept = await run_sync(self._outbox.one, subscription)
        if kept is None:
            return False
        wanted = self._reader.read(orjson.loads(kept.body), known=True)
        claimed = await run_sync(
            self._outbox.claim, subscription, wanted.timeout_seconds + self._patience.margin_seconds
        )
        if claimed is None:
            return False
        kept, lease = claimed
        self._leases[subscription] = lease
        if kept.ends_at <= self._outbox.now():
            await run_sync(self._outbox.settle, kept.id, lease, {"state": "off", "fault": "", "reason": ""})
            return False
        if not kept.shaken:
            outcome = await self._courier.carry(wanted, notification(kept, "handshake", self._base))
            return await self._settled(kept, wanted, lease, outcome, [])
        return await self._events(kept, wanted, lease)

    async def _events(self, kept: Kept, wanted: Wanted, lease: str) -> bool:
        most = 1 if kept.refused else wanted.most
        events = await run_sync(self._outbox.queued, kept.id, most)
        if not events:
            return await self._heartbeat(kept, wanted, lease)
        permitted = await run_sync(self._telling.permitted, events, kept.access, wanted.content, INTERACTION)
        if permitted.withheld:
            reason = "The subscriber may no longer read it."
            await run_sync(self._outbox.mark, kept.id, permitted.withheld, "withheld", reason)
        if not permitted.told:
            await run_sync(self._outbox.release, kept.id, lease)
            return True
        told = _bounded(permitted.told)
        await run_sync(self._note, kept, told, permitted.notes)
        # What is counted is what the receiver knows of, with this notification.
        upto = replace(kept, events=told[-1].event.number)
        body = notification(upto, "event-notification", self._base, told, content=wanted.content)
        outcome = await self._courier.carry(wanted, body)
        return await self._settled(kept, wanted, lease, outcome, [one.event for one in told])

    def _note(self, kept: Kept, told: tuple[Told, ...], notes: tuple[Any, ...]) -> None:
        """One line for each event and patient, at the first attempt."""
        new = [one.event for one in told if not one.event.noted]
        named = {(one.type, one.id) for one in new}
        # Several events of one resource in a notification are one disclosure of it.
        self._telling.note(
            [note for note in dict.fromkeys(notes) if (note.resource_type, note.resource_id) in named],
            kept.access,
        )
        if new:
            self._outbox.noted(kept.id, [one.number for one in new])

    async def _heartbeat(self, kept: Kept, wanted: Wanted, lease: str) -> bool:
        if kept.heartbeat_at > self._outbox.now():
            await run_sync(self._outbox.release, kept.id, lease)
            return False
        outcome = await self._courier.carry(wanted, notification(kept, "heartbeat", self._base))
        await self._settled(kept, wanted, lease, outcome, [])
        return False

    async def _settled(
        self, kept: Kept, wanted: Wanted, lease: str, outcome: Outcome, events: list[Event]
    ) -> bool:
        numbers = [one.number for one in events]
        if not outcome.fault:
            changes = self._taken(wanted)
            return await run_sync(self._outbox.settle, kept.id, lease, changes, numbers, "sent")
        log.warning("a notification was not taken", reason=outcome.fault, attempt=kept.attempts + 1)
        changes = self._failed(kept, outcome)
        given_up = (
            outcome.refused
            and numbers
            and len(numbers) == 1
            and changes["attempts"] >= self._patience.refusals
        )
        if given_up:
            # The next one gets its own chance.
            changes |= {"attempts": 0, "next_at": self._outbox.now() + self._patience.first_seconds}
            await run_sync(self._outbox.settle, kept.id, lease, changes, numbers, "dead", outcome.reason)
            return False
        await run_sync(self._outbox.settle, kept.id, lease, changes)
        long_ago = self._outbox.now() - self._patience.give_up_seconds
        # An event that waits behind many others has not failed: only an endpoint that took nothing for so long is given up.
        if changes["failing_at"] < long_ago:
            await run_sync(self._outbox.give_up, kept.id, long_ago, outcome.reason)
        return False

    def _taken(self, wanted: Wanted) -> dict[str, Any]:
        now = self._outbox.now()
        return {
            "state": "active", "shaken": True, "fault": "", "reason": "", "attempts": 0, "refused": False,
            "failing_at": 0.0, "next_at": now, "delivered_at": now,
            "heartbeat_at": now + wanted.heartbeat_seconds if wanted.heartbeat_seconds else INFINITY,
        }  # fmt: skip

    def _failed(self, kept: Kept, outcome: Outcome) -> dict[str, Any]:
        now, attempts = self._outbox.now(), kept.attempts + 1
        shown = attempts >= self._patience.shown_after
        return {
            "state": "error" if shown else kept.state, "fault": outcome.fault, "reason": outcome.reason,
            "attempts": attempts, "refused": outcome.refused, "failing_at": kept.failing_at or now,
            "next_at": now + max(outcome.retry_after, self._patience.delay(attempts)),
        }  # fmt: skip


def _bounded(told: tuple[Told, ...]) -> tuple[Told, ...]:
    """As many as fit into one notification; one always does."""
    size = 0
    for count, one in enumerate(told):
        size += len(one.body or b"")
        if size > _MOST_BYTES and count:
            return told[:count]
    return told
