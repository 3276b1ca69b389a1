"""A site that rejects: import and API, the quarantine, repair and retry, on the real database. Nothing is lost."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from mihub.apps.open_site import OpenSite
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.database.embedded import Embedded
from mihub.errors import Conflict, Forbidden, InvalidInput
from mihub.site.quarantine.protocol import STATES, Asked
from tests.real_site import in_process, real_site, sign, system
from tests.store_record import postgres  # noqa: F401  # a fixture
from tests.strict_validator import PROFILE, StrictValidator, observation, patient


@pytest.fixture
def site(postgres: Embedded, tmp_path: Path) -> Iterator[OpenSite]:  # noqa: F811  # pytest's way
    with real_site(
        postgres, tmp_path, validation="reject, Encounter=off", validator=StrictValidator()
    ) as opened:
        yield opened


def someone(role: Role, purpose: Purpose = Purpose.OPERATIONS, organization: str = "chemnitz") -> Access:
    return Access(Actor(f"{organization}/{role}", "Jemand", role, MemberId(organization)), purpose)


ENGINEER = someone(Role.SITE_ENGINEER)
DOCTOR = someone(Role.ONCOLOGIST, Purpose.TREATMENT)


def lines(folder: Path, *resources: object, name: str = "labor.ndjson") -> Path:
    path = folder / name
    path.write_bytes(
        b"".join((one if isinstance(one, bytes) else orjson.dumps(one)) + b"\n" for one in resources)
    )
    return path


def ask(site: OpenSite, method: str, path: str, who: Access, **more: Any) -> httpx.Response:
    async def sent() -> httpx.Response:
        headers = {"Authorization": f"Bearer {sign(who, site.member)}", **more.pop("headers", {})}
        async with in_process(site) as http:
            return await http.request(method, path, headers=headers, **more)

    return asyncio.run(sent())


def fhir(site: OpenSite, method: str, path: str, **more: Any) -> httpx.Response:
    return ask(site, method, f"/fhir/{path}", system("chemnitz"), **more)


def waiting(site: OpenSite, **asked: Any) -> list[Any]:
    return list(site.quarantine.find(Asked(**asked), ENGINEER).items)


def test_the_bad_ones_wait_and_the_good_ones_are_stored(site: OpenSite, tmp_path: Path) -> None:
    path = lines(
        tmp_path,
        patient(),
        observation(1),
        observation(2, good=False),
        b'{"resourceType":"Observation",',
        observation(3),
    )
    report = site.importer().run([path])
    assert (report.loaded, report.rejected, report.quarantined) == (3, 2, 2)
    assert report.conformance.checked == 4
    assert report.conformance.refused == 1
    broken, unfit = waiting(site)
    assert (unfit.refused.line, unfit.refused.resource_id, unfit.refused.keys) == (3, "o2", ())
    assert unfit.refused.rules == ("cardinality-min",)
    assert unfit.refused.profiles == (PROFILE,)
    assert broken.refused.troubles[0].reason == "The JSON ends early; the file may be truncated."
    assert site.quarantine.text(unfit.id, DOCTOR) == orjson.dumps(observation(2, good=False)) + b"\n"
    reason = next(one for one in report.reasons if one.line == 3)
    assert reason.rule == "cardinality-min"
    assert reason.reason.startswith("Observation.status: ")
    assert reason.german[0].startswith("Observation.status: ")


def test_a_corrected_delivery_settles_what_waits(site: OpenSite, tmp_path: Path) -> None:
    site.importer().run([lines(tmp_path, patient(), observation(1, good=False), observation(2, good=False))])
    again = site.importer().run([lines(tmp_path, patient(), observation(1, good=False), observation(2))])
    assert (again.loaded, again.rejected) == (2, 1)
    (still,) = waiting(site)
    assert (still.refused.resource_id, still.times) == ("o1", 2), "the same bytes twice are one item"
    done = waiting(site, states=("retried-ok",))
    assert [one.refused.resource_id for one in done] == ["o2"]
    assert not done[0].has_body, "what is done is forgotten"


def test_repair_and_retry(site: OpenSite, tmp_path: Path) -> None:
    site.importer().run([lines(tmp_path, patient(), observation(1, good=False))])
    (item,) = waiting(site)
    assert site.quarantine.retry(item.id, ENGINEER).findings[0].rule == "cardinality-min"
    with pytest.raises(InvalidInput, match="another record"):
        site.quarantine.repair(item.id, orjson.dumps(observation(7)), ENGINEER)
    still_bad = site.quarantine.repair(
        item.id, orjson.dumps(observation(1, good=False, note=[{"text": "x"}])), ENGINEER
    )
    assert (still_bad.state, len(still_bad.refused.findings)) == ("repaired", 1)
    site.quarantine.repair(item.id, orjson.dumps(observation(1)), ENGINEER)
    assert site.quarantine.retry(item.id, ENGINEER).stored
    assert (
        site.find_observation("o1")
        if hasattr(site, "find_observation")
        else fhir(site, "GET", "Observation/o1").status_code == 200
    )
    assert waiting(site) == []
    with pytest.raises(Conflict, match="decided already"):
        site.quarantine.retry(item.id, ENGINEER)


def test_all_of_one_rule_are_tried_at_once(site: OpenSite, tmp_path: Path) -> None:
    site.importer().run([lines(tmp_path, patient(1), *(observation(n, good=False) for n in range(5)))])
    for item in waiting(site)[:3]:
        fixed = observation(item.refused.resource_id.removeprefix("o"))
        site.quarantine.repair(item.id, orjson.dumps(fixed), ENGINEER)
    done = site.quarantine.retry_all(Asked(rule="cardinality-min"), ENGINEER)
    # What was repaired is right and has no rule any more.
    assert (len(done.stored), len(done.refused)) == (0, 2)
    assert len(site.quarantine.retry_all(Asked(), ENGINEER).stored) == 3


def test_a_transaction_waits_whole(site: OpenSite, tmp_path: Path) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for one in (patient(9), observation(9, good=False))
        ],
    }
    path = tmp_path / "bundle.json"
    path.write_bytes(orjson.dumps(bundle))
    report = site.importer().run([path])
    assert (report.loaded, report.rejected) == (0, 2)
    (item,) = waiting(site)
    assert item.refused.kind == "bundle"
    assert item.refused.findings[0].location == "Bundle.entry[1].resource.status"
    answer = fhir(site, "POST", "", json=bundle, headers={"Accept-Language": "de"})
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert fhir(site, "GET", "Patient/p9").status_code == 404, "nothing of it is stored"
    by_source = {one.refused.source: one for one in waiting(site)}
    assert by_source["api"].refused.client == "chemnitz/test"
    assert site.quarantine.text(by_source["api"].id, DOCTOR) == orjson.dumps(bundle)
    for item in by_source.values():
        bundle["entry"][1]["resource"]["status"] = "final"
        site.quarantine.repair(item.id, orjson.dumps(bundle), ENGINEER)
    assert len(site.quarantine.retry_all(Asked(), ENGINEER).stored) == 1
    assert waiting(site) == [], "the first one stored what the second one waited for"
    assert fhir(site, "GET", "Observation/o9").status_code == 200


def test_the_api_answers_with_every_finding_in_the_readers_language(site: OpenSite) -> None:
    bad = observation(1, good=False)
    english = fhir(site, "PUT", "Observation/o1", json=bad, headers={"Accept-Language": "en"})
    german = fhir(
        site, "PUT", "Observation/o1", json=bad, headers={"Accept-Language": "fr;q=0.9, de-DE;q=0.8"}
    )
    assert english.status_code == german.status_code == 422
    (issue,) = german.json()["issue"]
    assert (issue["severity"], issue["code"], issue["expression"]) == (
        "error",
        "required",
        ["Observation.status"],
    )
    assert issue["diagnostics"] == f"Rule: cardinality-min. Profile: {PROFILE}."
    assert issue["details"]["text"] != english.json()["issue"][0]["details"]["text"]
    (item,) = waiting(site)
    assert (item.refused.source, item.times, item.refused.resource_id) == ("api", 2, "o1")
    assert fhir(site, "PUT", "Observation/o1", json=observation(1)).status_code == 201
    assert waiting(site) == [], "the client sent it right"
    created = fhir(site, "POST", "Observation", json={k: v for k, v in bad.items() if k != "id"})
    assert created.status_code == 422
    assert b'"id"' not in site.quarantine.text(waiting(site)[0].id, DOCTOR)


def test_a_batch_stores_the_good_entries_and_names_the_bad_one(site: OpenSite) -> None:
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"Observation/{one['id']}"}}
        for one in (observation(1), observation(2, good=False), observation(3))
    ]
    answer = fhir(site, "POST", "", json={"resourceType": "Bundle", "type": "batch", "entry": entries}).json()
    assert [one["response"]["status"] for one in answer["entry"]] == ["201", "422", "201"]
    assert answer["entry"][1]["response"]["outcome"]["issue"][0]["expression"] == ["Observation.status"]
    assert [one.refused.resource_id for one in waiting(site)] == ["o2"]


def test_prefer_outcome_tells_the_findings_of_what_was_stored(site: OpenSite) -> None:
    prefer = {"Prefer": "return=OperationOutcome"}
    noted = observation(1, note=[{"text": "a"}, {"text": "b"}])
    first = fhir(site, "PUT", "Observation/o1", json=noted, headers=prefer)
    assert first.status_code == 201
    assert first.headers["etag"] == 'W/"1"'
    assert [one["severity"] for one in first.json()["issue"]] == ["warning"]
    again = fhir(site, "PUT", "Observation/o1", json=noted, headers=prefer)
    assert (again.status_code, again.headers["etag"]) == (200, 'W/"1"')
    assert fhir(site, "PUT", "Observation/o2", json=observation(2), headers=prefer).json()["issue"][0][
        "details"
    ] == {"text": "All OK"}


def test_off_is_off_and_a_broken_validator_is_a_finding(site: OpenSite) -> None:
    encounter = {"resourceType": "Encounter", "id": "e1", "valueInteger": 42}
    assert fhir(site, "PUT", "Encounter/e1", json=encounter).status_code == 201
    broken = fhir(site, "PUT", "Observation/o1", json=observation(1, valueInteger=42))
    assert broken.status_code == 422
    assert broken.json()["issue"][0]["code"] == "exception"
    assert "RuntimeError" in broken.json()["issue"][0]["details"]["text"]


def test_who_may_see_what(site: OpenSite, tmp_path: Path) -> None:
    withheld = patient(2, good=False) | {"meta": {"security": [{"code": "NOPAT"}]}}
    site.importer().run([lines(tmp_path, patient(1, good=False), withheld)])
    item = waiting(site)[1]
    seen = {
        name: ask(site, "GET", f"/admin/quarantine/{item.id}", who)
        for name, who in {
            "engineer": ENGINEER,
            "officer": someone(Role.DATA_PROTECTION_OFFICER),
            "doctor": DOCTOR,
            "researcher": someone(Role.RESEARCHER, Purpose.RESEARCH),
            "doctor elsewhere": someone(Role.ONCOLOGIST, Purpose.TREATMENT, "dresden"),
            "engineer elsewhere": someone(Role.SITE_ENGINEER, organization="dresden"),
        }.items()
    }
    assert {name: answer.status_code for name, answer in seen.items()} == {
        "engineer": 200, "officer": 200, "doctor": 200, "researcher": 403, "doctor elsewhere": 403, "engineer elsewhere": 403,
    }  # fmt: skip
    assert seen["engineer"].json()["text"] is None
    assert seen["officer"].json()["text"] is None
    assert "Geheimnis" not in seen["engineer"].text + seen["officer"].text
    assert "Geheimnis" in seen["doctor"].text
    marked = [line for line in seen["doctor"].json()["text"] if line["findings"]]
    assert [line["text"] for line in marked] == ["{"], "a missing element is marked at its parent"
    audit = fhir(site, "GET", "AuditEvent?patient=Patient/p1").json()
    looks = [one for one in audit["entry"] if one["resource"]["subtype"][0]["code"] == "quarantine-read"]
    assert [one["resource"]["agent"][0]["altId"] for one in looks] == ["chemnitz/oncologist"]
    with pytest.raises(Forbidden):
        site.quarantine.discard(item.id, "test data", someone(Role.DATA_PROTECTION_OFFICER))
    with pytest.raises(InvalidInput, match="few words"):
        site.quarantine.discard(item.id, " ", ENGINEER)
    assert (
        ask(
            site, "POST", f"/admin/quarantine/{item.id}/discard", ENGINEER, json={"reason": "Testdaten"}
        ).status_code
        == 200
    )
    gone = ask(site, "GET", f"/admin/quarantine/{item.id}", DOCTOR).json()
    assert (gone["state"], gone["reason"], gone["text"]) == ("discarded", "Testdaten", None)


def test_files_that_cannot_be_read_wait_as_they_are(site: OpenSite, tmp_path: Path) -> None:
    packed = tmp_path / "kaputt.json.gz"
    packed.write_bytes(gzip.compress(b"MSH|^~\\&|LAB"))
    broken = tmp_path / "kaputt.xml"
    broken.write_bytes(
        b"<oBDS xmlns='http://www.basisdatensatz.de/oBDS/XML' Schema_Version='3.0.4'><Menge_Patient><Patient"
    )
    site.importer().run([packed, broken])
    kept = {
        one.refused.file.rpartition("/")[2]: site.quarantine.text(one.id, DOCTOR) for one in waiting(site)
    }
    assert kept == {"kaputt.json.gz": packed.read_bytes(), "kaputt.xml": broken.read_bytes()}


def test_numbers_of_conformance(site: OpenSite, tmp_path: Path) -> None:
    site.importer().run(
        [
            lines(
                tmp_path, patient(), observation(1), observation(2, good=False), observation(3, note=[{}, {}])
            )
        ]
    )
    site.importer().run([lines(tmp_path, patient(), observation(1))])  # unchanged: counted once
    fhir(site, "PUT", "Observation/o9", json=observation(9, good=False))
    numbers = ask(site, "GET", "/admin/quality?lang=de", DOCTOR).json()
    lab = next(one for one in numbers["profiles"] if one["name"] == PROFILE)
    assert lab == {
        "name": PROFILE, "checked": 4, "conformant": 2, "with_errors": 2, "with_warnings": 1, "refused": 2,
        "unknown": 0, "percent": 50.0,
    }  # fmt: skip
    assert {one["name"]: one["checked"] for one in numbers["sources"]} == {"fhir-import": 4, "api": 1}
    missing = {one["source"]: one for one in numbers["findings"] if one["rule"] == "cardinality-min"}
    assert {one["place"] for one in missing.values()} == {"Observation.status"}
    assert missing["fhir-import"]["example"] == "Observation/o2"
    assert missing["api"]["example"] == "Observation/o9"
    blind = ask(site, "GET", "/admin/quality?lang=de", ENGINEER).json()
    assert "example" not in blind["findings"][0]
    assert numbers["levels"] == {"default": "reject", "by_type": {"Encounter": "off"}}


def test_a_rehearsal_keeps_and_counts_nothing(site: OpenSite, tmp_path: Path) -> None:
    path = lines(tmp_path, patient(), observation(1, good=False))
    rehearsed = site.importer().run([path], dry_run=True)
    assert (rehearsed.loaded, rehearsed.rejected) == (1, 1)
    assert waiting(site, states=STATES) == []
    assert ask(site, "GET", "/admin/quality", ENGINEER).json()["days"] == []
    assert site.importer().run([path]).rejected == 1


def test_validate_on_request(site: OpenSite) -> None:
    bad = observation(1, good=False)
    assert fhir(site, "POST", "Observation/$validate", json=observation(1)).json()["issue"] == [
        {"severity": "information", "code": "informational", "details": {"text": "All OK"}}
    ]
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "resource", "resource": bad},
            {"name": "profile", "valueUri": "http://nowhere/profile"},
            {"name": "mode", "valueCode": "create"},
        ],
    }
    found = fhir(site, "POST", "$validate", json=parameters)
    assert found.status_code == 200
    assert [one["diagnostics"].split(".")[0] for one in found.json()["issue"]] == [
        "Rule: cardinality-min",
        "Rule: unknown-profile",
    ]
    by_query = fhir(site, "POST", "Observation/$validate?profile=http://nowhere/x", json=bad).json()
    assert len(by_query["issue"]) == 2
    fhir(site, "PUT", "Observation/o1", json=observation(1))
    assert (
        fhir(site, "GET", "Observation/o1/$validate?profile=http://nowhere/x").json()["issue"][0]["severity"]
        == "error"
    )
    assert fhir(site, "POST", "Observation/o7/$validate", json=bad).status_code == 404
    wrong = fhir(site, "POST", "Observation/o1/$validate?mode=update", json=observation(2)).json()
    assert wrong["issue"][0]["expression"] == ["Observation.id"]
    assert fhir(site, "POST", "Patient/$validate", json=bad).status_code == 400
    assert fhir(site, "POST", "Observation/$validate?mode=profile", json=bad).status_code == 400
    assert waiting(site) == [], "validating stores and keeps nothing"
