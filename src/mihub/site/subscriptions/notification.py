"""Notifications as the Backport writes them in R4: a history Bundle that begins with the subscription's status.

Holds of the record what the caller hands over, and nothing else: who may see it was decided before. Source: Backport IG
1.1.0, profiles backport-subscription-notification-r4 and -status-r4. Above: `telling`, `site.api.subscriptions`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from mihub.core.fhir import Json, Resource
from mihub.site.subscriptions import backport
from mihub.site.subscriptions.kept import Event, Kept
from mihub.site.subscriptions.topics import topic_of

_METHODS: Final = {
    "create": ("POST", "201"),
    "update": ("PUT", "200"),
    "leave": ("PUT", "200"),
    "delete": ("DELETE", "204"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """An event and, for full-resource, the bytes of its version; None when there are none to show."""

    event: Event
    body: bytes | None = None


def status(
    kept: Kept,
    kind: str,
    base: str,
    told: Sequence[Told] = (),
    *,
    content: str = "empty",
    asked: bool = False,
) -> Resource:
    """The status as Parameters. `kind`: handshake, heartbeat, event-notification, query-status, query-event.

    `asked`: by somebody who may see why it fails.
    """
    criteria = orjson.loads(kept.body).get("criteria", "")
    # While hands are being shaken it is requested still, whatever was said of it before.
    state = "requested" if kind == "handshake" and kept.channel == "rest-hook" else kept.state
    parameters: list[Json] = [
        {"name": "subscription", "valueReference": {"reference": _address(base, f"Subscription/{kept.id}")}}
    ]
    if isinstance(criteria, str) and topic_of(criteria) is not None:
        parameters.append({"name": "topic", "valueCanonical": criteria})
    parameters += [
        {"name": "status", "valueCode": state},
        {"name": "type", "valueCode": kind},
        {"name": "events-since-subscription-start", "valueString": str(kept.events)},
        *(_event(one.event, base, content) for one in told),
    ]
    if asked and kept.fault:
        coding = {"system": backport.ERROR_SYSTEM, "code": kept.fault}
        parameters.append(
            {"name": "error", "valueCodeableConcept": {"coding": [coding], "text": kept.reason}}
        )
    return {
        "resourceType": "Parameters",
        "id": str(uuid.uuid4()),
        "meta": {"profile": [backport.STATUS_PROFILE]},
        "parameter": parameters,
    }


def notification(
    kept: Kept,
    kind: str,
    base: str,
    told: Sequence[Told] = (),
    *,
    content: str = "empty",
    asked: bool = False,
) -> bytes:
    """The whole Bundle as JSON."""
    first = status(kept, kind, base, told, content=content, asked=asked)
    entries: list[Json] = [
        {
            "fullUrl": f"urn:uuid:{first['id']}",
            "resource": first,
            "request": {"method": "GET", "url": _address(base, f"Subscription/{kept.id}/$status")},
            "response": {"status": "200"},
        }
    ]
    if content == "full-resource":
        entries += [_entry(one, base) for one in told]
    return orjson.dumps(
        {
            "resourceType": "Bundle",
            "id": str(uuid.uuid4()),
            "meta": {"profile": [backport.NOTIFICATION_PROFILE]},
            "type": "history",
            "timestamp": _instant(datetime.now(UTC)),
            "entry": entries,
        }
    )


def statuses(found: Sequence[Kept], base: str) -> Resource:
    """The answer of $status."""
    entries = []
    for kept in found:
        one = status(kept, "query-status", base, asked=True)
        entries.append({"fullUrl": f"urn:uuid:{one['id']}", "resource": one, "search": {"mode": "match"}})
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _event(event: Event, base: str, content: str) -> Json:
    parts: list[Json] = [
        {"name": "event-number", "valueString": str(event.number)},
        {"name": "timestamp", "valueInstant": _instant(event.at)},
    ]
    if content != "empty":
        parts.append(
            {"name": "focus", "valueReference": {"reference": _address(base, f"{event.type}/{event.id}")}}
        )
    return {"name": "notification-event", "part": parts}


def _entry(one: Told, base: str) -> Json:
    event = one.event
    method, code = _METHODS[event.effect]
    url = event.type if method == "POST" else f"{event.type}/{event.id}"
    found: dict[str, Any] = {"fullUrl": _address(base, f"{event.type}/{event.id}")}
    if one.body is not None:
        found["resource"] = orjson.Fragment(one.body)
    found["request"] = {"method": method, "url": url}
    found["response"] = {
        "status": code,
        "etag": f'W/"{event.version_id}"',
        "lastModified": _instant(event.at),
    }
    return found


def _address(base: str, path: str) -> str:
    """Absolute where the site knows how it is reached."""
    return f"{base}/{path}" if base else path


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
