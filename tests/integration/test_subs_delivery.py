"""Subscriptions on a real PostgreSQL with a real endpoint: handshake, events, failures of every kind, recovery, replay."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.policy.actor import Purpose, Role
from mihub.database.embedded import Embedded
from mihub.site.api.app import create_app
from mihub.site.site import Site
from mihub.site.store.protocol import AuditQuery, Put
from tests.store_record import Client, access, open_site, postgres  # noqa: F401  # fixtures
from tests.subscriber import QUICK, Receiver, parameters, receiver, run, subscription

_names = itertools.count(1)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@pytest.fixture
def site(postgres: Embedded, tmp_path: Path, hook: Receiver) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path, subscription_hosts=f"127.0.0.1:{hook.port}, example.org")
    yield opened
    opened.close()


@pytest.fixture
def client(site: Site) -> Client:
    return Client(create_app(site), access())


def observation(name: str, status: str = "final", patient: str = "p1") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": status,
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "subject": {"reference": f"Patient/{patient}"},
    }


def subscribe(client: Client, resource: dict[str, Any]) -> None:
    answer = client.put(resource)
    assert answer.status_code == 201, answer.text


def state(client: Client, name: str) -> str:
    return str(client.send("GET", f"Subscription/{name}").json()["status"])


def test_from_handshake_to_event(site: Site, client: Client, hook: Receiver) -> None:
    client.put(observation("before"))
    subscribe(client, subscription("s", hook.url, header=("Authorization: Bearer x",)))
    assert state(client, "s") == "requested"
    run(site, until=lambda: state(client, "s") == "active")
    assert [one["type"] for one in map(parameters, hook.got)] == ["handshake"]
    assert hook.raw[0][0]["Authorization"] == "Bearer x"
    assert hook.raw[0][0]["Content-Type"] == "application/fhir+json"
    client.put(observation("a"))
    client.put({"resourceType": "Patient", "id": "p1"})
    client.put(observation("a", "amended"))
    client.send("DELETE", "Observation/a")
    run(site, until=lambda: len(hook.numbers()) == 3)
    assert hook.numbers() == [1, 2, 3]
    assert hook.focuses() == ["Observation/a"] * 3
    status = client.send("GET", "Subscription/s/$status").json()
    assert parameters(status)["events-since-subscription-start"] == "3"
    assert parameters(status)["type"] == "query-status"


def test_a_full_resource_is_the_version_of_the_event_and_each_delivery_is_audited(
    site: Site, client: Client, hook: Receiver
) -> None:
    subscribe(client, subscription("s", hook.url, content="full-resource"))
    client.put(observation("a"))
    client.put(observation("a", "amended"))
    client.send("DELETE", "Observation/a")
    run(site, until=lambda: len(hook.numbers()) == 3)
    entries = [entry for bundle in hook.got for entry in bundle["entry"][1:]]
    assert [entry["request"]["method"] for entry in entries] == ["POST", "PUT", "DELETE"]
    assert [entry.get("resource", {}).get("status") for entry in entries] == ["final", "amended", None]
    lines = site.store.audit(AuditQuery(entity="Observation/a"), access())
    told = [one for one in lines if one.interaction == "subscription-notification"]
    assert told
    assert {one.patient for one in told} == {"p1"}
    assert {one.actor_id for one in told} == {access().actor.id}


def test_empty_says_nothing_of_the_resource(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url, content="empty"))
    client.put(observation("secret-id"))
    run(site, until=lambda: hook.numbers() == [1])
    assert b"secret-id" not in b"".join(body for _, body in hook.raw)


def test_xml_is_spoken_to_who_wants_it(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url, payload="application/fhir+xml", content="full-resource"))
    client.put(observation("a"))
    run(site, until=lambda: len(hook.raw) == 2)
    assert hook.raw[1][1].lstrip().startswith((b"<?xml", b"<Bundle"))
    assert b"718-7" in hook.raw[1][1]


@pytest.mark.parametrize("trouble", [500, 302, "reset", "slow", "garbage"])
def test_every_trouble_ends_in_delivery_in_order(
    site: Site, client: Client, hook: Receiver, trouble: int | str
) -> None:
    subscribe(client, subscription("s", hook.url, timeout=1, max_count=1))
    run(site, until=lambda: state(client, "s") == "active")
    hook.behave = lambda number: trouble if number in (2, 3, 5) else 200
    for name in "abc":
        client.put(observation(name))
    run(site, until=lambda: hook.numbers()[-1:] == [3], seconds=20)
    # "slow" is told of twice: the endpoint took it after we had given up waiting.
    assert list(dict.fromkeys(hook.numbers())) == [1, 2, 3]
    if trouble != "slow":
        assert hook.numbers() == [1, 2, 3]
    run(site, until=lambda: state(client, "s") == "active")


def test_an_endpoint_that_is_away_shows_as_error_and_recovers(
    site: Site, client: Client, hook: Receiver
) -> None:
    subscribe(client, subscription("s", hook.url))
    run(site, until=lambda: state(client, "s") == "active")
    hook.behave = lambda number: 500
    for number in range(5):
        client.put(observation(f"o{number}"))
    run(site, until=lambda: state(client, "s") == "error")
    shown = client.send("GET", "Subscription/s").json()
    assert shown["error"] == "The endpoint answered 500."
    status = parameters(client.send("GET", "Subscription/s/$status").json())
    assert status["error"]["coding"][0]["code"] == "error-response"
    hook.behave = lambda number: 200
    run(site, until=lambda: state(client, "s") == "active")
    assert hook.numbers() == [1, 2, 3, 4, 5]
    assert "error" not in client.send("GET", "Subscription/s").json()


def test_what_is_refused_for_good_becomes_a_dead_letter_and_the_rest_goes_on(
    site: Site, client: Client, hook: Receiver
) -> None:
    subscribe(client, subscription("s", hook.url))
    run(site, until=lambda: state(client, "s") == "active")
    client.put(observation("a"))
    client.put(observation("b"))
    hook.behave = lambda number: 422 if number <= 4 else 200
    run(site, until=lambda: hook.numbers() == [2], seconds=20)
    room = site.subscriptions
    assert room is not None
    (dead,) = room.outbox.dead("s")
    assert (dead.number, dead.reason) == (1, "The endpoint answered 422.")
    assert room.outbox.counts()["s"].dead == 1
    assert room.outbox.replay("s") == 1
    run(site, until=lambda: hook.numbers() == [2, 1])
    assert room.outbox.dead("s") == []


def test_what_waited_too_long_becomes_a_dead_letter(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url))
    run(site, until=lambda: state(client, "s") == "active")
    hook.behave = lambda number: 503
    client.put(observation("a"))
    room = site.subscriptions
    assert room is not None
    run(site, until=lambda: bool(room.outbox.dead("s")), patience=replace(QUICK, give_up_seconds=0.5))
    assert room.outbox.dead("s")[0].reason == "The endpoint answered 503."
    assert room.outbox.discard("s") == 1
    assert room.outbox.dead("s") == []


def test_one_that_is_slow_holds_up_no_other(postgres: Embedded, tmp_path: Path, hook: Receiver) -> None:
    with receiver() as other:
        hosts = f"127.0.0.1:{hook.port}, 127.0.0.1:{other.port}"
        site = open_site(postgres, tmp_path, subscription_hosts=hosts)
        try:
            client = Client(create_app(site), access())
            subscribe(client, subscription("slow", hook.url, timeout=1))
            subscribe(client, subscription("quick", other.url))
            run(site, until=lambda: state(client, "slow") == "active" and state(client, "quick") == "active")
            hook.behave = lambda number: "slow"
            client.put(observation("a"))
            started = time.monotonic()
            run(site, until=lambda: other.numbers() == [1])
            assert time.monotonic() - started < 5
            assert hook.numbers() == [], "the slow one is not done yet"
        finally:
            site.close()


def test_a_database_that_was_away_ends_nothing(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url, timeout=1))
    run(site, until=lambda: state(client, "s") == "active")
    assert site.pool is not None
    cut = iter(range(3))

    def cut_off(number: int) -> int:
        # In the middle of deliveries: what was taken can not be noted.
        if next(cut, None) is not None:
            with site.pool.connection() as connection:  # type: ignore[union-attr]  # looked at above
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        return 200

    for number in range(5):
        client.put(observation(f"o{number}"))
    hook.behave = cut_off
    run(site, until=lambda: set(hook.numbers()) == {1, 2, 3, 4, 5}, seconds=40)
    assert list(dict.fromkeys(hook.numbers())) == [1, 2, 3, 4, 5]


def test_batches_are_as_large_as_asked(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url, max_count=4))
    for number in range(10):
        client.put(observation(f"o{number}"))
    run(site, until=lambda: len(hook.numbers()) == 10)
    sizes = [len(one["events"]) for one in hook.of("event-notification")]
    assert sizes == [4, 4, 2]
    assert [one["events-since-subscription-start"] for one in hook.of("event-notification")] == [
        "4",
        "8",
        "10",
    ]


def test_a_heartbeat_comes_when_nothing_happens(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url, heartbeat_period=5))
    run(site, until=lambda: state(client, "s") == "active")
    room = site.subscriptions
    assert room is not None
    later = room.outbox.now
    room.outbox.now = lambda: later() + 6.0
    run(site, until=lambda: bool(hook.of("heartbeat")))
    assert hook.of("heartbeat")[0]["status"] == "active"
    assert len(hook.of("heartbeat")) == 1


def test_what_was_missed_can_be_asked_for(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url))
    for number in range(4):
        client.put(observation(f"o{number}"))
    run(site, until=lambda: len(hook.numbers()) == 4)
    asked = client.send("GET", "Subscription/s/$events?eventsSinceNumber=2&eventsUntilNumber=3").json()
    assert asked["type"] == "history"
    assert [one["number"] for one in parameters(asked)["events"]] == [2, 3]
    assert parameters(asked)["type"] == "query-event"
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "eventsSinceNumber", "valueString": "4"},
            {"name": "content", "valueCode": "full-resource"},
        ],
    }
    posted = client.send("POST", "Subscription/s/$events", json=body).json()
    assert [entry["resource"]["id"] for entry in posted["entry"][1:]] == ["o3"]
    assert client.send("GET", "Subscription/s/$events?eventsSinceNumber=x").status_code == 400
    assert client.send("GET", "Subscription/none/$events").status_code == 404


def test_off_ends_it_and_requested_begins_again(site: Site, client: Client, hook: Receiver) -> None:
    subscribe(client, subscription("s", hook.url))
    run(site, until=lambda: state(client, "s") == "active")
    client.put(subscription("s", hook.url) | {"status": "off"})
    client.put(observation("unseen"))
    room = site.subscriptions
    assert room is not None
    run(site, until=room.outbox.idle)
    assert hook.numbers() == []
    client.put(subscription("s", hook.url))
    client.put(observation("seen"))
    run(site, until=lambda: hook.focuses() == ["Observation/seen"])
    assert len(hook.of("handshake")) == 2
    client.send("DELETE", "Subscription/s")
    run(site, until=room.outbox.idle)
    assert room.outbox.all() == []


def test_its_end_turns_it_off(site: Site, client: Client, hook: Receiver) -> None:
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
    subscribe(client, subscription("s", hook.url) | {"end": end})
    run(site, until=lambda: state(client, "s") == "off")


def test_without_a_subscription_nothing_is_read(site: Site, client: Client) -> None:
    room = site.subscriptions
    assert room is not None
    client.put(observation("a"))
    assert room.outbox.idle()
    run(site, until=lambda: True)


def test_legacy_criteria_are_told_of_what_meets_them(site: Site, client: Client, hook: Receiver) -> None:
    asked = subscription("s", hook.url) | {"criteria": "Observation?status=final"}
    del asked["channel"]["_payload"]
    subscribe(client, asked)
    client.put(observation("a", "preliminary"))
    client.put(observation("a", "final"))
    client.put(observation("a", "amended"))
    client.send("DELETE", "Observation/a")
    client.put(observation("b", "final"))
    run(site, until=lambda: len(hook.numbers()) == 2)
    assert hook.focuses() == ["Observation/a", "Observation/b"]


def test_a_right_that_ends_ends_the_telling(site: Site, client: Client, hook: Receiver) -> None:
    """Nobody but the one patient's resources, judged at each delivery."""
    patient = access(Role.PATIENT, Purpose.PATIENT_REQUEST, patient="p1")
    for name in ("p1", "p2"):
        client.put({"resourceType": "Patient", "id": name})
    # A patient may not write Subscriptions today; the machinery must hold for whoever may.
    site.store.write([Put(subscription("s", hook.url, content="full-resource"))], patient)
    run(site, until=lambda: state(client, "s") == "active")
    client.put(observation("mine"))
    client.put(observation("theirs", patient="p2"))
    client.put(observation("moves"))
    client.put(observation("moves", patient="p2"))
    client.put(observation("comes", patient="p2"))
    client.put(observation("comes"))
    run(site, until=lambda: len(hook.focuses()) >= 2)
    client.put(observation("last"))
    run(site, until=lambda: hook.focuses()[-1:] == ["Observation/last"])
    assert hook.focuses() == ["Observation/mine", "Observation/comes", "Observation/last"]
    assert b"Patient/p2" not in b"".join(body for _, body in hook.raw)
    room = site.subscriptions
    assert room is not None
    assert [one.number for one in room.outbox.between("s", 1, 99, 99) if one.state == "withheld"] == [2]
    seen = orjson.dumps(client.as_(patient).send("GET", "Subscription/s/$events").json())
    assert b"theirs" not in seen
