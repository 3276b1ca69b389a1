"""`$graphql` over HTTP: parts, references, searches; what may not be seen is not there."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

from typing import Any

import pytest

from mihub.core.policy.actor import Purpose, Role
from tests.integration.test_api_interactions import observation, patient, text_of
from tests.store_record import Client, access, client, postgres, site  # noqa: F401  # fixtures


@pytest.fixture
def filled(client: Client) -> Client:
    client.put(patient("gq"))
    client.put(patient("gq-other", "Anders"))
    client.put(observation("gq-1", "gq"))
    client.put(observation("gq-2", "gq", status="amended"))
    client.put(observation("gq-3", "gq-other"))
    return client


def data(answer: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_parts_references_and_searches_in_one_question(filled: Client) -> None:
    query = """{ id name { family }
      ObservationList(_reference: patient, status: amended) { id subject { resource { birthDate } } } }"""
    found = data(filled.send("POST", "Patient/gq/$graphql", json={"query": query}))
    assert found == {
        "id": "gq",
        "name": [{"family": "Muster"}],
        "ObservationList": [{"id": "gq-2", "subject": {"resource": {"birthDate": "1958-03-04"}}}],
    }


def test_the_whole_record_is_asked_in_pages(filled: Client) -> None:
    asked = "{ ObservationConnection(%s) { next edges { resource { id } } } }"
    first = data(filled.send("POST", "$graphql", json={"query": asked % 'patient: "Patient/gq", _count: 1'}))
    query = "query q($at: String) " + asked % "_cursor: $at"
    variables = {"at": first["ObservationConnection"]["next"]}
    second = data(filled.send("POST", "$graphql", json={"query": query, "variables": variables}))
    edges = [one["ObservationConnection"]["edges"][0] for one in (first, second)]
    ids = [one["resource"]["id"] for one in edges]
    assert sorted(ids) == ["gq-1", "gq-2"]


def test_a_patient_sees_nothing_of_another(filled: Client) -> None:
    own = filled.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, organization="netzwerk", patient="gq"))
    query = '{ ObservationList { id } Patient(id: "gq-other") { id } }'
    found = data(own.send("GET", "$graphql", params={"query": query}))
    assert "Patient" not in found
    assert sorted(one["id"] for one in found.get("ObservationList", [])) == ["gq-1", "gq-2"]
    assert own.send("GET", "Patient/gq-other/$graphql", params={"query": "{ id }"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("{ nothing }", "Patient has no such field. nothing"),
        ("{ name { nothing } }", "HumanName has no such field. nothing"),
        ("{ name }", "name those that are wanted"),
        ("{ name {", "The query is not GraphQL"),
        ("mutation { create }", "GraphQL reads here only"),
        ("{ ...lost }", "does not define"),
        ("fragment a on Patient { ...a } { ...a }", "nested too deeply"),
        ("query a { id } query b { id }", "not clear which operation"),
    ],
)
def test_a_query_that_can_not_run_is_one_sentence(filled: Client, query: str, says: str) -> None:
    answer = filled.send("GET", "Patient/gq/$graphql", params={"query": query})
    assert answer.status_code in (400, 413)
    assert says in text_of(answer)
