"""Conditional delete and conditional read over HTTP."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import pytest

from tests.integration.test_api_interactions import patient, text_of
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures


def test_a_delete_by_condition_takes_the_only_match(client: Client) -> None:
    client.put(patient("cd-a"))
    client.put(patient("cd-b"))
    assert client.send("DELETE", "Patient?identifier=https://x/p|MR-cd-a").status_code == 204
    assert client.send("GET", "Patient/cd-a").status_code == 410
    assert client.send("GET", "Patient/cd-b").status_code == 200
    assert client.send("DELETE", "Patient?identifier=https://x/p|MR-nobody").status_code == 204


def test_a_delete_that_fits_several_deletes_none(client: Client) -> None:
    client.put(patient("cd-c"))
    client.put(patient("cd-d"))
    answer = client.send("DELETE", "Patient?family=Muster")
    assert answer.status_code == 412
    assert "fits" in text_of(answer)
    assert client.send("GET", "Patient/cd-c").status_code == 200
    assert client.send("DELETE", "Patient").status_code == 400, "no condition would mean everything"


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_bundle_deletes_by_condition(client: Client, kind: str) -> None:
    client.put(patient(f"cd-{kind}"))
    urls = [f"Patient?identifier=https://x/p|MR-cd-{kind}", "Patient?identifier=https://x/p|MR-nobody"]
    bundle = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [{"request": {"method": "DELETE", "url": url}} for url in urls],
    }
    answer = client.send("POST", "", json=bundle).json()
    assert [one["response"]["status"] for one in answer["entry"]] == ["204", "204"]
    assert client.send("GET", f"Patient/cd-{kind}").status_code == 410


def test_a_version_that_the_client_has_is_not_sent_again(client: Client) -> None:
    client.put(patient("cr-a"))
    first = client.send("GET", "Patient/cr-a")
    same = client.send("GET", "Patient/cr-a", headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", 'W/"1"')
    since = {"If-Modified-Since": first.headers["last-modified"]}
    assert client.send("GET", "Patient/cr-a", headers=since).status_code == 304
    client.put(patient("cr-a", "Neu"))
    changed = client.send("GET", "Patient/cr-a", headers={"If-None-Match": 'W/"1"', **since})
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert client.send("GET", "Patient/cr-a", headers={"If-Modified-Since": "yesterday"}).status_code == 200
