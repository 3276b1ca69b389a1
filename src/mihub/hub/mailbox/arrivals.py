"""Wakes a receiver's long poll when a letter for it has arrived in this process.

A hint only: the poll looks into the database itself, at the latest after `LOOK_SECONDS`, so that letters
accepted by another process of the hub arrive too. Above: `hub.api`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

LOOK_SECONDS = 1.0


class Arrivals:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def announce(self, receiver: str) -> None:
        """Something may be there for `receiver`."""
        for event in self._waiting.get(receiver, ()):
            event.set()

    def expect(self, receiver: str) -> asyncio.Event:
        """Take the event before looking, so that nothing slips between look and wait; give it back with
        `forget`.
        """
        event = asyncio.Event()
        self._waiting[receiver].add(event)
        return event

    def forget(self, receiver: str, event: asyncio.Event) -> None:
        """Stop waiting."""
        self._waiting[receiver].discard(event)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Until the event or the time, whichever is first."""
    try:
        await asyncio.wait_for(event.wait(), min(seconds, LOOK_SECONDS))
    except TimeoutError:
        return
    event.clear()
