"""PATCH over HTTP: both formats, conditional, inside bundles, refused where it must be."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from tests.integration.test_api_interactions import observation, patient, text_of
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures

JSON_PATCH = {"Content-Type": "application/json-patch+json"}


def operation(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    listed = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    return {
        "name": "operation",
        "part": [*listed, *({"name": name, **value} for name, value in parts.items())],
    }


def by_path(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(operations)}


def test_a_json_patch_changes_one_place_and_makes_a_version(client: Client) -> None:
    client.put(patient("patch-a"))
    changed = client.send(
        "PATCH",
        "Patient/patch-a",
        content=orjson.dumps([{"op": "replace", "path": "/name/0/family", "value": "Neu"}]),
        headers=JSON_PATCH,
    )
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert changed.json()["name"] == [{"family": "Neu", "given": ["Kerstin"]}]
    assert changed.json()["birthDate"] == "1958-03-04"


def test_a_fhirpath_patch_adds_and_deletes(client: Client) -> None:
    client.put(patient("patch-b"))
    patch = by_path(
        operation("add", "Patient", name={"valueString": "gender"}, value={"valueCode": "female"}),
        operation("delete", "Patient.name[0].given.where($this = 'Kerstin')"),
    )
    changed = client.send("PATCH", "Patient/patch-b", json=patch, headers={"If-Match": 'W/"1"'})
    assert changed.status_code == 200, changed.text
    assert changed.json()["gender"] == "female"
    assert changed.json()["name"] == [{"family": "Muster"}]


@pytest.mark.parametrize(
    ("path", "content", "status", "says"),
    [
        (
            "Patient/patch-c",
            [{"op": "test", "path": "/birthDate", "value": "1900-01-01"}],
            422,
            "expects is not there",
        ),
        (
            "Patient/patch-c",
            [{"op": "replace", "path": "/id", "value": "other"}],
            422,
            "can not change what the resource is",
        ),
        ("Patient/patch-c", [{"op": "leap", "path": "/id"}], 400, "no instruction of a JSON Patch"),
        ("Patient/nobody", [{"op": "remove", "path": "/name"}], 404, "There is no such Patient"),
    ],
)
def test_a_patch_that_does_not_fit_changes_nothing(
    client: Client, path: str, content: Any, status: int, says: str
) -> None:
    client.put(patient("patch-c"))
    before = client.send("GET", "Patient/patch-c").headers["etag"]
    answer = client.send("PATCH", path, content=orjson.dumps(content), headers=JSON_PATCH)
    assert answer.status_code == status
    assert says in text_of(answer)
    assert client.send("GET", "Patient/patch-c").headers["etag"] == before


def test_a_conditional_patch_needs_exactly_one_match(client: Client) -> None:
    client.put(patient("patch-d"))
    patch = orjson.dumps([{"op": "add", "path": "/active", "value": True}])
    one = client.send("PATCH", "Patient?identifier=https://x/p|MR-patch-d", content=patch, headers=JSON_PATCH)
    assert (one.status_code, one.json()["active"]) == (200, True)
    none = client.send("PATCH", "Patient?identifier=https://x/p|MR-nobody", content=patch, headers=JSON_PATCH)
    assert none.status_code == 404


def test_a_stale_patch_is_refused(client: Client) -> None:
    client.put(patient("patch-e"))
    client.put(patient("patch-e", "Neu"))
    patch = by_path(operation("delete", "Patient.birthDate"))
    answer = client.send("PATCH", "Patient/patch-e", json=patch, headers={"If-Match": 'W/"1"'})
    assert answer.status_code == 412


@pytest.mark.parametrize("kind", ["batch", "transaction"])
def test_a_bundle_carries_patches_in_both_formats(client: Client, kind: str) -> None:
    client.put(patient(f"patch-{kind}"))
    client.put(observation(f"obs-{kind}", f"patch-{kind}"))
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(b'[{"op": "replace", "path": "/status", "value": "amended"}]').decode(),
    }
    bundle = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"resource": binary, "request": {"method": "PATCH", "url": f"Observation/obs-{kind}"}},
            {
                "resource": by_path(operation("delete", "Patient.birthDate")),
                "request": {"method": "PATCH", "url": f"Patient/patch-{kind}"},
            },
        ],
    }
    answer = client.send("POST", "", json=bundle).json()
    assert [one["response"]["status"] for one in answer["entry"]] == ["200", "200"]
    assert client.send("GET", f"Observation/obs-{kind}").json()["status"] == "amended"
    assert "birthDate" not in client.send("GET", f"Patient/patch-{kind}").json()
