"""What a Subscription may ask for, and the sentence for what it may not; where notifications may go."""

from __future__ import annotations

from typing import Any

import pytest

from mihub.core.fhir.dates import zone
from mihub.errors import ConfigurationError, Unprocessable
from mihub.site.search.catalogue import catalogue
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.subscriptions import backport
from mihub.site.subscriptions.dispatcher import Patience
from mihub.site.subscriptions.hosts import Hosts
from mihub.site.subscriptions.request import Reader, Wanted
from mihub.site.subscriptions.topics import CANONICAL, described, topics
from tests.subscriber import subscription

_ZONE = zone("Europe/Berlin")
_HOSTS = Hosts.of("notify.example.org, lab.example.org:8443, 127.0.0.1:9000")
_READER = Reader(Parser(catalogue(), _ZONE, PageLimits(50, 1000)), _HOSTS, _ZONE)
_THERE = "https://notify.example.org/hook"


def read(resource: dict[str, Any]) -> Wanted:
    return _READER.read(resource)


def test_everything_that_the_backport_says_is_read() -> None:
    filters = ("Encounter?patient=Patient/123&status=finished", "trigger=create,update")
    wanted = read(
        subscription(
            "s", _THERE, topic="Encounter", filters=filters, content="full-resource", max_count=20, timeout=60,
            heartbeat_period=86400, header=("Authorization: Bearer x", "X-Empty:"),
        )
        | {"end": "2030-01-01T00:00:00Z"}
    )  # fmt: skip
    assert wanted.topic is not None
    assert wanted.topic.url == f"{CANONICAL}Encounter"
    assert (wanted.most, wanted.timeout_seconds, wanted.heartbeat_seconds) == (20, 60, 86400)
    assert wanted.triggers == {"create", "update"}
    assert wanted.headers == (("Authorization", "Bearer x"), ("X-Empty", ""))
    assert (wanted.channel, wanted.endpoint, wanted.content) == ("rest-hook", _THERE, "full-resource")
    assert wanted.ends_at == 1893456000.0
    assert len(wanted.questions) == 1
    assert len(wanted.questions[0].conditions) == 2


def changed(**more: Any) -> dict[str, Any]:
    return subscription("s", _THERE) | more


def channel(**more: Any) -> dict[str, Any]:
    made = subscription("s", _THERE)
    made["channel"] |= more
    return made


def numbered(**numbers: Any) -> dict[str, Any]:
    return subscription("s", _THERE, **numbers)


WRONG: list[tuple[dict[str, Any], str]] = [
    (changed(criteria=""), "names no topic"),
    (changed(criteria=f"{CANONICAL}Nothing"), "topic is not offered"),
    (changed(criteria="Nonsense?a=b"), "no resource type"),
    (changed(criteria="AuditEvent?date=2020"), "no resource type"),
    (changed(criteria="Observation?nonsense=1"), "search parameter"),
    (changed(criteria="Observation?date=yesterday"), "date"),
    (changed(criteria="Observation?_sort=date"), "sort"),
    (changed(criteria="Patient?_has:Observation:subject:code=x"), "more than the resource"),
    (changed(criteria="Patient?_list=1"), "more than the resource"),
    (subscription("s", _THERE, filters=("Patient?gender=male",)), "not about Observation"),
    (subscription("s", _THERE, filters=("Observation?trigger=nonsense",)), "trigger"),
    (subscription("s", _THERE, topic="encounter-end", filters=("trigger=delete",)), "trigger"),
    (changed(channel=None), "no channel"),
    (channel(type="email"), "not offered"),
    (channel(_type={"extension": [{"url": backport.CHANNEL_TYPE, "valueCoding": {"code": "x"}}]}), "not offered"),
    (channel(endpoint=None), "no endpoint"),
    (channel(payload="text/plain"), "not FHIR"),
    (channel(payload=None), "not FHIR"),
    (channel(_payload=None), "how much content"),
    (channel(_payload={"extension": [{"url": backport.PAYLOAD_CONTENT, "valueCode": "all"}]}), "how much content"),
    (channel(header=["no colon"]), "header"),
    (channel(header=["Host: elsewhere"]), "header"),
    (channel(header=["X: a\r\nY: b"]), "header"),
    (channel(header=["X: a\nY"]), "header"),
    (channel(header="X: a"), "header"),
    (numbered(timeout=3600), "out of bounds"),
    (numbered(heartbeat_period=10**8), "out of bounds"),
    (numbered(max_count=0), "out of bounds"),
    (numbered(max_count="many"), "whole number"),
    (changed(end="soon"), "end can not be read"),
    (channel(endpoint="http://notify.example.org/hook"), "not an https"),
    (channel(endpoint="ftp://notify.example.org/hook"), "not an https"),
    (channel(endpoint="https://elsewhere.example.org/hook"), "not one to which"),
    (channel(endpoint="https://notify.example.org.evil.org/"), "not one to which"),
    (channel(endpoint="https://notify.example.org:8443/"), "not one to which"),
    (channel(endpoint="https://lab.example.org/"), "not one to which"),
    (channel(endpoint="https://169.254.169.254/latest"), "not one to which"),
    (channel(endpoint="https://10.0.0.1/"), "not one to which"),
    (channel(endpoint="http://127.0.0.1:9001/"), "not one to which"),
    (channel(endpoint="http://[::1]:9000/"), "not one to which"),
    (channel(endpoint="https://user:secret@notify.example.org/"), "password"),
    (channel(endpoint="https://notify.example.org@evil.org/"), "password"),
    (channel(endpoint="https://notify.example.org:port/"), "not an address"),
]  # fmt: skip


@pytest.mark.parametrize(("resource", "sentence"), WRONG, ids=[text for _, text in WRONG])
def test_what_is_wrong_is_said_in_a_sentence(resource: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Unprocessable) as found:
        read(resource)
    assert sentence in found.value.what
    assert found.value.where.startswith("Subscription.")
    assert found.value.next_step
    for secret in ("yesterday", "evil", "secret", "169.254", "gender=male"):
        assert secret not in str(found.value)


def test_without_listed_hosts_only_websockets_are_offered() -> None:
    reader = Reader(Parser(catalogue(), _ZONE, PageLimits(50, 1000)), Hosts.of(""), _ZONE)
    with pytest.raises(Unprocessable, match="listed no host"):
        reader.read(subscription("s", _THERE))
    assert reader.read(subscription("s", channel="websocket")).endpoint == ""


def test_listed_hosts() -> None:
    for allowed in (
        _THERE,
        "https://notify.example.org:443/x",
        "https://lab.example.org:8443/",
        "http://127.0.0.1:9000/",
    ):
        assert _HOSTS.check(allowed)
    with pytest.raises(ConfigurationError, match="no host"):
        Hosts.of("https://notify.example.org/hook")


def test_r4_criteria_need_no_extension() -> None:
    made = channel(payload=None, _payload=None) | {"criteria": "Patient?name=x"}
    assert (read(made).content, read(made).triggers) == ("empty", {"create", "update"})
    made["channel"]["payload"] = "application/fhir+json"
    assert read(made).content == "id-only"
    assert read(made | {"criteria": "Patient"}).questions == ()


def test_every_topic_can_be_subscribed_to_and_is_described() -> None:
    assert len(topics()) > 140
    for topic in topics().values():
        assert read(subscription("s", _THERE, topic=topic.name)).resource_type == topic.resource_type
    found = described(topics()[f"{CANONICAL}Encounter"], catalogue())
    filters = [
        part["valueString"]
        for one in found["extension"]
        if one["url"].endswith("canFilterBy")
        for part in one["extension"]
        if part["url"] == "filterParameter"
    ]
    assert {"patient", "status", "trigger"} <= set(filters)


def test_patience_is_hours_not_minutes() -> None:
    patience, waited, attempts = Patience(), 0.0, 0
    while waited < patience.give_up_seconds:
        attempts += 1
        waited += patience.delay(attempts)
    assert 80 < attempts < 160
    assert patience.give_up_seconds >= 24 * 3600
    assert patience.delay(10_000) <= patience.longest_seconds * 1.2
