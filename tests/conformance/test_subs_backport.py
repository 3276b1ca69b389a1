"""What is sent conforms to the published profiles of the Backport IG, by the site's own validator; its examples are read."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.fhir.dates import zone
from mihub.database.embedded import Embedded
from mihub.errors import Unprocessable
from mihub.site.api.app import create_app
from mihub.site.packages.shelf import Shelf
from mihub.site.search.catalogue import catalogue
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.site import Site
from mihub.site.subscriptions import backport
from mihub.site.subscriptions.hosts import Hosts
from mihub.site.subscriptions.request import Reader
from mihub.site.subscriptions.topics import CANONICAL
from mihub.site.terminology.terminology import Terminology
from mihub.site.validate.validator import ProfileValidator
from tests.store_record import Client, access, open_site, postgres  # noqa: F401  # fixtures
from tests.subscriber import Receiver, receiver, run, subscription

_PACKAGE = "packages/hl7.fhir.uv.subscriptions-backport.r4-1.1.0.tgz"


@pytest.fixture(scope="module")
def validator(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProfileValidator]:
    shelf = Shelf.open(tmp_path_factory.mktemp("shelf") / "packages.sqlite")
    shelf.add(shared / _PACKAGE)
    yield ProfileValidator(shelf, Terminology(shelf))
    shelf.close()


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


@pytest.fixture
def site(postgres: Embedded, tmp_path: Path, hook: Receiver) -> Iterator[Site]:
    opened = open_site(
        postgres,
        tmp_path,
        subscription_hosts=f"127.0.0.1:{hook.port}",
        base_url="https://fhir.example.org/fhir",
    )
    yield opened
    opened.close()


def errors(validator: ProfileValidator, resource: Any, profile: str) -> list[str]:
    found = validator.validate(resource, [profile])
    return [f"{one.location}: {one.rule} {one.facts}" for one in found if one.severity in ("error", "fatal")]


def test_what_is_sent_conforms(site: Site, hook: Receiver, validator: ProfileValidator) -> None:
    client = Client(create_app(site), access())
    made = subscription("s", hook.url, topic="Basic", content="full-resource", heartbeat_period=5)
    assert errors(validator, made, backport.SUBSCRIPTION_PROFILE) == []
    client.put(made)
    basic = {"resourceType": "Basic", "id": "a", "code": {"text": "x"}}
    client.put(basic)
    client.put(basic | {"code": {"text": "y"}})
    client.send("DELETE", "Basic/a")
    room = site.subscriptions
    assert room is not None
    run(site, until=lambda: len(hook.numbers()) == 3)
    real = room.outbox.now
    room.outbox.now = lambda: real() + 6
    run(site, until=lambda: bool(hook.of("heartbeat")))
    kinds = [one["entry"][0]["resource"]["parameter"][3]["valueCode"] for one in hook.got]
    assert kinds == ["handshake", "event-notification", "heartbeat"]
    asked = client.send("GET", "Subscription/s/$events").json()
    hook.behave = lambda number: 500
    client.put(basic)
    run(site, until=lambda: client.send("GET", "Subscription/s").json()["status"] == "error")
    status = client.send("GET", "Subscription/$status").json()
    assert status["type"] == "searchset"
    for bundle in [*hook.got, asked]:
        assert errors(validator, bundle, backport.NOTIFICATION_PROFILE) == []
    assert errors(validator, hook.got[0] | {"type": "collection"}, backport.NOTIFICATION_PROFILE), "it looks"
    for bundle in [*hook.got, asked, status]:
        assert errors(validator, bundle["entry"][0]["resource"], backport.STATUS_PROFILE) == []
    assert asked["entry"][1]["fullUrl"] == "https://fhir.example.org/fhir/Basic/a"


def test_the_capability_statement_says_what_the_guide_wants(site: Site) -> None:
    client = Client(create_app(site), access())
    rest = client.send("GET", "metadata").json()["rest"][0]
    (found,) = [one for one in rest["resource"] if one["type"] == "Subscription"]
    topics = [one["valueCanonical"] for one in found["extension"] if one["url"] == backport.TOPIC_CANONICAL]
    assert f"{CANONICAL}Observation" in topics
    assert backport.SUBSCRIPTION_PROFILE in found["supportedProfile"]
    assert {one["definition"] for one in found["operation"]} >= set(backport.OPERATIONS.values())
    assert {"url", "status"} <= {one["name"] for one in found["searchParam"]}
    listed = client.send("GET", "Subscription/$topics?resource=Encounter").json()
    assert [entry["resource"]["id"] for entry in listed["entry"]] == [
        "Encounter",
        "encounter-start",
        "encounter-end",
    ]


def test_the_guides_examples_are_read_but_for_their_topics(shared: Path) -> None:
    local = zone("Europe/Berlin")
    reader = Reader(Parser(catalogue(), local, PageLimits(50, 1000)), Hosts.of("example.org"), local)
    with tarfile.open(shared / _PACKAGE) as archive:
        found = {}
        for name in ("admission", "multi-resource"):
            file = archive.extractfile(f"package/example/Subscription-subscription-{name}.json")
            assert file is not None
            # Their topics are not ours; everything else is.
            found[name] = orjson.loads(file.read()) | {"criteria": f"{CANONICAL}Encounter"}
    wanted = reader.read(found["admission"])
    assert (wanted.heartbeat_seconds, wanted.timeout_seconds, wanted.most) == (86400, 60, 20)
    assert len(wanted.questions) == 1
    with pytest.raises(Unprocessable, match="not about Encounter"):
        reader.read(found["multi-resource"])
