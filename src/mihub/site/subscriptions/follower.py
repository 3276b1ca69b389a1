"""Follows the change log and makes events: each change once for each subscription that it concerns, in order.

Events and the place in the log are written in one transaction, so nothing is lost or told of twice, whenever the process
dies. A change that the subscriber may not see makes no event, and so no gap in their numbers. Above: `dispatcher`.
Below: `outbox`, `filters`, `store.changes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from mihub import log
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.errors import MihubError
from mihub.site.store.content import digest
from mihub.site.store.protocol import Store, Version
from mihub.site.store.rows import Indexer
from mihub.site.subscriptions.filters import Filters
from mihub.site.subscriptions.following import Following
from mihub.site.subscriptions.kept import INFINITY, LIVE, Kept
from mihub.site.subscriptions.outbox import Outbox
from mihub.site.subscriptions.request import Reader, Wanted
from mihub.site.subscriptions.versions import Versions, access_to_text

CHANGES_PER_ROUND: Final = 500
_SERVERS_OWN: Final = ("status", "error", "meta")


@dataclass(slots=True)
class _Listener:
    kept: Kept
    wanted: Wanted
    within: Restriction


@dataclass(slots=True)
class _Round:
    following: Following
    filters: Filters
    listeners: dict[str, _Listener] = field(default_factory=dict)
    before: dict[tuple[str, str, int], Version | None] = field(default_factory=dict)


class Follower:
    """`within`: what an access may read today. `own`: the actor under which this room writes states."""

    def __init__(
        self,
        outbox: Outbox,
        store: Store,
        versions: Versions,
        reader: Reader,
        index: Indexer,
        within: Callable[[Access], Restriction],
        own: str,
    ) -> None:
        self._outbox, self._store, self._versions = outbox, store, versions
        self._reader, self._index, self._within, self._own = reader, index, within, own

    def step(self) -> int:
        """Follow the next changes; how many. 0 when there is nothing new or nobody wants anything."""
        if self._outbox.idle():
            return 0
        with self._outbox.following() as following:
            after = following.position
            if not following.interested():
                found = following.next_subscription_change()
                if found is None:
                    return 0
                # Nobody wanted anything before it.
                after = found - 1
            versions = self._store.changes(after, CHANGES_PER_ROUND)
            if not versions:
                return 0
            round_ = _Round(following, Filters(self._index, self._versions))
            for kept in following.kept():
                self._listen(round_, kept)
            for version in versions:
                for listener in list(round_.listeners.values()):
                    self._tell(round_, listener, version)
                if version.resource_type == "Subscription":
                    self._take(round_, version)
            following.move_to(versions[-1].position)
        return len(versions)

    def _listen(self, round_: _Round, kept: Kept) -> None:
        round_.listeners.pop(kept.id, None)
        if kept.state not in LIVE or kept.channel == "none":
            return
        try:
            wanted = self._reader.read(orjson.loads(kept.body), known=True)
        except MihubError as error:
            # A parameter is no longer offered, since an update of the program.
            values = {"state": "error", "channel": "none", "fault": "error-response", "reason": error.what}
            round_.following.change(kept.id, values)
            return
        round_.listeners[kept.id] = _Listener(kept, wanted, self._within(kept.access))

    def _tell(self, round_: _Round, listener: _Listener, version: Version) -> None:
        if version.resource_type != listener.wanted.resource_type:
            return
        effect = self._effect(round_, listener, version)
        if effect is None:
            return
        state = "queued" if listener.kept.channel == "rest-hook" else "kept"
        key = (version.resource_type, version.id, version.version_id)
        round_.following.add(listener.kept.id, state, version.position, key, effect, version.last_updated)

    def _effect(self, round_: _Round, listener: _Listener, version: Version) -> str | None:
        """What the change is to this subscriber, None when it does not concern them."""
        wanted, within = listener.wanted, listener.within
        if not within.names(version.resource_type):
            return None
        before = self._before(round_, version)
        met, there = round_.filters.met, before is not None and before.body is not None
        if version.body is None:
            seen = before is not None and met(before, wanted.questions, within)
            return "delete" if seen and "delete" in wanted.triggers else None
        if wanted.entering is not None:
            entered = (wanted.entering,)
            was = before is not None and met(before, entered, within)
            if was or not met(version, entered, within):
                return None
        if met(version, wanted.questions, within):
            effect = "update" if there else "create"
        elif there and before is not None and met(before, wanted.questions, within):
            # What has left is named to the subscriber only if they may see it where it went.
            if not met(version, (), within):
                return None
            effect = "leave"
        else:
            return None
        return effect if effect in wanted.triggers else None

    def _before(self, round_: _Round, version: Version) -> Version | None:
        key = (version.resource_type, version.id, version.version_id)
        if key not in round_.before:
            round_.before[key] = self._versions.one(key[0], key[1], key[2] - 1)
        return round_.before[key]

    def _take(self, round_: _Round, version: Version) -> None:
        """A Subscription was written: by this room, or by a client who asks for something."""
        following = round_.following
        known = next((one for one in following.kept() if one.id == version.id), None)
        if version.body is None:
            following.remove(version.id)
            round_.listeners.pop(version.id, None)
            return
        author = self._versions.author(version)
        if author is not None and author.actor.id == self._own:
            if known is not None:
                following.change(version.id, {"version": version.version_id})
            return
        resource: Resource = orjson.loads(version.body)
        following.put(version.id, self._asked(version, resource, author, known, following))
        kept = next(one for one in following.kept() if one.id == version.id)
        if kept.state == "off":
            following.end(kept.id)
        self._listen(round_, kept)

    def _asked(
        self,
        version: Version,
        resource: Resource,
        author: Access | None,
        known: Kept | None,
        following: Following,
    ) -> dict[str, Any]:
        status = resource.get("status")
        content = digest({name: value for name, value in resource.items() if name not in _SERVERS_OWN})
        values: dict[str, Any] = {
            "version": version.version_id, "body": version.body, "digest": content,
            "owner": access_to_text(author) if author is not None else "", "channel": "none",
            "told": status if isinstance(status, str) else "", "ends_at": INFINITY,
        }  # fmt: skip
        if status not in ("requested", "active"):
            # "off" ends it; "error" is the server's word, and a client who says it wants nothing.
            return values | {
                "state": "off",
                "fault": "",
                "reason": "",
                "told": "off" if status == "off" else "",
            }
        try:
            wanted = self._reader.read(resource)
        except MihubError as error:
            log.warning("a subscription is refused", error=type(error).__name__, room="subscriptions")
            return values | {"state": "error", "fault": "error-response", "reason": error.what}
        if author is None:
            reason = "The audit does not say who wrote this Subscription."
            return values | {"state": "error", "fault": "error-response", "reason": reason}
        values |= {"channel": wanted.channel, "ends_at": wanted.ends_at}
        if (
            known is not None
            and status == "active"
            and known.state in LIVE
            and following.digest(version.id) == content
        ):
            return values
        # A websocket shakes hands when somebody binds to it.
        ready = wanted.channel == "websocket"
        return values | {
            "state": "active" if ready else "requested", "shaken": ready, "fault": "", "reason": "", "attempts": 0,
            "refused": False, "failing_at": 0.0, "next_at": 0.0, "heartbeat_at": INFINITY,
        }  # fmt: skip
