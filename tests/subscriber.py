"""What the tests of subscriptions share: an endpoint that behaves as told, and a site whose background work is stepped."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import orjson

from mihub.site.site import Site
from mihub.site.subscriptions import backport
from mihub.site.subscriptions.dispatcher import Dispatcher, Patience
from mihub.site.subscriptions.topics import CANONICAL

Json = dict[str, Any]
QUICK = Patience(
    idle_seconds=0.02,
    first_seconds=0.05,
    longest_seconds=0.2,
    give_up_seconds=60.0,
    refusals=3,
    shown_after=2,
)


@dataclass
class Receiver:
    """Keeps what arrives. `behave`: gets the number of the request, says a status, or "reset", "slow", "garbage"."""

    url: str = ""
    port: int = 0
    got: list[Json] = field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    behave: Callable[[int], int | str] = lambda number: 200
    requests: int = 0

    def of(self, kind: str) -> list[Json]:
        """The status of every notification of this kind."""
        found = [parameters(bundle) for bundle in self.got]
        return [one for one in found if one["type"] == kind]

    def numbers(self) -> list[int]:
        """Of all events, as they arrived."""
        return [event["number"] for one in self.of("event-notification") for event in one["events"]]

    def focuses(self) -> list[str]:
        return [event["focus"] for one in self.of("event-notification") for event in one["events"]]


def parameters(bundle: Json) -> Json:
    """The status of a notification, flattened."""
    found: Json = {"events": []}
    for one in bundle["entry"][0]["resource"]["parameter"]:
        value = next((v for k, v in one.items() if k.startswith("value")), None)
        if one["name"] != "notification-event":
            found[one["name"]] = value
            continue
        parts = {part["name"]: part for part in one["part"]}
        focus = parts.get("focus", {}).get("valueReference", {}).get("reference", "")
        found["events"].append(
            {"number": int(parts["event-number"]["valueString"]), "focus": "/".join(focus.split("/")[-2:])}
        )
    return found


@contextmanager
def receiver() -> Iterator[Receiver]:
    """An endpoint on loopback."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.requests += 1
            said = kept.behave(kept.requests)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if said == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                return
            if said == "slow":
                time.sleep(1.5)
                said = 200
            if said == "garbage":
                self.wfile.write(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
                return
            if said == 200:
                kept.raw.append((dict(self.headers), body))
                if body.startswith(b"{"):
                    kept.got.append(orjson.loads(body))
            self.send_response(int(said))
            if said == 302:
                self.send_header("Location", f"{kept.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_address[1]
    kept.url = f"http://127.0.0.1:{kept.port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


def subscription(
    name: str,
    endpoint: str = "",
    *,
    topic: str = "Observation",
    filters: tuple[str, ...] = (),
    content: str = "id-only",
    channel: str = "rest-hook",
    payload: str = "application/fhir+json",
    header: tuple[str, ...] = (),
    **numbers: int,
) -> Json:
    """A Subscription in the shape of the backport; `numbers`: max_count, timeout, heartbeat_period."""
    kinds = {"max_count": "valuePositiveInt"}
    extensions = [
        {"url": getattr(backport, key.upper()), kinds.get(key, "valueUnsignedInt"): value}
        for key, value in numbers.items()
    ]
    found: Json = {
        "resourceType": "Subscription",
        "id": name,
        "status": "requested",
        "reason": "Test",
        "criteria": CANONICAL + topic,
        "channel": {
            "type": channel,
            "payload": payload,
            "_payload": {"extension": [{"url": backport.PAYLOAD_CONTENT, "valueCode": content}]},
        },
    }
    if filters:
        found["_criteria"] = {
            "extension": [{"url": backport.FILTER_CRITERIA, "valueString": one} for one in filters]
        }
    if extensions:
        found["channel"]["extension"] = extensions
    if endpoint:
        found["channel"]["endpoint"] = endpoint
    if header:
        found["channel"]["header"] = list(header)
    return found


def run(
    site: Site,
    *,
    until: Callable[[], bool],
    seconds: float = 10.0,
    patience: Patience = QUICK,
) -> None:
    """The site's background work until this holds; fails when it does not come to hold."""

    async def work() -> None:
        async with httpx.AsyncClient() as client:
            room = site.subscriptions
            assert room is not None
            dispatcher = room.dispatcher(client, patience)
            task = asyncio.create_task(dispatcher.run())
            try:
                end = time.monotonic() + seconds
                while not await asyncio.to_thread(until):
                    assert time.monotonic() < end, "it did not come to hold in time"
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.02)
                if not task.done():
                    await settled(dispatcher)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())


async def settled(dispatcher: Dispatcher) -> None:
    """What is under way ends, and what it says is written."""
    await dispatcher.settled()
