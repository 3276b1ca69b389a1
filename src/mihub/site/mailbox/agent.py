"""Carries letters between a site's mailbox and the hub, for ever, over outgoing connections only.

Holds no state that matters: killed at any point, it goes on from the mailbox's tables. Below: `mailbox`,
`hub_client`. Above: `apps` runs one per site. Source: mailbox rules 2, 3, 5 and 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
from anyio.to_thread import run_sync

from mihub import log
from mihub.core.policy.actor import MemberId
from mihub.core.wire.receipt import Receipt, sign_receipt, verify_receipt
from mihub.errors import MihubError, Unavailable
from mihub.site.mailbox.hub_client import Refused, SignedClient
from mihub.site.mailbox.mailbox import Mailbox
from mihub.site.mailbox.outbox import Outgoing
from mihub.site.mailbox.work import backoff_seconds

WAIT_SECONDS = 25
IDLE_SECONDS = 1.0
_HUB = MemberId("hub")


class Agent:
    """`client`: httpx with the hub's base URL; in the all-in-one region its transport is the hub's app."""

    def __init__(
        self,
        mailbox: Mailbox,
        client: httpx.AsyncClient,
        *,
        hub: MemberId = _HUB,
        wait_seconds: int = WAIT_SECONDS,
    ) -> None:
        self._mailbox = mailbox
        self._hub_id = hub
        self._hub = SignedClient(client, mailbox.keys, hub, mailbox.now)
        self._wait_seconds = wait_seconds
        self._fresh = True
        self._something = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._for_ever(self._receive_next))
            group.create_task(self._for_ever(self._work_next))

    async def step(self) -> None:
        """One round without waiting: fetch, work, send. Raises `Unavailable` when the hub does not answer."""
        await self._receive(0)
        await self._send()
        await self._work()

    async def _for_ever(self, once: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            try:
                await once()
                failures = 0
            except (MihubError, Refused) as error:
                failures += 1
                told = error.error if isinstance(error, Refused) else error
                log.warning("mailbox waits", error=type(told).__name__, member=self._mailbox.member)
                pause = error.retry_after if isinstance(error, Refused) else 0.0
                await asyncio.sleep(max(pause, backoff_seconds(failures)))

    async def _receive_next(self) -> None:
        await self._receive(self._wait_seconds)

    async def _work_next(self) -> None:
        # Receipts first, so that the asker sees "received" while a long count runs.
        await self._send()
        await self._work()
        try:
            # Also without a new letter: retries and resends become due by time.
            await asyncio.wait_for(self._something.wait(), IDLE_SECONDS)
        except TimeoutError:
            return
        self._something.clear()

    async def _receive(self, wait: int) -> None:
        if not self._mailbox.directory.version:
            await self._refresh_members()
        fresh = "&fresh=1" if self._fresh else ""
        body = await self._hub.send("GET", f"/hub/mailbox?wait={wait}{fresh}", wait_seconds=wait)
        self._fresh = False
        if isinstance(body.get("members"), int) and body["members"] > self._mailbox.directory.version:
            await self._refresh_members()
        letters = body.get("letters")
        for letter in letters if isinstance(letters, list) else []:
            await self._take(str(letter).encode())
        if letters:
            self._something.set()

    async def _take(self, data: bytes) -> None:
        try:
            refusal = await run_sync(self._mailbox.inbox.receive, data)
        except Unavailable:
            raise
        except MihubError as error:
            # Not a letter of this network: nothing can be said about an id that nobody vouches for.
            log.warning("a letter is no letter", error=type(error).__name__, member=self._mailbox.member)
            return
        if refusal is not None:
            await self._give_receipt(refusal)

    async def _work(self) -> None:
        while await run_sync(self._mailbox.worker.work_one):
            await self._send()

    async def _send(self) -> None:
        blocked: set[str] = set()
        for letter in await run_sync(self._mailbox.outbox.due):
            # A receiver's letters go out in order: behind one that waits, the others wait too.
            if letter.receiver not in blocked and not await self._send_letter(letter):
                blocked.add(letter.receiver)
        for untold in await run_sync(self._mailbox.inbox.untold):
            receipt = Receipt(
                untold.id, untold.head_sha256, self._mailbox.member, untold.state,
                int(self._mailbox.now()), untold.reason,
            )  # fmt: skip
            if await self._give_receipt(receipt):
                await run_sync(self._mailbox.inbox.told, untold.id, untold.state)
            else:
                at = self._mailbox.now() + backoff_seconds(4)
                await run_sync(self._mailbox.inbox.tell_later, untold.id, at)

    async def _send_letter(self, letter: Outgoing) -> bool:
        outbox = self._mailbox.outbox
        try:
            body = await self._hub.send("PUT", f"/hub/letters/{letter.id}", letter.letter)
            self._check_receipt(letter, str(body.get("receipt", "")))
        except Refused as refused:
            await self._after_refusal(letter, refused)
            return False
        except MihubError:
            await run_sync(outbox.later, letter.id, self._later(letter, 0.0))
            return False
        await run_sync(outbox.sent, letter.id, str(body["receipt"]))
        return True

    def _check_receipt(self, letter: Outgoing, token: str) -> None:
        hub = self._mailbox.directory.current.get(self._hub_id)
        receipt = verify_receipt(token, hub.keys)
        if (receipt.id, receipt.head_sha256) != (letter.id, letter.head_sha256):
            raise Unavailable("The hub signed for another letter.", rule="receipt-mismatch")

    async def _after_refusal(self, letter: Outgoing, refused: Refused) -> None:
        outbox, rule = self._mailbox.outbox, refused.error.rule
        if rule == "seq-gap" and refused.error.where.isdigit():
            await run_sync(outbox.send_again, letter.receiver, int(refused.error.where))
        elif refused.permanent or rule in ("id-reused", "seq-regress", "prev-mismatch"):
            await run_sync(outbox.failed, letter.id, rule[:60] or refused.error.issue_code)
        else:
            await run_sync(outbox.later, letter.id, self._later(letter, refused.retry_after))

    async def _give_receipt(self, receipt: Receipt) -> bool:
        token = sign_receipt(receipt, self._mailbox.keys).encode()
        try:
            await self._hub.send("POST", f"/hub/letters/{receipt.id}/receipt", token)
        except Refused as refused:
            # The hub has no such letter (any more): there is nobody left to tell.
            return refused.error.http_status in (404, 409)
        except Unavailable:
            return False
        return True

    async def _refresh_members(self) -> None:
        body = await self._hub.fetch("/hub/members")
        await run_sync(self._mailbox.directory.accept, str(body.get("list", "")))

    def _later(self, letter: Outgoing, retry_after: float) -> float:
        return self._mailbox.now() + max(retry_after, backoff_seconds(letter.attempts))
