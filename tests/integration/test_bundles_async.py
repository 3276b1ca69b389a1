"""Batches and transactions in the background: answered once, written once, whatever happens to the process meanwhile."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from mihub.site.api import batch, bundles, transaction
from mihub.site.api.app import create_app
from mihub.site.jobs import durable
from mihub.site.site import Site
from tests.integration.test_export_http import poll
from tests.store_record import Client, access, open_site, postgres  # noqa: F401  # fixtures

Json = dict[str, Any]
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture
def site(postgres: Any, tmp_path: Path) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def client(site: Site) -> Client:
    return Client(create_app(site), access())


def entry(method: str, url: str, resource: Json | None = None, **more: Any) -> Json:
    request = {"method": method, "url": url, **more}
    return {"request": request, **({"resource": resource} if resource else {})}


def send(client: Client, kind: str, *entries: Json, **headers: str) -> httpx.Response:
    given = {"resourceType": "Bundle", "type": kind, "entry": list(entries)}
    return client.send("POST", "", json=given, headers={**ASYNC, **headers})


def answered(client: Client, kind: str, *entries: Json) -> Json:
    started = send(client, kind, *entries)
    assert started.status_code == 202, started.text
    done = poll(client, started.headers["content-location"])
    assert done.status_code == 200, done.text
    assert done.json()["type"] == "batch-response"
    (only,) = done.json()["entry"]
    return only  # type: ignore[no-any-return]  # JSON


def patient(key: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": key, **more}


def test_a_transaction_is_carried_out_in_the_background(client: Client, site: Site) -> None:
    born = {"resourceType": "Patient"}
    seen = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": "urn:uuid:6ac94ee8-a2d6-4b6c-bc3b-5e2e4bd44b2f"}}  # fmt: skip
    first = entry("POST", "Patient", born) | {"fullUrl": "urn:uuid:6ac94ee8-a2d6-4b6c-bc3b-5e2e4bd44b2f"}
    only = answered(client, "transaction", entry("POST", "Observation", seen), first)
    assert only["response"]["status"] == "200"
    assert only["resource"]["type"] == "transaction-response"
    responses = [one["response"] for one in only["resource"]["entry"]]
    assert [one["status"] for one in responses] == ["201", "201"]
    made = client.send("GET", responses[0]["location"]).json()
    assert made["subject"]["reference"] == responses[1]["location"].partition("/_history")[0]
    kept = {path.name for path in (site.settings.data_dir / "bundles").glob("*/*")}
    assert kept == {"job.json", "answer.json"}, "what was sent is not kept longer than needed"


def test_a_transaction_that_fails_writes_nothing_and_says_where(client: Client) -> None:
    only = answered(
        client,
        "transaction",
        entry("PUT", "Patient/a", patient("a")),
        entry("PUT", "Patient/b", patient("b", birthDate="x")),
    )
    assert only["response"]["status"] == "400"
    assert "Bundle.entry[1]" in str(only["response"]["outcome"])
    assert client.ids("Patient") == []


def test_a_batch_answers_every_entry_in_order(client: Client) -> None:
    entries = [entry("PUT", f"Patient/p{n}", patient(f"p{n}")) for n in range(120)]
    entries[7] = entry("GET", "Patient/nobody")
    entries[60] = entry("POST", "Patient", {"resourceType": "Patient"})
    only = answered(client, "batch", *entries)
    statuses = [one["response"]["status"] for one in only["resource"]["entry"]]
    assert statuses == ["404" if n == 7 else "201" for n in range(120)]
    assert len(client.ids("Patient?_count=200")) == 119


def test_what_can_not_be_read_is_refused_at_once(client: Client) -> None:
    assert send(client, "history").status_code == 400
    assert send(client, "batch", entry("PUT", "Patient/a", patient("b"))).status_code == 400


def test_others_do_not_see_it(client: Client) -> None:
    address = send(client, "batch", entry("GET", "Patient/a")).headers["content-location"]
    assert poll(client, address).status_code == 200
    assert client.as_(access(organization="leipzig")).send("GET", address).status_code == 404
    assert client.send("DELETE", address).status_code == 202
    assert client.send("GET", address).status_code == 404


def test_an_interrupted_batch_writes_nothing_twice(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended after every fifth entry, also after it was written and before its answer was kept."""
    for n in range(4):
        client.put(patient(f"old{n}", name=[{"family": "A"}]))
    add = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "name"}, {"name": "value", "valueHumanName": {"family": "B"}}]}]}  # fmt: skip
    entries = [entry("POST", "Patient", {"resourceType": "Patient", "gender": "other"}) for _ in range(17)]
    entries += [entry("PATCH", f"Patient/old{n}", add) for n in range(4)]
    entries += [entry("PUT", f"Patient/new{n}", patient(f"new{n}")) for n in range(6)]
    carry_out, count = batch.one, 0

    def ending(*given: Any, **more: Any) -> Json:
        nonlocal count
        count += 1
        answer = carry_out(*given, **more)
        if count % 5 == 0:
            raise SystemExit
        return answer

    monkeypatch.setattr(bundles, "_PORTION", 7)
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        patch.setattr(batch, "one", ending)
        address = send(client, "batch", *entries).headers["content-location"]
        done = poll(client, address)
    assert count > 5
    statuses = [one["response"]["status"] for one in done.json()["entry"][0]["resource"]["entry"]]
    assert statuses == ["201"] * 17 + ["200"] * 4 + ["201"] * 6
    assert len(client.ids("Patient?gender=other&_count=100")) == 17
    for n in range(4):
        old = client.send("GET", f"Patient/old{n}").json()
        assert ([name["family"] for name in old["name"]], old["meta"]["versionId"]) == (["A", "B"], "2")


def test_an_interrupted_transaction_is_written_once(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, ends = transaction.run, iter(["before", "after", "never", "never"])

    def ending(*given: Any, **more: Any) -> Json:
        end = next(ends)
        if end == "before":
            raise SystemExit
        made = whole(*given, **more)
        if end == "after":
            raise SystemExit
        return made

    client.put(patient("old"))
    with monkeypatch.context() as patch:
        patch.setattr(threading, "excepthook", lambda _: None)
        patch.setattr(transaction, "run", ending)
        only = answered(
            client, "transaction", entry("POST", "Patient", {"resourceType": "Patient", "gender": "other"}),
            entry("PUT", "Patient/old", patient("old", gender="male"), ifMatch='W/"1"'), entry("DELETE", "Patient/none"),
        )  # fmt: skip
    assert next(ends) == "never"
    responses = [one["response"] for one in only["resource"]["entry"]]
    assert [one["status"] for one in responses] == ["201", "200", "204"]
    assert len(client.ids("Patient?gender=other")) == 1
    assert client.send("GET", responses[1]["location"]).json()["gender"] == "male"


def test_small_writes_go_on_while_a_large_transaction_is_prepared(
    client: Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs no look into the record is judged before the record is held."""
    reached, go = threading.Event(), threading.Event()
    through = type(site.door).through

    def slow(self: Any, given: Any, source: str) -> Any:
        if getattr(given, "resource", {}).get("id") == "slow":
            reached.set()
            assert go.wait(20)
        return through(self, given, source)

    monkeypatch.setattr(type(site.door), "through", slow)
    address = send(client, "transaction", entry("PUT", "Patient/slow", patient("slow"))).headers[
        "content-location"
    ]
    assert reached.wait(20)
    assert client.put(patient("quick")).status_code == 201
    go.set()
    assert poll(client, address).status_code == 200


def test_a_full_disk_refuses_the_bundle(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable, "replace", full)
    assert send(client, "batch", entry("GET", "Patient/a")).status_code == 507
