"""$meta, $meta-add and $meta-delete over HTTP."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from typing import Any

import pytest

from mihub.core.policy.actor import Purpose, Role
from tests.integration.test_api_interactions import patient, text_of
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures

TAG = {"system": "https://t", "code": "a"}


def _meta(client: Client, path: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    answer = client.send(method, path, **more)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["resourceType"], found["parameter"][0]["name"]) == ("Parameters", "return")
    value: dict[str, Any] = found["parameter"][0]["valueMeta"]
    return value


def _parameters(**meta: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def test_labels_are_added_once_and_deleted(client: Client) -> None:
    client.put(patient("m-a") | {"meta": {"tag": [TAG], "profile": ["https://p/one"]}})
    body = _parameters(tag=[TAG | {"display": "again"}, {"code": "b"}], profile=["https://p/two"])
    after = _meta(client, "Patient/m-a/$meta-add", "POST", json=body)
    assert (after["tag"], after["profile"]) == ([TAG, {"code": "b"}], ["https://p/one", "https://p/two"])
    assert after["versionId"] == "2"
    again = _meta(client, "Patient/m-a/$meta-add", "POST", json=body)
    assert again["versionId"] == "2", "nothing new makes no new version"
    after = _meta(
        client, "Patient/m-a/$meta-delete", "POST", json=_parameters(tag=[TAG], profile=["https://p/one"])
    )
    assert (after["tag"], after["profile"]) == ([{"code": "b"}], ["https://p/two"])
    assert _meta(client, "Patient/m-a/$meta") == after
    assert _meta(client, "Patient/m-a/_history/1/$meta")["tag"] == [TAG]
    assert client.ids("Patient?_tag=b&_id=m-a") == ["m-a"]
    assert client.ids("Patient?_tag=https://t|a&_id=m-a") == []


def test_the_labels_of_a_type_and_of_the_record(client: Client) -> None:
    client.put(
        patient("m-b")
        | {"meta": {"tag": [{"system": "https://t", "code": "of-type"}], "security": [{"code": "R"}]}}
    )
    practitioner = {"resourceType": "Practitioner", "id": "m-d", "meta": {"profile": ["https://p/doctor"]}}
    client.put(practitioner)
    of_type, whole = _meta(client, "Patient/$meta"), _meta(client, "$meta")
    assert {"system": "https://t", "code": "of-type"} in of_type["tag"]
    assert {"code": "R"} in of_type["security"]
    assert "https://p/doctor" not in of_type.get("profile", [])
    assert "https://p/doctor" in whole["profile"]
    client.send("DELETE", "Practitioner/m-d")
    assert "https://p/doctor" not in _meta(client, "$meta").get("profile", [])
    mine = client.as_(
        access(Role.PATIENT, Purpose.PATIENT_REQUEST, organization="netzwerk", patient="nobody")
    )
    assert "tag" not in _meta(mine, "Patient/$meta"), "labels of other people's resources"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "Patient/m-a/$meta-add", {"resourceType": "Parameters"}, 400, "no labels"),
        ("POST", "Patient/nobody/$meta-add", _parameters(tag=[TAG]), 404, "no such Patient"),
        ("GET", "Patient/nobody/$meta", None, 404, "no such Patient"),
        ("GET", "Nonsense/$meta", None, 404, "resource type"),
    ],
)
def test_what_is_refused_says_why(
    client: Client, method: str, path: str, body: Any, status: int, says: str
) -> None:
    answer = client.send(method, path, **({"json": body} if body else {}))
    assert (answer.status_code, says in text_of(answer)) == (status, True), answer.text


def test_a_patient_takes_no_withholding_label_away(client: Client) -> None:
    client.put(patient("m-c") | {"meta": {"security": [{"code": "NOPAT"}]}})
    mine = client.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, organization="netzwerk", patient="m-c"))
    body = _parameters(security=[{"code": "NOPAT"}])
    assert mine.send("POST", "Patient/m-c/$meta-delete", json=body).status_code in (403, 404)
    assert _meta(client, "Patient/m-c/$meta")["security"] == [{"code": "NOPAT"}]


@pytest.mark.parametrize("write", ["put", "patch", "meta-add", "create"])
def test_an_outcome_instead_of_the_resource_whoever_writes(client: Client, write: str) -> None:
    client.put(patient("m-o"))
    prefer = {"headers": {"Prefer": "return=OperationOutcome"}}
    sent = {
        "put": lambda: client.put(patient("m-o", "Anders"), **prefer),
        "patch": lambda: client.send(
            "PATCH", "Patient/m-o", json=[{"op": "add", "path": "/active", "value": True}],
            headers=prefer["headers"] | {"Content-Type": "application/json-patch+json"},
        ),
        "meta-add": lambda: client.send("POST", "Patient/m-o/$meta-add", json=_parameters(tag=[TAG]), **prefer),
        "create": lambda: client.send("POST", "Patient", json={"resourceType": "Patient"}, **prefer),
    }[write]()  # fmt: skip
    assert sent.status_code in (200, 201), sent.text
    assert sent.json()["resourceType"] == "OperationOutcome"
