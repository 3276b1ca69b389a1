"""A served site with all its rooms tells by itself: over the network, by hook and by websocket, with validation on."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
from websockets.sync.client import connect

from mihub.apps.serve import Background, bind
from mihub.apps.site import served
from mihub.database.embedded import Embedded
from tests.real_site import real_site, sign, system
from tests.store_record import postgres  # noqa: F401  # a fixture
from tests.subscriber import parameters, receiver, subscription


def _soon(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_served_site_tells(postgres: Embedded, tmp_path: Path) -> None:
    with (
        receiver() as hook,
        real_site(
            postgres, tmp_path, validation="reject", subscription_hosts=f"127.0.0.1:{hook.port}"
        ) as site,
        Background(served(site), bind("127.0.0.1", 0)) as server,
        httpx.Client(
            base_url=f"{server.url}/fhir/",
            headers={"Authorization": f"Bearer {sign(system('chemnitz'), site.member)}"},
        ) as http,
    ):

        def put(resource: dict[str, Any]) -> None:
            answer = http.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
            assert answer.status_code == 201, answer.text

        def state(name: str) -> str:
            return str(http.get(f"Subscription/{name}").json()["status"])

        put(subscription("hooked", hook.url, topic="Basic"))
        put(subscription("live", topic="Basic", channel="websocket"))
        _soon(lambda: state("hooked") == "active" and state("live") == "active")
        given = {
            one["name"]: next(value for name, value in one.items() if name != "name")
            for one in http.get("Subscription/live/$get-ws-binding-token").json()["parameter"]
        }
        with connect(given["websocket-url"]) as socket:
            socket.send(f"bind-with-token {given['token']}")
            assert parameters(orjson.loads(socket.recv(timeout=10)))["type"] == "handshake"
            put({"resourceType": "Basic", "id": "a", "code": {"text": "x"}})
            told = parameters(orjson.loads(socket.recv(timeout=10)))
            assert told["events"] == [{"number": 1, "focus": "Basic/a"}]
        _soon(lambda: hook.focuses() == ["Basic/a"])
        refused = http.put("Subscription/no", json=subscription("no", "https://elsewhere.example.org/"))
        assert refused.status_code == 422
        assert "not one to which this site may send" in refused.text
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "resource": subscription("t", "http://x"),
                    "request": {"method": "PUT", "url": "Subscription/t"},
                }
            ],
        }
        assert http.post("", json=bundle).status_code == 422
        patch = [{"op": "replace", "path": "/channel/endpoint", "value": "https://elsewhere.example.org/"}]
        headers = {"Content-Type": "application/json-patch+json"}
        assert (
            http.patch("Subscription/hooked", content=orjson.dumps(patch), headers=headers).status_code == 422
        )
        assert state("hooked") == "active"
