"""Views over HTTP: $viewdefinition-run and $viewdefinition-export of a site, in process, on a PostgreSQL."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import base64
import io
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import pyarrow.parquet as pq
import pytest

from mihub.core.policy.actor import Purpose, Role
from mihub.site.api.app import create_app
from mihub.site.jobs.jobs import Jobs
from mihub.site.site import Site
from mihub.site.store.protocol import AuditQuery
from tests.store_record import Client, access, client, open_site, postgres, site  # noqa: F401  # fixtures

Json = dict[str, Any]
RUN = "$viewdefinition-run"
EXPORT = "$viewdefinition-export"
PEOPLE = 7


def view(**more: Any) -> Json:
    columns = [
        {"name": "id", "path": "getResourceKey()", "type": "id"},
        {"name": "patient", "path": "subject.getReferenceKey(Patient)", "type": "id"},
        {"name": "value", "path": "value.ofType(Quantity).value", "type": "decimal"},
        {"name": "issued", "path": "issued", "type": "instant"},
    ]
    return {
        "resourceType": "ViewDefinition",
        "name": "values",
        "status": "active",
        "resource": "Observation",
        "select": [{"column": columns}],
        **more,
    }


def parameters(*given: tuple[str, Any]) -> Json:
    listed = []
    for name, value in given:
        if isinstance(value, list):
            listed.append({"name": name, "part": parameters(*value)["parameter"]})
        elif isinstance(value, dict):
            listed.append({"name": name, "resource" if "resourceType" in value else "valueReference": value})
        elif isinstance(value, bool):
            listed.append({"name": name, "valueBoolean": value})
        else:
            listed.append({"name": name, "valueInteger" if isinstance(value, int) else "valueCode": value})
    return {"resourceType": "Parameters", "parameter": listed}


def text_of(answer: httpx.Response) -> str:
    issue = answer.json()["issue"][0]
    return f"{issue['details']['text']} {issue.get('expression', [''])[0]}"


@pytest.fixture(scope="module")
def filled(client: Client) -> Client:
    for number in range(PEOPLE):
        client.put({"resourceType": "Patient", "id": f"p{number}"})
    for number in range(3 * PEOPLE):
        client.put(
            {
                "resourceType": "Observation",
                "id": f"o{number}",
                "status": "final",
                "code": {"text": "x"},
                "subject": {"reference": f"Patient/p{number % PEOPLE}"},
                "valueQuantity": {"value": number + 0.5},
                "issued": "2026-11-20T10:00:00.000+01:00",
            }
        )
    client.put(
        {
            "resourceType": "Group",
            "id": "g",
            "type": "person",
            "actual": True,
            "member": [
                {"entity": {"reference": "Patient/p1"}},
                {"entity": {"reference": "Patient/p2"}},
                {"entity": {"reference": "Patient/p3"}, "inactive": True},
            ],
        }
    )
    return client


def run(client: Client, *given: tuple[str, Any], to: str = RUN, **headers: str) -> httpx.Response:
    return client.send("POST", to, json=parameters(*given), headers=headers)


@pytest.mark.parametrize("address", [RUN, f"ViewDefinition/{RUN}", "ViewDefinition/$run", "$sql-run"])
def test_a_view_runs_over_the_record_under_every_name(filled: Client, address: str) -> None:
    name = "subjectResource" if address == "$sql-run" else "viewResource"
    answer = run(filled, (name, view()), to=address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    rows = [orjson.loads(line) for line in answer.text.splitlines()]
    assert len(rows) == 3 * PEOPLE
    assert rows[4] == {"id": "o4", "patient": "p4", "value": 4.5, "issued": "2026-11-20T10:00:00.000+01:00"}


def test_formats(filled: Client) -> None:
    given = [("viewResource", view()), ("_limit", 2)]
    csv = run(filled, *given, ("_format", "csv"))
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.text.splitlines()[:2] == ["id,patient,value,issued", "o0,p0,0.5,2026-11-20T10:00:00.000+01:00"]
    assert len(csv.text.splitlines()) == 3
    assert "id,patient" not in run(filled, *given, ("_format", "csv"), ("header", False)).text
    assert [row["id"] for row in run(filled, *given, Accept="application/json").json()] == ["o0", "o1"]
    table = pq.read_table(io.BytesIO(run(filled, *given, ("_format", "parquet")).content))
    assert [str(field.type) for field in table.schema] == [
        "string",
        "string",
        "double",
        "timestamp[us, tz=UTC]",
    ]
    assert table.column("id").to_pylist() == ["o0", "o1"]
    fhir = run(filled, *given, ("_format", "fhir")).json()
    assert fhir["parameter"][0]["part"][2] == {"name": "value", "valueDecimal": 0.5}
    binary = run(filled, *given, ("_format", "csv"), Accept="application/fhir+json").json()
    assert base64.b64decode(binary["data"]).decode() == csv.text
    assert run(filled, ("viewResource", view()), ("_limit", 0), ("_format", "json")).json() == []
    wrong = run(filled, *given, ("_format", "xlsx"))
    assert (wrong.status_code, text_of(wrong)) == (400, "There is no such output format. _format")


def test_filters(filled: Client) -> None:
    def ids(*given: tuple[str, Any]) -> list[str]:
        answer = run(filled, ("viewResource", view()), ("_format", "json"), *given)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()]

    assert ids(("patient", {"reference": "Patient/p1"})) == ["o1", "o8", "o15"]
    assert ids(("group", {"reference": "Group/g"})) == ["o1", "o2", "o8", "o9", "o15", "o16"]
    assert ids(("group", {"reference": "Group/g"}), ("patient", {"reference": "Patient/p5"})) == []
    assert ids(("_since", "2999-01-01T00:00:00Z")) == []
    assert len(ids(("_since", "2020-01-01T00:00:00Z"))) == 3 * PEOPLE
    for name, kind in (("patient", "Patient"), ("group", "Group")):
        missing = run(filled, ("viewResource", view()), (name, {"reference": f"{kind}/nobody"}))
        assert (missing.status_code, text_of(missing)) == (400, f"There is no such {kind}. {name}")


def test_resources_of_the_request_come_instead_of_the_record(filled: Client) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {"resourceType": "Patient", "id": "b"}}],
    }
    alone = {"resourceType": "Patient", "id": "a"}
    patients = view(resource="Patient", select=[{"column": [{"name": "id", "path": "id"}]}])
    answer = run(
        filled, ("viewResource", patients), ("resource", alone), ("resource", bundle), ("_format", "json")
    )
    assert answer.json() == [{"id": "a"}, {"id": "b"}]


def test_a_shipped_view_is_known_by_name_also_to_get(filled: Client) -> None:
    for path in (f"ViewDefinition/lung-cancer-diagnoses/{RUN}", f"{RUN}?viewReference=lung-cancer-diagnoses"):
        answer = filled.send("GET", f"{path}{'&' if '?' in path else '?'}_format=csv")
        assert answer.text.startswith("condition_id,patient_id,"), answer.text
    missing = filled.send("GET", f"{RUN}?viewReference=ViewDefinition/none")
    assert (missing.status_code, text_of(missing).strip()) == (404, "There is no such ViewDefinition.")


def test_what_is_wrong_is_said_with_its_place(filled: Client) -> None:
    broken = view(select=[{"column": [{"name": "id", "path": "id.where("}]}])
    answer = run(filled, ("viewResource", broken))
    assert answer.status_code == 422
    assert "viewResource.select[0].column[0].path, character 10" in text_of(answer)
    none = run(filled)
    assert (none.status_code, text_of(none).split(".")[0]) == (400, "One view is needed; there are 0")
    unknown = run(filled, ("viewResource", view()), ("source", "s3"))
    assert (unknown.status_code, text_of(unknown)) == (400, "A parameter is not supported here. source")
    several = view(select=[{"column": [{"name": "x", "path": "category.coding.code | status | id"}]}])
    answer = run(filled, ("viewResource", several))
    assert answer.status_code == 422
    assert "The column x has several values in one resource." in text_of(answer)


def test_a_role_sees_what_a_search_shows_it(filled: Client) -> None:
    patient = filled.as_(access(Role.PATIENT, Purpose.PATIENT_REQUEST, organization="netzwerk", patient="p1"))
    answer = run(patient, ("viewResource", view()), ("_format", "json"))
    assert [row["id"] for row in answer.json()] == ["o1", "o8", "o15"]
    other = run(patient, ("viewResource", view()), ("patient", {"reference": "Patient/p2"}))
    assert other.status_code == 400
    engineer = filled.as_(access(Role.SITE_ENGINEER, Purpose.OPERATIONS))
    refused = run(engineer, ("viewResource", view()))
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (403, "forbidden")
    assert filled.bare("POST", RUN, json=parameters()).status_code == 401


def test_every_patient_concerned_is_noted(filled: Client, site: Site) -> None:
    run(filled, ("viewResource", view()), ("patient", {"reference": "Patient/p6"}))
    lines = site.store.audit(AuditQuery(patient="p6", limit=1), access())
    assert [(one.interaction, one.resource_type, one.count, one.parameters) for one in lines] == [
        ("viewdefinition-run", "Observation", 3, "view:values,patient")
    ]


def poll(client: Client, address: str) -> httpx.Response:
    for _ in range(400):
        answer = client.send("GET", address)
        if answer.status_code != 202:
            return answer
        time.sleep(0.05)
    raise AssertionError("the export does not end")


def kick_off(client: Client, *given: tuple[str, Any]) -> httpx.Response:
    return run(client, *given, to=f"ViewDefinition/{EXPORT}", Prefer="respond-async")


def test_an_export_is_made_in_the_background_and_fetched(filled: Client, site: Site) -> None:
    patients = view(name="people", resource="Patient", select=[{"column": [{"name": "id", "path": "id"}]}])
    started = kick_off(
        filled, ("view", [("viewResource", view())]), ("view", [("viewResource", patients)]),
        ("_format", "parquet"), ("clientTrackingId", "monthly"),
    )  # fmt: skip
    assert started.status_code == 202, started.text
    address = started.headers["content-location"]
    done = poll(filled, address)
    assert (done.status_code, done.content) == (303, b"")
    result = filled.send("GET", done.headers["location"])
    assert result.status_code == 200, result.text
    found = {one["name"]: one for one in result.json()["parameter"]}
    assert found["status"]["valueCode"] == "completed"
    assert found["clientTrackingId"]["valueString"] == "monthly"
    outputs = [one["part"] for one in result.json()["parameter"] if one["name"] == "output"]
    assert [(part[0]["valueString"], part[2]["valueInteger"]) for part in outputs] == [
        ("values", 3 * PEOPLE), ("people", PEOPLE),
    ]  # fmt: skip
    file = filled.send("GET", outputs[0][1]["valueUri"])
    assert file.headers["content-type"] == "application/vnd.apache.parquet"
    assert pq.read_table(io.BytesIO(file.content)).num_rows == 3 * PEOPLE
    kept = list((site.settings.data_dir / "exports").rglob("*.parquet"))
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    stranger = filled.as_(access(Role.SYSTEM, Purpose.RECORD_MANAGEMENT, organization="leipzig"))
    assert stranger.send("GET", address).status_code == 404
    assert filled.send("GET", f"{outputs[0][1]['valueUri']}x").status_code == 404
    assert filled.send("DELETE", address).status_code == 202
    assert filled.send("GET", address).status_code == 404
    assert [path for path in kept if path.exists()] == []


def test_an_export_that_fails_says_why(filled: Client) -> None:
    several = view(select=[{"column": [{"name": "x", "path": "status | id"}]}])
    done = poll(filled, kick_off(filled, ("view", [("viewResource", several)])).headers["content-location"])
    assert done.status_code == 303
    result = filled.send("GET", done.headers["location"])
    assert result.status_code == 422
    assert "The column x has several values in one resource." in text_of(result)


def test_only_who_may_export_may(filled: Client, site: Site) -> None:
    for role, purpose in ((Role.ONCOLOGIST, Purpose.TREATMENT), (Role.SYSTEM, Purpose.RESEARCH)):
        refused = kick_off(filled.as_(access(role, purpose)), ("view", [("viewResource", view())]))
        assert refused.status_code == 403, role
        assert "may not export tables of Observation" in text_of(refused)
    line = site.store.audit(AuditQuery(limit=1), access())[0]
    assert (line.interaction, line.outcome) == ("viewdefinition-export", "4")


def test_an_export_goes_on_after_a_restart_and_fails_when_interrupted_again_and_again(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # The process ends before it has begun to work.
        patch.setattr(Jobs, "work", lambda self: None)
        first = open_site(postgres, tmp_path)
        try:
            who = Client(create_app(first), access())
            address = kick_off(who, ("view", [("viewResource", view())])).headers["content-location"]
            assert who.send("GET", address).status_code == 202
        finally:
            first.close()
    second = open_site(postgres, tmp_path)
    try:
        again = Client(create_app(second), access())
        assert again.send("GET", poll(again, address).headers["location"]).status_code == 200
        job = next((tmp_path / "exports").glob("*/job.json"))
        job.write_bytes(
            orjson.dumps({**orjson.loads(job.read_bytes()), "state": "in-progress", "attempts": 3})
        )
        failed = again.send("GET", poll(again, address).headers["location"])
        assert failed.status_code == 500
        assert "The export was interrupted several times." in text_of(failed)
        expired = {**orjson.loads(job.read_bytes()), "expires": 1.0}
        job.write_bytes(orjson.dumps(expired))
        kick_off(again, ("view", [("viewResource", view())]))
        assert not job.exists(), "what has expired is deleted"
    finally:
        second.close()
