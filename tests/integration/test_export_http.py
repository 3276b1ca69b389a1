"""Bulk export over HTTP as a bulk client does it: kick off, poll, read the manifest, fetch the files. On a PostgreSQL."""

# ruff: noqa: F811  # fixtures are imported by name
from __future__ import annotations

import gzip
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from mihub.core.policy.actor import Purpose, Role
from mihub.site.api.app import create_app
from mihub.site.export import writing
from mihub.site.export.postgres import PostgresRecord
from mihub.site.jobs.jobs import Jobs
from mihub.site.site import Site
from mihub.site.store.protocol import AuditQuery
from tests.store_record import Client, access, open_site, postgres  # noqa: F401  # fixtures

Json = dict[str, Any]
ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
PEOPLE = 5


@pytest.fixture(scope="module")
def site(postgres: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    opened = open_site(postgres, tmp_path_factory.mktemp("site"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    who = Client(create_app(site), access())
    for number in range(PEOPLE):
        who.put(
            {"resourceType": "Patient", "id": f"p{number}", "gender": "female", "birthDate": "1960-01-02"}
        )
        who.put(observation(f"o{number}", f"p{number}", "final" if number % 2 else "amended"))
        who.put(
            {
                "resourceType": "MedicationRequest", "id": f"m{number}", "status": "active", "intent": "order",
                "subject": {"reference": f"Patient/p{number}"},
                "medicationReference": {"reference": f"Medication/d{number}"},
            }
        )  # fmt: skip
        who.put({"resourceType": "Medication", "id": f"d{number}"})
    who.put({"resourceType": "Organization", "id": "nobodys", "name": "Klinik"})
    members = [{"entity": {"reference": f"Patient/p{n}"}, "inactive": n == 3} for n in (1, 2, 3)]
    who.put({"resourceType": "Group", "id": "g", "type": "person", "actual": True, "member": members})
    return who


def observation(name: str, patient: str, status: str = "final") -> Json:
    return {
        "resourceType": "Observation", "id": name, "status": status, "code": {"text": "x"},
        "subject": {"reference": f"Patient/{patient}"}, "valueQuantity": {"value": 1.5},
    }  # fmt: skip


def poll(client: Client, address: str) -> httpx.Response:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = client.send("GET", address)
        if answer.status_code != 202:
            return answer
        assert answer.headers["retry-after"].isdecimal()
        assert answer.headers["x-progress"]
        time.sleep(0.02)
    pytest.fail("The export did not end.")


def kick_off(client: Client, path: str = "$export", **more: Any) -> httpx.Response:
    return client.send(more.pop("method", "GET"), path, headers={**ASYNC, **more.pop("headers", {})}, **more)


def exported(client: Client, path: str = "$export", **more: Any) -> tuple[Json, list[Json]]:
    """The manifest and all resources."""
    started = kick_off(client, path, **more)
    assert started.status_code == 202, started.text
    assert started.content == b""
    done = poll(client, started.headers["content-location"])
    assert done.status_code == 200, done.text
    assert "expires" in done.headers
    manifest = done.json()
    assert manifest["requiresAccessToken"] is True
    return manifest, [line for file in manifest["output"] for line in fetched(client, file)]


def fetched(client: Client, file: Json) -> list[Json]:
    answer = client.send("GET", file["url"], headers={"Accept": "application/fhir+ndjson"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+ndjson"), (
        answer.text
    )
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    assert {line["resourceType"] for line in lines} <= {file["type"]}
    assert len(lines) == file["count"]
    return lines


def keys(resources: list[Json]) -> list[str]:
    return sorted(f"{one['resourceType']}/{one['id']}" for one in resources)


def text_of(answer: httpx.Response) -> str:
    issue = answer.json()["issue"][0]
    return f"{issue['details']['text']} {issue.get('expression', [''])[0]}"


def of_everybody(*kinds: str) -> list[str]:
    return sorted(
        f"{kind}/{letter}{n}" for kind, letter in (one.split(":") for one in kinds) for n in range(PEOPLE)
    )


def test_the_whole_record_is_exported_as_it_is_stored(client: Client) -> None:
    manifest, resources = exported(client)
    assert keys(resources) == sorted(
        [*of_everybody("Patient:p", "Observation:o", "MedicationRequest:m", "Medication:d"),
         "Group/g", "Organization/nobodys"]
    )  # fmt: skip
    read = client.send("GET", "Observation/o1").content
    assert orjson.dumps(next(one for one in resources if one["id"] == "o1")) == read
    assert manifest["request"] == "http://site.test/fhir/$export"
    assert (manifest["error"], manifest["deleted"]) == ([], [])


def test_patients_and_groups_bring_what_is_theirs(client: Client) -> None:
    assert keys(exported(client, "Patient/$export")[1]) == of_everybody(
        "Patient:p", "Observation:o", "MedicationRequest:m"
    )
    _, group = exported(client, "Group/g/$export")
    assert keys(group) == sorted(
        f"{kind}{n}" for kind in ("Patient/p", "Observation/o", "MedicationRequest/m") for n in (1, 2)
    )
    # What is nobody's comes along when it is named, as far as the patients' resources refer to it.
    _, named = exported(client, "Group/g/$export?_type=Medication,Organization")
    assert keys(named) == ["Medication/d1", "Medication/d2"]
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "patient", "valueReference": {"reference": "Patient/p2"}},
        {"name": "patient", "valueReference": {"reference": "Patient/p4"}},
        {"name": "_type", "valueString": "Patient,Observation"},
    ]}  # fmt: skip
    _, some = exported(client, "Patient/$export", method="POST", json=body)
    assert keys(some) == ["Observation/o2", "Observation/o4", "Patient/p2", "Patient/p4"]
    _, both = exported(client, "Group/g/$export", method="POST", json=body)
    assert keys(both) == ["Observation/o2", "Patient/p2"]


def test_filters(client: Client) -> None:
    _, types = exported(client, "$export?_type=Organization&_type=Group")
    assert keys(types) == ["Group/g", "Organization/nobodys"]
    filters = (
        "_type=Patient,Observation&_typeFilter=Observation%3Fstatus%3Damended%26subject%3DPatient%2Fp2,p4"
    )
    _, some = exported(client, f"Patient/$export?{filters}")
    assert keys(some) == sorted(["Observation/o2", "Observation/o4", *of_everybody("Patient:p")])
    two = "_type=Observation&_typeFilter=Observation%3F_id%3Do0%2CObservation%3F_id%3Do3"
    assert keys(exported(client, f"$export?{two}")[1]) == ["Observation/o0", "Observation/o3"]
    _, cut = exported(client, "$export?_type=Patient,Observation&_elements=Patient.gender,id,subject")
    assert {frozenset(one) for one in cut} == {
        frozenset({"resourceType", "id", "meta", "gender", "subject"} - {"subject"}),
        frozenset({"resourceType", "id", "meta", "status", "code", "subject"}),
    }
    assert all(one["meta"]["tag"][-1]["code"] == "SUBSETTED" for one in cut)


def test_what_is_wrong_is_said_before_anything_begins(client: Client) -> None:
    for path, sentence in (
        ("$export?_outputFormat=text/csv", "Only NDJSON is exported. _outputFormat"),
        ("$export?_since=2026", "The parameter is a moment with its zone. _since"),
        ("$export?_type=Patiant", "A type in _type is no resource type that is kept here. _type"),
        ("$export?includeAssociatedData=RelevantProvenanceResources", "Associated data can not be asked for"),
        ("$export?_colour=red", "A parameter is not supported here. _colour"),
        ("$export?_typeFilter=Patient%3F_sort%3Dname", "The parameter _sort selects nothing. _typeFilter"),
        ("$export?_typeFilter=Patient%3Fshoe%3D7", "The search parameter Patient.shoe is not known here."),
        (
            "$export?_type=Patient&_typeFilter=Group%3F_id%3Dg",
            "A filter is for Group, which _type does not name.",
        ),
        ("$export?patient=Patient/p1", "The parameter patient belongs to exports of patients. patient"),
        ("Patient/$export?patient=Patient/unknown", "There is no such Patient. patient"),
    ):
        refused = kick_off(client, path)
        assert refused.status_code == 400, (path, refused.text)
        assert sentence in text_of(refused), path
    assert kick_off(client, "Group/unknown/$export").status_code == 404
    assert kick_off(client, "Observation/$export").status_code == 404
    eager = client.send("GET", "$export")
    assert (eager.status_code, "in the background only" in text_of(eager)) == (400, True)
    _, lenient = exported(
        client, "$export?_colour=red&_type=Group", headers={"Prefer": "respond-async, handling=lenient"}
    )
    assert keys(lenient) == ["Group/g"]


def test_since_brings_what_changed_and_names_what_was_deleted(client: Client) -> None:
    first, _ = exported(client, "Patient/$export")
    client.put(observation("late", "p1"))
    client.put({"resourceType": "Organization", "id": "late"})
    client.put(observation("gone", "p2"))
    client.send("DELETE", "Observation/gone")
    client.send("DELETE", "Organization/late")
    second, resources = exported(client, f"Patient/$export?_since={first['transactionTime']}")
    assert keys(resources) == ["Observation/late"]
    (deleted,) = second["deleted"]
    (bundle,) = fetched(client, deleted)
    assert [one["request"] for one in bundle["entry"]] == [{"method": "DELETE", "url": "Observation/gone"}]
    third, resources = exported(client, f"$export?_since={second['transactionTime']}")
    assert (resources, third["deleted"]) == ([], [])
    _, whole = exported(client, f"$export?_since={first['transactionTime']}&_type=Organization")
    assert whole == []
    client.send("DELETE", "Observation/late")


def test_files_travel_gzipped_and_in_parts_and_not_to_others(client: Client, site: Site) -> None:
    manifest, resources = exported(client, "$export?_type=Observation")
    url = manifest["output"][0]["url"]
    plain = client.send("GET", url, headers={"Accept-Encoding": "identity"})
    zipped = client.send("GET", url, headers={"Accept-Encoding": "gzip"})
    assert (zipped.headers["content-encoding"], zipped.content) == ("gzip", plain.content)
    part = client.send("GET", url, headers={"Accept-Encoding": "gzip", "Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, plain.content[5:10])
    assert gzip.compress(plain.content)  # the client unpacked it by itself
    assert len(resources) == PEOPLE
    assert client.bare("GET", url).status_code == 401
    stranger = client.as_(access(Role.SYSTEM, Purpose.RECORD_MANAGEMENT, organization="leipzig"))
    assert stranger.send("GET", url).status_code == 404
    assert client.send("GET", url.replace("Observation.001", "job")).status_code == 404
    kept = list((site.settings.data_dir / "bulk-exports").rglob("*.ndjson"))
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_cancelled_it_is_gone(client: Client, site: Site) -> None:
    folder = site.settings.data_dir / "bulk-exports"
    before = {path.name for path in folder.iterdir()}
    started = kick_off(client)
    address = started.headers["content-location"]
    assert client.send("DELETE", address).status_code == 202
    assert client.send("GET", address).status_code == 404
    assert client.send("DELETE", address).status_code == 404
    site.background["bulk-exports"].wait(20)
    assert {path.name for path in folder.iterdir()} == before


def test_only_who_may_export_may(client: Client, site: Site) -> None:
    for role, purpose, patient in (
        (Role.ONCOLOGIST, Purpose.TREATMENT, None),
        (Role.SYSTEM, Purpose.RESEARCH, None),
        (Role.SITE_ENGINEER, Purpose.OPERATIONS, None),
        (Role.PATIENT, Purpose.PATIENT_REQUEST, "p1"),
    ):
        for path in ("$export", "Patient/$export", "Group/g/$export", "$export?_type=Patient"):
            refused = kick_off(client.as_(access(role, purpose, patient=patient)), path)
            assert refused.status_code == 403, (role, path)
            assert "may not export" in text_of(refused)
    line = site.store.audit(AuditQuery(limit=1), access())[0]
    assert (line.interaction, line.outcome, line.count) == ("export", "4", 0)


def test_the_run_and_every_patient_concerned_are_noted(client: Client, site: Site) -> None:
    last = site.store.audit(AuditQuery(limit=1), access())[0].id
    manifest, _ = exported(client, "Group/g/$export?_type=Patient,Observation")
    lines = [one for one in site.store.audit(AuditQuery(limit=50), access()) if one.id > last]
    noted = {(one.patient, one.count, one.parameters) for one in lines if one.interaction == "export"}
    assert noted == {("", 4, "group,_type"), ("p1", 2, "group,_type"), ("p2", 2, "group,_type")}
    downloads = [one for one in lines if one.interaction == "export-download"]
    assert sorted((one.resource_type, one.count) for one in downloads) == [("Observation", 2), ("Patient", 2)]
    assert len(manifest["output"]) == 2


def test_a_full_disk_and_a_quota_fail_with_a_sentence_and_leave_no_files(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = open_site(postgres, tmp_path, export_quota_bytes=100)
    try:
        who = Client(create_app(small), access())
        who.put({"resourceType": "Patient", "id": "p", "birthDate": "1960-01-02"})
        done = poll(who, kick_off(who).headers["content-location"])
        assert (done.status_code, "larger than this site allows" in text_of(done)) == (413, True)
        full = shutil.disk_usage(tmp_path)._replace(free=1000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
        done = poll(who, kick_off(who).headers["content-location"])
        assert (done.status_code, "the disk has 1 MiB left" in text_of(done)) == (507, True)
        assert {path.name for path in (tmp_path / "bulk-exports").glob("*/*")} == {"job.json"}
    finally:
        small.close()


def test_it_goes_on_where_it_stood_and_shows_the_record_as_it_was(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended at every portion in turn, with writes between, it makes the same files as one that was never ended."""
    opened = open_site(postgres, tmp_path)
    who = Client(create_app(opened), access())
    for number in range(40):
        who.put({"resourceType": "Patient", "id": f"p{number:02}"})
    monkeypatch.setattr(writing, "_PORTION_ROWS", 3)
    monkeypatch.setattr(writing, "_KEPT_BYTES", 600)
    monkeypatch.setattr(writing, "FILE_BYTES", 1500)
    _, whole = exported(who)
    lines = PostgresRecord.lines
    portions = 0

    def failing(self: PostgresRecord, kind: str, rows: Any) -> tuple[bytes, int]:
        nonlocal portions
        portions += 1
        if portions % 4 == 0:
            raise SystemExit  # as a process that ends here
        return lines(self, kind, rows)

    with monkeypatch.context() as patch:
        patch.setattr(PostgresRecord, "lines", failing)
        patch.setattr("threading.excepthook", lambda _: None)
        address = kick_off(who).headers["content-location"]
        for number in range(40):
            opened.background["bulk-exports"].wait(20)
            who.put({"resourceType": "Patient", "id": f"p{number:02}", "gender": "other"})
            if number % 3 == 0:
                who.send("DELETE", f"Patient/p{number:02}")
            who.put({"resourceType": "Patient", "id": f"new{number}"})
            if who.send("GET", address).status_code == 200:
                break
    assert portions > 12
    manifest = poll(who, address).json()
    again = [line for file in manifest["output"] for line in fetched(who, file)]
    assert again == whole
    assert len(manifest["output"]) > 1
    opened.close()


def test_an_export_that_began_before_a_restart_is_finished_after_it(
    postgres: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "work", lambda self: None)
        first = open_site(postgres, tmp_path)
        who = Client(create_app(first), access())
        who.put({"resourceType": "Patient", "id": "p"})
        address = kick_off(who).headers["content-location"]
        assert who.send("GET", address).status_code == 202
        first.close()
    url = str(first.pool.conninfo) if first.pool else ""
    second = Site.open(first.settings, lambda: first.gate._keys(), transport_id=None, database_url=url)
    try:
        again = Client(create_app(second), access())
        assert len(poll(again, address).json()["output"]) == 1
    finally:
        second.close()
