"""The websocket of Subscriptions, with a real server and another library's client."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from mihub.apps.serve import Background, bind
from mihub.core.policy.actor import Purpose, Role
from mihub.database.embedded import Embedded
from mihub.site.api.app import create_app
from mihub.site.site import Site
from mihub.site.store.protocol import AuditQuery
from tests.store_record import Client, access, open_site, postgres  # noqa: F401  # fixtures
from tests.subscriber import parameters, run, subscription


@pytest.fixture(scope="module")
def site(postgres: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path_factory.mktemp("socket"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    return Client(create_app(site), access())


@pytest.fixture(scope="module")
def url(client: Client) -> Iterator[str]:
    with Background(client.app, bind("127.0.0.1", 0)) as server:
        yield server.url.replace("http", "ws", 1) + "/fhir/$subscription-socket"


def token(client: Client, *names: str) -> str:
    asked = "&".join(f"id={name}" for name in names)
    answer = client.send("GET", f"Subscription/$get-ws-binding-token?{asked}")
    assert answer.status_code == 200, answer.text
    found = {one["name"]: one for one in answer.json()["parameter"]}
    assert found["websocket-url"]["valueUrl"] == "ws://site.test/fhir/$subscription-socket"
    return str(found["token"]["valueString"])


def basic(name: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "id": name, "code": {"text": "x"}}


@contextmanager
def bound(url: str, message: str) -> Iterator[ClientConnection]:
    with connect(url, max_size=2**24) as socket:
        socket.send(message)
        yield socket


def heard(socket: ClientConnection) -> dict[str, Any]:
    return dict(orjson.loads(socket.recv(timeout=10)))


def make(site: Site, client: Client, name: str, **more: Any) -> None:
    answer = client.put(subscription(name, channel="websocket", topic="Basic", **more))
    assert answer.status_code == 201, answer.text
    room = site.subscriptions
    assert room is not None
    run(site, until=lambda: room.outbox.one(name) is not None)


def test_bind_hear_and_ask_for_what_was_missed(site: Site, client: Client, url: str) -> None:
    make(site, client, "w")
    with bound(url, f"bind-with-token: {token(client, 'w')}") as socket:
        first = parameters(heard(socket))
        assert (first["type"], first["status"]) == ("handshake", "active")
        client.put(basic("a"))
        room = site.subscriptions
        assert room is not None
        run(site, until=lambda: room.one("w").events == 1)
        told = parameters(heard(socket))
        assert told["type"] == "event-notification"
        assert told["events"] == [{"number": 1, "focus": "Basic/a"}]
        socket.send('{"type": "ping"}')
        assert heard(socket) == {"type": "pong"}
    client.put(basic("missed"))
    run(site, until=lambda: room.one("w").events == 2)
    with bound(
        url, orjson.dumps({"type": "bind-with-token", "payload": {"token": token(client, "w")}}).decode()
    ) as socket:
        again = parameters(heard(socket))
        assert again["events-since-subscription-start"] == "2", "the client sees that it missed number 2"
        asked = client.send("GET", "Subscription/w/$events?eventsSinceNumber=2").json()
        assert parameters(asked)["events"] == [{"number": 2, "focus": "Basic/missed"}]
        client.put(basic("b"))
        run(site, until=lambda: room.one("w").events == 3)
        assert parameters(heard(socket))["events"] == [{"number": 3, "focus": "Basic/b"}]
    lines = site.store.audit(AuditQuery(entity="Basic/b"), access())
    assert "subscription-notification" in [one.interaction for one in lines]


def test_a_token_holds_once_and_nothing_is_told_without_one(site: Site, client: Client, url: str) -> None:
    make(site, client, "once")
    given = token(client, "once")
    with bound(url, f"bind-with-token {given}") as socket:
        assert parameters(heard(socket))["type"] == "handshake"
    with bound(url, "x" * 100_000) as socket, pytest.raises(ConnectionClosed):
        socket.recv(timeout=10)
    for message in (f"bind-with-token {given}", "bind-with-token nonsense", "hello", "{", "[]"):
        with bound(url, message) as socket:
            assert heard(socket)["resourceType"] == "OperationOutcome"
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=10)


def test_a_token_tells_only_what_its_holder_may_read(site: Site, client: Client, url: str) -> None:
    make(site, client, "theirs")
    client.put({"resourceType": "Patient", "id": "p1"})
    room = site.subscriptions
    assert room is not None
    given = room.token(access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="p1"), ["theirs"]).text
    with bound(url, f"bind-with-token {given}") as socket:
        assert parameters(heard(socket))["type"] == "handshake"
        client.put(basic("hidden"))
        client.put(basic("mine") | {"subject": {"reference": "Patient/p1"}})
        run(site, until=lambda: room.one("theirs").events == 2)
        assert parameters(heard(socket))["events"] == [{"number": 2, "focus": "Basic/mine"}]


def test_a_heartbeat_keeps_the_line_alive(site: Site, client: Client, url: str) -> None:
    make(site, client, "beat", heartbeat_period=1)
    with bound(url, f"bind-with-token {token(client, 'beat')}") as socket:
        assert parameters(heard(socket))["type"] == "handshake"
        assert parameters(heard(socket))["type"] == "heartbeat"


def test_who_gets_no_token(site: Site, client: Client) -> None:
    answer = client.send("GET", "Subscription/none/$get-ws-binding-token")
    assert answer.status_code == 404
    nurse = client.as_(access(Role.RESEARCHER, Purpose.RESEARCH))
    make(site, client, "closed")
    assert nurse.send("GET", "Subscription/closed/$get-ws-binding-token").status_code in (403, 404)
    client.put(subscription("closed", channel="websocket", topic="Basic") | {"status": "off"})
    room = site.subscriptions
    assert room is not None
    run(site, until=lambda: room.one("closed").state == "off")
    assert client.send("GET", "Subscription/closed/$get-ws-binding-token").status_code == 422
