"""The in-memory client behaves as a site does: searches, versions, transactions, refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mihub.care.client import MemoryFhirClient
from mihub.core.fhir import Resource
from mihub.errors import Gone, NotFound, NotSupported, PreconditionFailed

_TASK_SYSTEM = "https://mihub.example/fhir/CodeSystem/task"
_MEMBER = "https://mihub.example/sid/member"


def _region() -> MemoryFhirClient:
    return MemoryFhirClient(
        [
            {
                "resourceType": "Patient",
                "id": "1",
                "identifier": [{"system": "urn:x", "value": "A"}],
                "birthDate": "1965-03-01",
            },
            {"resourceType": "Patient", "id": "2", "name": [{"family": "Bär"}], "birthDate": "1950"},
            {
                "resourceType": "Task",
                "id": "t1",
                "status": "requested",
                "code": {"coding": [{"system": _TASK_SYSTEM, "code": "referral"}]},
                "for": {"reference": "Patient/1"},
                "owner": {"identifier": {"system": _MEMBER, "value": "praxis-a"}},
                "authoredOn": "2026-10-02T10:00:00+02:00",
            },
            {"resourceType": "Task", "id": "t2", "status": "completed", "for": {"reference": "Patient/2"}},
            {
                "resourceType": "Appointment",
                "id": "a1",
                "status": "booked",
                "start": "2026-12-01T09:00:00+01:00",
                "participant": [{"actor": {"reference": "Patient/1"}}],
            },
            {
                "resourceType": "Procedure",
                "id": "p1",
                "performedPeriod": {"start": "2024-05-01", "end": "2024-06-30"},
            },
        ]
    )


def _ids(resource_type: str, *parameters: tuple[str, str]) -> list[str]:
    return [resource["id"] for resource in asyncio.run(_region().search(resource_type, parameters))]


@pytest.mark.parametrize(
    ("resource_type", "parameters", "expected"),
    [
        ("Patient", [("identifier", "urn:x|A")], ["1"]),
        ("Patient", [("identifier", "A")], ["1"]),
        ("Patient", [("identifier", "urn:y|A")], []),
        ("Patient", [("family", "bä")], ["2"]),
        ("Patient", [("birthdate", "lt1960-01-01")], ["2"]),
        ("Patient", [("_id", "1,2")], ["1", "2"]),
        ("Task", [("patient", "Patient/1")], ["t1"]),
        ("Task", [("patient", "1"), ("status", "requested")], ["t1"]),
        ("Task", [("code", f"{_TASK_SYSTEM}|referral,{_TASK_SYSTEM}|call-patient")], ["t1"]),
        ("Task", [("owner:identifier", f"{_MEMBER}|praxis-a")], ["t1"]),
        ("Task", [("status:not", "completed")], ["t1"]),
        ("Task", [("code:missing", "true")], ["t2"]),
        ("Task", [("subject:Patient.identifier", "A")], ["t1"]),
        ("Task", [("authored-on", "ge2026-10-02"), ("authored-on", "le2026-10-02")], ["t1"]),
        ("Appointment", [("patient", "Patient/1"), ("date", "ge2026-11-23")], ["a1"]),
        ("Appointment", [("actor", "Patient/1")], ["a1"]),
        ("Procedure", [("date", "ge2024-06-01")], ["p1"]),
        ("Procedure", [("date", "sa2024-06-01")], []),
    ],
)
def test_search_finds(resource_type: str, parameters: list[tuple[str, str]], expected: list[str]) -> None:
    assert _ids(resource_type, *parameters) == expected


def test_sort_and_include() -> None:
    assert _ids("Patient", ("_sort", "birthdate")) == ["2", "1"]
    assert _ids("Patient", ("_sort", "-birthdate")) == ["1", "2"]
    assert _ids("Task", ("_id", "t1"), ("_include", "Task:patient")) == ["t1", "1"]
    assert _ids("Patient", ("_id", "1"), ("_revinclude", "Task:patient")) == ["1", "t1"]


def test_unknown_parameter_is_refused_by_name() -> None:
    with pytest.raises(NotSupported, match="'shoe-size'"):
        _ids("Patient", ("shoe-size", "43"))


def test_versions() -> None:
    async def story() -> None:
        client = _region()
        task = await client.read("Task", "t1")
        changed = await client.update({**task, "status": "accepted"}, if_match="1")
        assert changed["meta"]["versionId"] == "2"
        again = await client.update({**changed})
        assert again["meta"]["versionId"] == "2", "the same content a second time changes nothing"
        with pytest.raises(PreconditionFailed, match="Somebody else"):
            await client.update({**task, "status": "rejected"}, if_match="1")
        task["status"] = "tampered"
        assert (await client.read("Task", "t1"))["status"] == "accepted"

    asyncio.run(story())


def test_deleted_is_gone_and_unknown_is_not_found() -> None:
    async def story() -> None:
        client = _region()
        await client.delete("Task", "t1")
        with pytest.raises(Gone):
            await client.read("Task", "t1")
        with pytest.raises(NotFound):
            await client.read("Task", "never")
        assert await client.count("Task") == 1

    asyncio.run(story())


def _bundle(*entries: dict[str, Any]) -> Resource:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def test_transaction_resolves_references_and_is_all_or_nothing() -> None:
    async def story() -> None:
        client = _region()
        request = {
            "resourceType": "ServiceRequest",
            "status": "active",
            "subject": {"reference": "Patient/1"},
        }
        task = {"resourceType": "Task", "status": "requested", "focus": {"reference": "urn:uuid:a"}}
        await client.transaction(
            _bundle(
                {
                    "fullUrl": "urn:uuid:a",
                    "resource": request,
                    "request": {"method": "POST", "url": "ServiceRequest"},
                },
                {"fullUrl": "urn:uuid:b", "resource": task, "request": {"method": "POST", "url": "Task"}},
            )
        )
        created = client.all("ServiceRequest")[0]
        assert await client.search("Task", [("focus", f"ServiceRequest/{created['id']}")])
        before = len(client.all("Task"))
        stale = {"resourceType": "Task", "id": "t2", "status": "draft"}
        with pytest.raises(PreconditionFailed):
            await client.transaction(
                _bundle(
                    {"resource": task, "request": {"method": "POST", "url": "Task"}},
                    {"resource": stale, "request": {"method": "PUT", "url": "Task/t2", "ifMatch": 'W/"9"'}},
                )
            )
        assert len(client.all("Task")) == before

    asyncio.run(story())


def test_if_none_exist_creates_once() -> None:
    async def story() -> None:
        client = _region()
        patient = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "A"}]}
        entry = {
            "resource": patient,
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:x|A"},
        }
        await client.transaction(_bundle({"fullUrl": "urn:uuid:p", **entry}))
        assert await client.count("Patient") == 2

    asyncio.run(story())
