"""History of a resource, of a type and of the whole record over HTTP."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import time
from typing import Any

import pytest

from mihub.core.policy.actor import Purpose, Role
from mihub.site.site import Site
from tests.integration.test_api_interactions import patient, text_of
from tests.store_record import Client, access, client, open_site, postgres, site  # noqa: F401  # fixtures


def _pages(client: Client, path: str) -> list[dict[str, Any]]:
    pages = []
    while path:
        page = client.send("GET", path)
        assert page.status_code == 200, page.text
        pages.append(page.json())
        following = [one["url"] for one in pages[-1]["link"] if one["relation"] == "next"]
        path = following[0].split("/fhir/")[1] if following else ""
    return pages


def _told(pages: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [
        (one["request"]["url"], one["response"]["etag"], one["response"]["status"])
        for page in pages
        for one in page.get("entry", [])
    ]


def test_every_version_comes_once_newest_first_while_others_write(client: Client) -> None:
    for number in range(3):
        client.put(patient("h-a", f"Eins{number}"))
    client.send("DELETE", "Patient/h-a")
    client.put(patient("h-a", "Wieder"))
    first = client.send("GET", "Patient/_history?_count=2").json()
    assert [one["response"]["status"] for one in first["entry"]] == ["201", "204"]
    client.put(patient("h-b"))
    following = next(one["url"] for one in first["link"] if one["relation"] == "next").split("/fhir/")[1]
    rest = _pages(client, following)
    assert _told([first, *rest])[:5] == [
        ("Patient/h-a", f'W/"{number}"', status)
        for number, status in [(5, "201"), (4, "204"), (3, "200"), (2, "200"), (1, "201")]
    ]
    assert "resource" not in first["entry"][1]
    instance = _pages(client, "Patient/h-a/_history?_count=2")
    assert [len(page["entry"]) for page in instance] == [2, 2, 1]
    assert {page["total"] for page in instance} == {5}
    whole = _pages(client, "_history?_count=3")
    assert _told(whole)[0] == ("Patient/h-b", 'W/"1"', "201")
    assert {page["type"] for page in whole} == {"history"}


def test_since_and_at_cut_the_time(client: Client) -> None:
    client.put(patient("h-c", "Alt"))
    time.sleep(0.01)
    second = client.put(patient("h-c", "Neu")).json()["meta"]["lastUpdated"]
    time.sleep(0.01)
    client.put(patient("h-c", "Neuer"))
    # A client that does not encode the plus of a zone sends a space.
    since = second.replace("Z", "+00:00")
    assert len(_told(_pages(client, f"Patient/h-c/_history?_since={since}"))) == 2
    at = _told(_pages(client, f"Patient/h-c/_history?_at={second}"))
    assert [tag for _, tag, _ in at] == ['W/"2"']
    assert _told(_pages(client, "Patient/h-c/_history?_since=2999")) == []
    assert _told(_pages(client, "_history?_since=2999")) == []
    none = client.send("GET", "Patient/_history?_count=0").json()
    assert none["total"] >= 3
    assert "entry" not in none


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("Patient/_history?_sort=_id", 400, "newest first"),
        ("Patient/_history?_since=gestern", 400, "date"),
        ("_history?_count=-1", 400, "whole number"),
        ("_history?_page=AAAA", 400, "link"),
        ("Patient/nobody/_history", 404, "no such Patient"),
        ("Nonsense/_history", 404, "resource type"),
        ("AuditEvent/_history", 400, "one version"),
    ],
)
def test_what_is_refused_says_why(client: Client, path: str, status: int, says: str) -> None:
    answer = client.send("GET", path)
    assert (answer.status_code, says in text_of(answer)) == (status, True), answer.text


def test_a_patient_sees_the_history_of_their_own_record_alone(client: Client) -> None:
    client.put(patient("h-mine"))
    client.put(patient("h-other"))
    mine = client.as_(
        access(Role.PATIENT, Purpose.PATIENT_REQUEST, organization="netzwerk", patient="h-mine")
    )
    for path in ("_history", "Patient/_history"):
        pages = _pages(mine, path)
        assert {url for url, _, _ in _told(pages) if url.startswith("Patient/")} == {"Patient/h-mine"}
        assert "h-other" not in str(pages)
    assert mine.send("GET", "Patient/h-other/_history").status_code == 404
    audit = client.send("GET", "AuditEvent?patient=h-mine&_count=5").json()
    assert "history-type" in [one["resource"]["subtype"][0]["code"] for one in audit["entry"]]


def test_a_role_without_the_type_is_refused(client: Client) -> None:
    answer = client.as_(access(Role.RESEARCHER, Purpose.RESEARCH)).send("GET", "_history")
    assert answer.status_code == 403
    assert "history of this record" in text_of(answer)


def test_a_bundle_asks_for_histories(client: Client) -> None:
    client.put(patient("h-e"))
    urls = ["Patient/h-e/_history", "Patient/_history?_count=1", "_history?_count=1"]
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in urls],
    }
    answer = client.send("POST", "", json=bundle).json()
    assert [one["resource"]["type"] for one in answer["entry"]] == ["history"] * 3


def test_what_is_told_is_registered(client: Client, site: Site) -> None:
    rest = client.bare("GET", "metadata").json()["rest"][0]
    assert {"code": "history-system"} in rest["interaction"]
    assert all(
        {"code": "history-type"} in one["interaction"]
        for one in rest["resource"]
        if one["type"] != "AuditEvent"
    )
