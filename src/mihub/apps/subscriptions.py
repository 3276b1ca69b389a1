"""`mihub site subscriptions ...`: who is told of changes here, how it stands, and what to do with what was not taken.

Shows ids and states, no record of a patient. Below: `site.subscriptions`; beside: `site`, `console`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from mihub.apps import console
from mihub.apps.site import opened
from mihub.errors import NotFound
from mihub.site.subscriptions.kept import Counts, Kept
from mihub.site.subscriptions.room import Subscriptions


@contextmanager
def _room(folder: Path) -> Iterator[Subscriptions]:
    with opened(folder) as site:
        room = site.record.subscriptions
        if room is None:
            raise NotFound("This site keeps no Subscriptions.", next_step="Use a site with a database.")
        yield room


def listed(folder: Path, *, as_json: bool) -> None:
    """Every subscription with its state."""
    with _room(folder) as room:
        counts = room.outbox.counts()
        found = [_document(kept, counts.get(kept.id, Counts()), room) for kept in room.outbox.all()]
    if as_json:
        console.json_line({"subscriptions": found})
        return
    for one in found:
        write = console.out.print
        write(f"{one['id']}  {one['state']}  {one['channel']}  {one['criteria']}", markup=False)
        write(
            f"  events: {one['events']}, waiting: {one['waiting']}, dead letters: {one['dead']}, "
            f"last taken: {one['last_delivery'] or 'never'}",
            markup=False,
        )
        if one["reason"]:
            write(f"  {one['reason']} Attempts: {one['attempts']}. Next: {one['next_attempt']}", markup=False)
        for letter in one["dead_letters"]:
            write(f"  dead: {letter['number']}  {letter['focus']}  {letter['reason']}", markup=False)
    if not found:
        console.out.print("No Subscription.", markup=False)


def replay(folder: Path, subscription: str) -> None:
    """Send the dead letters again, and try at once."""
    with _room(folder) as room:
        room.one(subscription)
        count = room.outbox.replay(subscription)
    console.say(f"{count} dead letters of {subscription} are queued again; the serving site sends them.")


def discard(folder: Path, subscription: str) -> None:
    """Give the dead letters up."""
    with _room(folder) as room:
        room.one(subscription)
        count = room.outbox.discard(subscription)
    console.say(f"{count} dead letters of {subscription} are discarded.")


def _document(kept: Kept, counts: Counts, room: Subscriptions) -> dict[str, Any]:
    resource = orjson.loads(kept.body)
    access = kept.access if kept.owner else None
    return {
        "id": kept.id,
        "state": kept.state,
        "channel": kept.channel,
        # Filters may name a patient; the topic does not.
        "criteria": str(resource.get("criteria", "")).partition("?")[0],
        "endpoint_host": _host(resource),
        "owner": access.actor.id if access else "",
        "role": access.actor.role.value if access else "",
        "events": kept.events,
        "waiting": counts.queued,
        "dead": counts.dead,
        "last_delivery": _moment(kept.delivered_at),
        "attempts": kept.attempts,
        "reason": kept.reason,
        "next_attempt": _moment(kept.next_at) if kept.fault else "",
        "dead_letters": [
            {"number": one.number, "focus": f"{one.type}/{one.id}", "reason": one.reason}
            for one in (room.outbox.dead(kept.id) if counts.dead else ())
        ],
    }


def _host(resource: dict[str, Any]) -> str:
    endpoint = resource.get("channel", {}).get("endpoint")
    return str(endpoint).partition("://")[2].partition("/")[0] if isinstance(endpoint, str) else ""


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else ""
