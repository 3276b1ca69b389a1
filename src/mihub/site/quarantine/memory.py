"""The reference quarantine: everything in dictionaries. For tests that compare engines, and for a site without database.

Complete, simple, not durable. Beside: `postgres`. Below: `protocol`.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b

from mihub.errors import Conflict, NotFound
from mihub.site.quarantine.protocol import OPEN_STATES, Asked, Found, Item, Overview, Refused, State, Trouble
from mihub.site.validate.finding import Finding


class MemoryQuarantine:
    """A `Quarantine`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._items: dict[int, Item] = {}
        self._bodies: dict[int, tuple[bytes | None, bytes | None]] = {}
        self._open_keys: dict[int, set[str]] = {}

    def keep(self, items: Sequence[Refused]) -> list[int]:
        """See `Quarantine.keep`."""
        with self._lock:
            return [self._keep(refused) for refused in items]

    def _keep(self, refused: Refused) -> int:
        mark = mark_of(refused)
        known = next(
            (one for one in self._items.values() if is_open(one) and mark_of(one.refused) == mark), None
        )
        now = datetime.now(UTC)
        if known is not None:
            seen = replace(refused, body=known.refused.body)
            self._items[known.id] = replace(known, refused=seen, last_at=now, times=known.times + 1)
            self._open_keys[known.id] = set(refused.keys)
            return known.id
        number = len(self._items) + 1
        self._items[number] = Item(number, "waiting", refused, now, now, has_body=refused.body is not None)
        self._bodies[number] = (refused.body, None)
        self._open_keys[number] = set(refused.keys)
        return number

    def find(self, asked: Asked) -> Found:
        """See `Quarantine.find`."""
        with self._lock:
            fitting = [shown(one) for one in reversed(self._items.values()) if _fits(one, asked)]
        end = asked.offset + asked.limit if asked.limit else None
        return Found(tuple(fitting[asked.offset : end]), len(fitting))

    def read(self, item_id: int) -> Item:
        """See `Quarantine.read`."""
        with self._lock:
            return shown(self._known(item_id))

    def body(self, item_id: int, *, as_it_came: bool = False) -> bytes | None:
        """See `Quarantine.body`."""
        with self._lock:
            self._known(item_id)
            first, repaired = self._bodies[item_id]
            return first if as_it_came or repaired is None else repaired

    def repair(self, item_id: int, body: bytes, findings: Sequence[Finding], who: str) -> None:
        """See `Quarantine.repair`."""
        with self._lock:
            item = self._open(item_id)
            self._bodies[item_id] = (self._bodies[item_id][0], body)
            refused = replace(item.refused, findings=tuple(findings), troubles=())
            self._decided(replace(item, refused=refused, has_body=True), "repaired", who)

    def retried(
        self,
        item_id: int,
        who: str,
        *,
        stored: bool,
        findings: Sequence[Finding] = (),
        troubles: Sequence[Trouble] = (),
    ) -> None:
        """See `Quarantine.retried`."""
        with self._lock:
            item = self._known(item_id)
            if stored:
                self._done(replace(item, tries=item.tries + 1), "retried-ok", who)
            elif is_open(item):
                refused = replace(item.refused, findings=tuple(findings), troubles=tuple(troubles))
                self._decided(replace(item, refused=refused, tries=item.tries + 1), item.state, who)

    def discard(self, item_id: int, who: str, reason: str) -> None:
        """See `Quarantine.discard`."""
        with self._lock:
            self._done(self._open(item_id), "discarded", who, reason)

    def accepted(self, keys: Sequence[str]) -> int:
        """See `Quarantine.accepted`."""
        done = 0
        with self._lock:
            for number, waits in self._open_keys.items():
                if waits and is_open(self._items[number]):
                    waits -= set(keys)
                    if not waits:
                        self._done(self._items[number], "retried-ok", "")
                        done += 1
        return done

    def overview(self) -> Overview:
        """See `Quarantine.overview`."""
        with self._lock:
            items = list(self._items.values())
        opened = [one for one in items if is_open(one)]
        return Overview(
            dict(Counter(one.state for one in items)),
            dict(Counter(rule for one in opened for rule in one.refused.rules)),
            dict(Counter(one.refused.resource_type for one in opened if one.refused.resource_type)),
            dict(Counter(profile for one in opened for profile in one.refused.profiles)),
            dict(Counter(one.refused.source for one in opened)),
        )

    def _known(self, item_id: int) -> Item:
        if item_id not in self._items:
            raise no_such()
        return self._items[item_id]

    def _open(self, item_id: int) -> Item:
        item = self._known(item_id)
        if not is_open(item):
            raise already_done()
        return item

    def _decided(self, item: Item, state: State, who: str, reason: str = "") -> None:
        now = datetime.now(UTC)
        self._items[item.id] = replace(item, state=state, decided_by=who, decided_at=now, reason=reason)

    def _done(self, item: Item, state: State, who: str, reason: str = "") -> None:
        self._bodies[item.id] = (None, None)
        self._decided(replace(item, has_body=False), state, who, reason)


def mark_of(refused: Refused) -> bytes:
    """What makes two refusals the same one: source, kind and bytes; without bytes, the place they came from."""
    mark = blake2b(f"{refused.source}|{refused.kind}|".encode(), digest_size=16)
    place = f"{refused.file}|{refused.line}|{refused.entry}|{refused.size_bytes}"
    mark.update(refused.body if refused.body is not None else place.encode())
    return mark.digest()


def is_open(item: Item) -> bool:
    """Whether somebody still has to decide."""
    return item.state in OPEN_STATES


def shown(item: Item) -> Item:
    """The item as it is told: without its body, and without what it still waits for."""
    return replace(item, refused=replace(item.refused, body=None, keys=()))


def no_such() -> NotFound:
    """The refusal of an unknown number."""
    return NotFound("There is no such record in the quarantine.", next_step="Look at: mihub quarantine list")


def already_done() -> Conflict:
    """The refusal of a second decision."""
    return Conflict(
        "This record is decided already.",
        rule="only what waits or is repaired can be changed",
        next_step="Look at: mihub quarantine list --state all",
    )


def _fits(item: Item, asked: Asked) -> bool:
    refused = item.refused
    return (
        item.state in (asked.states or OPEN_STATES)
        and asked.rule in ("", *refused.rules)
        and asked.resource_type in ("", refused.resource_type)
        and asked.profile in ("", *refused.profiles)
        and asked.source in ("", refused.source)
    )
