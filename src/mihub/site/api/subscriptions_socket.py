"""The websocket of Subscriptions: a client binds with a token and is told of events as they happen.

What it misses while away it asks for by $events: numbers tell what is missing. Whoever has shown no token learns nothing,
and is let go. Source: Backport IG 1.1.0, "Channels". Above: `app`. Below: `site.subscriptions`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from mihub import log
from mihub.core.policy.actor import Access
from mihub.errors import MihubError, TooLarge, Unauthenticated
from mihub.site.quarantine.told import outcome_of
from mihub.site.site import Site
from mihub.site.subscriptions.kept import Kept
from mihub.site.subscriptions.notification import notification
from mihub.site.subscriptions.request import Wanted
from mihub.site.subscriptions.room import Subscriptions

POLL_SECONDS: Final = 0.5
_BIND_SECONDS: Final = 15.0
# The proof was given at the beginning; after this the client proves again who it is.
_LONGEST_SECONDS: Final = 3600.0
_MOST_SOCKETS: Final = 200
_MOST_BOUND: Final = 100
_MOST_CHARACTERS: Final = 4096
_INTERACTION: Final = "subscription-notification"
_POLICY, _TRY_LATER, _AWAY = 1008, 1013, 1001


@dataclass(slots=True)
class _Bound:
    access: Access
    wanted: Wanted
    last: int
    told_at: float


@dataclass(slots=True)
class _Socket:
    websocket: WebSocket
    room: Subscriptions
    base: str
    bound: dict[str, _Bound] = field(default_factory=dict)

    async def listen(self) -> None:
        """Take what the client says, until it goes."""
        while True:
            text = await self.websocket.receive_text()
            if len(text) > _MOST_CHARACTERS:
                raise TooLarge("A message is too long.", rule=f"{_MOST_CHARACTERS} characters")
            word, token = _understood(text)
            if word == "ping":
                await self.websocket.send_text(orjson.dumps({"type": "pong"}).decode())
            elif word == "bind-with-token":
                await self._bind(token)
            else:
                raise Unauthenticated(
                    "The message is not understood.", next_step="Send: bind-with-token TOKEN"
                )

    async def push(self) -> None:
        """Tell of what is new, until cancelled."""
        started = time.monotonic()
        while time.monotonic() - started < _LONGEST_SECONDS:
            if not self.bound and time.monotonic() - started > _BIND_SECONDS:
                raise Unauthenticated("Nothing was bound.", next_step="Send bind-with-token first.")
            for name in list(self.bound):
                await self._tell(name, self.bound[name])
            await asyncio.sleep(POLL_SECONDS)

    async def _bind(self, token: str) -> None:
        found = await run_in_threadpool(self.room.bound, token)
        if found is None:
            raise Unauthenticated(
                "The token does not hold (any more).", next_step="Ask for another with $get-ws-binding-token."
            )
        access, ids = found
        if len(self.bound) + len(ids) > _MOST_BOUND:
            raise TooLarge("Too many Subscriptions on one socket.", rule=f"at most {_MOST_BOUND}")
        for name in ids:
            kept = await run_in_threadpool(self.room.one, name)
            wanted = self.room.reader.read(orjson.loads(kept.body), known=True)
            await self._send(notification(kept, "handshake", self.base), wanted)
            self.bound[name] = _Bound(access, wanted, kept.events, time.monotonic())

    async def _tell(self, name: str, bound: _Bound) -> None:
        kept = await run_in_threadpool(self.room.outbox.one, name)
        if kept is None or kept.state == "off" or kept.channel != "websocket":
            del self.bound[name]
            return
        while kept.events > bound.last:
            if not await self._events(kept, bound):
                break
        period = bound.wanted.heartbeat_seconds
        if period and time.monotonic() - bound.told_at >= period:
            await self._send(notification(kept, "heartbeat", self.base), bound.wanted)
            bound.told_at = time.monotonic()

    async def _events(self, kept: Kept, bound: _Bound) -> bool:
        room, wanted = self.room, bound.wanted
        events = await run_in_threadpool(room.events, kept.id, bound.last + 1, kept.events, wanted.most)
        if not events:
            return False
        permitted = await run_in_threadpool(
            room.telling.permitted, events, bound.access, wanted.content, _INTERACTION
        )
        bound.last = events[-1].number
        if permitted.told:
            await run_in_threadpool(room.telling.note, list(dict.fromkeys(permitted.notes)), bound.access)
            body = notification(kept, "event-notification", self.base, permitted.told, content=wanted.content)
            await self._send(body, wanted)
            bound.told_at = time.monotonic()
        return True

    async def _send(self, body: bytes, wanted: Wanted) -> None:
        # A client that does not read must not keep its events in our memory.
        async with asyncio.timeout(wanted.timeout_seconds):
            await self.websocket.send_text(body.decode())


def endpoint(site: Site, base_of: Callable[[WebSocket], str]) -> Callable[[WebSocket], Awaitable[None]]:
    """The websocket of one site."""
    open_now: set[int] = set()

    async def serve(websocket: WebSocket) -> None:
        room = site.subscriptions
        await websocket.accept()
        if room is None or len(open_now) >= _MOST_SOCKETS:
            await websocket.close(_TRY_LATER)
            return
        open_now.add(id(websocket))
        try:
            await _run(_Socket(websocket, room, base_of(websocket)))
        finally:
            open_now.discard(id(websocket))

    return serve


async def _run(socket: _Socket) -> None:
    tasks = [asyncio.create_task(socket.listen()), asyncio.create_task(socket.push())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        await socket.websocket.close(_AWAY)
    except (WebSocketDisconnect, TimeoutError):
        # It has gone, or does not read: there is nobody to tell.
        with suppress(RuntimeError):
            await socket.websocket.close(_AWAY)
    except MihubError as error:
        log.warning("a websocket ends", error=type(error).__name__)
        with suppress(WebSocketDisconnect, RuntimeError):
            await socket.websocket.send_text(orjson.dumps(outcome_of(error, "en")).decode())
            await socket.websocket.close(_POLICY)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _understood(text: str) -> tuple[str, str]:
    """The word and the token of `bind-with-token TOKEN`, also with a colon, or as JSON with type and payload.token."""
    if text.lstrip().startswith("{"):
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError:
            return "", ""
        payload = said.get("payload")
        token = payload.get("token", "") if isinstance(payload, dict) else said.get("token", "")
        return str(said.get("type", "")), str(token)
    word, _, token = text.strip().partition(" ")
    return word.rstrip(":"), token.strip()
