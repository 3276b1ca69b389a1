"""$status, $events, $get-ws-binding-token and $topics of Subscriptions; the resource itself goes the way of all others.

Who may read a Subscription may ask how it stands with it; of its events they see what they may read themselves. Source:
Backport IG 1.1.0, its three OperationDefinitions. Above: `app`. Below: `site.subscriptions`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from starlette.requests import Request

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.bundle import search_entry, searchset
from mihub.core.policy.rules import Action
from mihub.errors import InvalidInput, MihubError, NotSupported, Unprocessable
from mihub.site.api import body
from mihub.site.api.call import Call
from mihub.site.api.read import present
from mihub.site.api.reply import Reply, document
from mihub.site.search.question import IdIn, Question
from mihub.site.store.protocol import Version
from mihub.site.subscriptions import backport, topics
from mihub.site.subscriptions.kept import INFINITY, LIVE, Kept
from mihub.site.subscriptions.notification import notification, statuses
from mihub.site.subscriptions.room import Subscriptions

Work = Callable[[Call, Request, bytes], Reply]
SOCKET: Final = "/$subscription-socket"
MOST_EVENTS: Final = 1000
_MOST_ASKED: Final = 1000
_EVENTS: Final = "subscription-events"
_TRANSPORT: Final = frozenset({"_format", "_pretty"})


def works() -> list[tuple[str, dict[str, Work]]]:
    """Address and method to work; before those of all types."""
    places: list[tuple[str, Work]] = [
        ("/Subscription/$status", _status),
        ("/Subscription/{id}/$status", _status),
        ("/Subscription/{id}/$events", _events),
        ("/Subscription/$get-ws-binding-token", _token),
        ("/Subscription/{id}/$get-ws-binding-token", _token),
    ]
    found: list[tuple[str, dict[str, Work]]] = [(path, {"GET": work, "POST": work}) for path, work in places]
    return [*found, ("/Subscription/$topics", {"GET": _topics})]


def described() -> Json:
    """What the CapabilityStatement says of Subscription: the profile, the operations, and every topic."""
    offered = [{"url": backport.TOPIC_CANONICAL, "valueCanonical": url} for url in topics.topics()]
    operations = [{"name": name, "definition": url} for name, url in backport.OPERATIONS.items()]
    return {
        "extension": offered,
        "supportedProfile": [backport.SUBSCRIPTION_PROFILE],
        "operation": operations,
    }


def _status(call: Call, request: Request, data: bytes) -> Reply:
    room, asked = _room(call), _parameters(call, request, data)
    found = [_kept(room, version) for version in _asked_for(call, request, asked)]
    wanted = asked.get("status", []) if "id" not in request.path_params else []
    return document(statuses([one for one in found if not wanted or one.state in wanted], call.base))


def _events(call: Call, request: Request, data: bytes) -> Reply:
    room, asked = _room(call), _parameters(call, request, data)
    version = _read(call, str(request.path_params["id"]))
    kept = _kept(room, version)
    content = (asked.get("content") or [_content(room, kept)])[0]
    if content not in backport.CONTENTS:
        raise InvalidInput(
            "There is no such content.",
            where="content",
            next_step=f"Use one of {', '.join(backport.CONTENTS)}.",
        )
    first, last = _number(asked, "eventsSinceNumber", 1), _number(asked, "eventsUntilNumber", 2**62)
    events = room.events(kept.id, first, last, MOST_EVENTS)
    permitted = room.telling.permitted(events, call.access, content, _EVENTS)
    room.telling.note(list(dict.fromkeys(permitted.notes)), call.access)
    return Reply(
        200, notification(kept, "query-event", call.base, permitted.told, content=content, asked=True)
    )


def _token(call: Call, request: Request, data: bytes) -> Reply:
    room, asked = _room(call), _parameters(call, request, data)
    named = "id" in request.path_params or bool(asked.get("id"))
    found = [_kept(room, version) for version in _asked_for(call, request, asked)]
    ids = [one.id for one in found if one.channel == "websocket" and one.state in LIVE]
    if not ids or (named and len(ids) < len(found)):
        raise Unprocessable(
            "A token is given for Subscriptions that are active and have the channel websocket.",
            where="id",
            next_step="See $status; a new Subscription takes a second to become active.",
        )
    token = room.token(call.access, ids)
    until = datetime.fromtimestamp(token.expires_at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    base = call.base
    if base.startswith("http"):
        base = f"ws{base.removeprefix('http')}"
    return document(
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "token", "valueString": token.text},
                {"name": "expiration", "valueDateTime": until},
                *({"name": "subscription", "valueString": name} for name in ids),
                {"name": "websocket-url", "valueUrl": f"{base}{SOCKET}"},
            ],
        }
    )


def _topics(call: Call, request: Request, data: bytes) -> Reply:
    wanted = request.query_params.get("resource")
    found = [one for one in topics.topics().values() if wanted in (None, one.resource_type)]
    entries = [
        search_entry(f"{call.base}/Basic/{one.name}", topics.described(one, call.site.catalogue), "match")
        for one in found
    ]
    return document(searchset(len(entries), [("self", f"{call.base}/Subscription/$topics")], entries))


def _room(call: Call) -> Subscriptions:
    room = call.site.subscriptions
    if room is None:
        raise NotSupported("This record keeps no Subscriptions.", next_step="Use a site with a database.")
    return room


def _asked_for(call: Call, request: Request, asked: dict[str, list[str]]) -> list[Version]:
    """The Subscription of the address, those that are named, or all that the caller may read."""
    if "id" in request.path_params:
        return [_read(call, str(request.path_params["id"]))]
    # Several ids come as several parameters, and from some clients in one, as in a search.
    listed = [one for text in asked.get("id", []) for one in text.split(",")]
    named = tuple(dict.fromkeys(one.removeprefix("Subscription/") for one in listed))
    conditions = (IdIn(named),) if named else ()
    question = Question(
        "Subscription", conditions, count=_MOST_ASKED, total=False, names="_id" if named else ""
    )
    return call.site.search.find(question, call.access, call.within(Action.READ)).matches


def _read(call: Call, subscription: str) -> Version:
    version = call.site.store.read("Subscription", subscription, call.access, call.within(Action.READ))
    return present(version, "Subscription")


def _kept(room: Subscriptions, version: Version) -> Kept:
    """How it stands; so soon after it was written that nobody has looked at it, what it says itself."""
    known = room.outbox.one(version.id)
    if known is not None:
        return known
    said = orjson.loads(version.body or b"{}")
    return Kept(
        version.id, version.version_id, version.body or b"{}", "", "none", str(said.get("status", "requested")), "", False,
        "", "", 0, 0, False, 0.0, 0.0, INFINITY, INFINITY, 0.0,
    )  # fmt: skip


def _content(room: Subscriptions, kept: Kept) -> str:
    try:
        return room.reader.read(orjson.loads(kept.body), known=True).content
    except MihubError:
        return "empty"


def _number(asked: dict[str, list[str]], name: str, otherwise: int) -> int:
    text = (asked.get(name) or [str(otherwise)])[0]
    if not text.isdecimal() or len(text) > 19:
        raise InvalidInput("An event number can not be read.", where=name, rule="a whole number from 0 on")
    return int(text)


def _parameters(call: Call, request: Request, data: bytes) -> dict[str, list[str]]:
    """Texts by name, from the address and from Parameters."""
    found: dict[str, list[str]] = {}
    for name, text in request.query_params.multi_items():
        if name not in _TRANSPORT:
            found.setdefault(name, []).append(text)
    resource: Resource = body.resource(data, call.site.settings.max_json_depth) if data.strip() else {}
    listed: Any = resource.get("parameter") or []
    for one in listed if isinstance(listed, list) else []:
        value = (
            next((value for key, value in one.items() if key.startswith("value")), None)
            if isinstance(one, dict)
            else None
        )
        if not isinstance(value, str | int) or not isinstance(one.get("name"), str):
            raise InvalidInput("A parameter can not be read.", where="Parameters.parameter")
        found.setdefault(one["name"], []).append(str(value))
    unknown = sorted(set(found) - {"id", "status", "content", "eventsSinceNumber", "eventsUntilNumber"})
    if unknown:
        raise NotSupported("The operation has no such parameter.", rule="Backport IG 1.1.0")
    return found
