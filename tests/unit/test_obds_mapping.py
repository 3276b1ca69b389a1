"""Each kind of oBDS report becomes the resources of the MII oncology module with the values that it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mihub.core.fhir import Resource
from mihub.core.policy.actor import MemberId
from mihub.site.ingest import Importer
from mihub.site.ingest.obds.dates import ObdsDate, put_date, read_date
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.radiotherapy import application_concept
from mihub.site.ingest.obds.tnm import category_value
from tests.ingest_memory import MemoryRecord
from tests.obds_sample import (
    BOARD,
    COURSE,
    DEATH,
    DIAGNOSIS,
    OPERATION,
    PATHOLOGY,
    RADIOTHERAPY,
    SYSTEMIC,
    meldung,
    obds,
    one_of_each,
    patient,
)

_ONKO = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko"


def _import(folder: Path, text: str) -> MemoryRecord:
    record = MemoryRecord()
    (folder / "in.xml").write_text(text, encoding="utf-8")
    report = Importer(record, MemberId("chemnitz")).run([folder / "in.xml"])
    assert report.rejected == 0, report.to_json()
    return record


def _one(folder: Path, report: str, resource_type: str, profile: str) -> Resource:
    found = _import(folder, obds(patient(meldung(report)))).of(resource_type, f"/mii-pr-onko-{profile}")
    assert len(found) == 1
    return found[0]


def _code(concept: Any, system: str = "") -> str:
    return str(next(one["code"] for one in concept["coding"] if one["system"].endswith(system)))


def _extension(resource: Resource, tail: str) -> Any:
    return next(one for one in resource["extension"] if one["url"].endswith(tail))


def test_a_diagnosis_is_a_whole_condition(tmp_path: Path) -> None:
    condition = _one(tmp_path, DIAGNOSIS, "Condition", "diagnose-primaertumor")
    assert condition["code"]["text"] == "Lungenkarzinom"
    icd = condition["code"]["coding"][0]
    assert icd == {"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "version": "2025", "code": "C34.1"}
    assert _code(condition["verificationStatus"], "diagnosesicherung") == "7.1"
    assert _code(condition["verificationStatus"], "ver-status") == "confirmed"
    site = condition["bodySite"][0]
    assert (_code(site, "sct"), _code(site, "icd-o-3"), _code(site, "seitenlokalisation")) == (
        "39607008",
        "C34.1",
        "R",
    )
    assert (
        condition["onsetDateTime"] == _extension(condition, "assertedDate")["valueDateTime"] == "2025-01-12"
    )
    assert condition["recordedDate"] == "2026-10-01"
    assert _code(_extension(condition, "icdo3")["valueCodeableConcept"]) == "8140/3"
    assert condition["identifier"] == [{"system": "https://mihub.example/chemnitz/tumor-id", "value": "1"}]
    assert condition["meta"]["source"] == "https://mihub.example/fhir/obds/chemnitz"


def test_the_evidence_of_a_diagnosis_is_a_list(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(DIAGNOSIS))))
    evidence = record.of("List")[0]
    assert {entry["item"]["reference"] for entry in evidence["entry"]} == {
        f"Observation/{one['id']}" for one in record.of("Observation")
    }
    assert record.of("Condition")[0]["evidence"][0]["detail"][0]["reference"] == f"List/{evidence['id']}"


def test_histology_has_its_specimen_and_grading(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(DIAGNOSIS))))
    histology = record.of("Observation", "histologie-icdo3")[0]
    specimen = record.of("Specimen")[0]
    assert histology["specimen"]["reference"] == f"Specimen/{specimen['id']}"
    assert (histology["effectiveDateTime"], specimen["accessionIdentifier"]["value"]) == ("2025-01-14", "E-1")
    assert _code(record.of("Observation", "grading")[0]["valueCodeableConcept"]) == "2"
    assert record.of("Observation", "anzahl-befallene-lymphknoten")[0]["valueQuantity"]["value"] == 1


def test_a_classification_has_its_categories_and_its_edition(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(DIAGNOSIS))))
    formula = record.of("Observation", "tnm-klassifikation")[0]
    assert (_code(formula["code"]), _code(formula["valueCodeableConcept"])) == ("399537006", "IIIA")
    assert _code(formula["method"]) == "8"
    members = {reference["reference"] for reference in formula["hasMember"]}
    categories = [record.of("Observation", f"tnm-{letter}-kategorie")[0] for letter in "tnm"]
    assert members == {f"Observation/{one['id']}" for one in categories}
    assert [_code(one["valueCodeableConcept"]) for one in categories] == ["T1b", "N2", "M0"]
    assert [_code(one["method"]) for one in categories] == ["8", "8", "8"]
    assert _code(categories[0]["code"]) == "399504009"
    assert _code(categories[0]["code"]["extension"][0]["valueCodeableConcept"]) == "c"


@pytest.mark.parametrize(
    ("letter", "written", "code", "suffixes", "text"),
    [
        ("T", "1c", "T1c", [], None),
        ("T", "is", "Tis", [], None),
        ("T", "is(DCIS)", "Tis(DCIS)", [], None),
        ("T", "2(3)", "T2", [], "T2(3)"),
        ("N", "1 (sn)", "N1", ["sn"], "N1 (sn)"),
        ("N", "0(i-)(sn)", "N0", ["i-", "sn"], "N0(i-)(sn)"),
        ("N", "1(mi)", "N1mi", [], "N1(mi)"),
        ("M", "0(i+)", "M0", ["i+"], "M0(i+)"),
        ("M", "1c1", "M1c1", [], "M1c1"),
        ("T", "4 nach Befund", "T4nachBefund", [], "T4 nach Befund"),
    ],
)
def test_categories_keep_what_is_written(
    letter: str, written: str, code: str, suffixes: list[str], text: str | None
) -> None:
    value = category_value(letter, written)
    assert _code(value) == code
    assert [_code(one["valueCodeableConcept"]) for one in value.get("extension", [])] == suffixes
    assert value.get("text") == text


def test_an_operation_is_one_procedure_for_each_ops_code(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(OPERATION))))
    procedures = {_code(one["code"]): one for one in record.of("Procedure")}
    main, other = procedures["5-324.71"], procedures["5-404.0"]
    assert other["partOf"] == [{"reference": f"Procedure/{main['id']}"}]
    assert (_code(main["outcome"]), _code(main["complication"][0])) == ("R0", "PMN")
    assert _code(main["category"]) == "387713003"
    assert _code(_extension(main, "operation-intention")["valueCodeableConcept"]) == "K"
    assert main["performedDateTime"] == "2025-02-10"
    residual = record.of("Observation", "residualstatus")[0]
    assert residual["partOf"] == [{"reference": f"Procedure/{main['id']}"}]


def test_radiotherapy_has_its_irradiations_as_parts(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(RADIOTHERAPY))))
    course = record.of("Procedure", "onko-strahlentherapie")[0]
    part = record.of("Procedure", "bestrahlung-strahlentherapie")[0]
    assert part["partOf"] == [{"reference": f"Procedure/{course['id']}"}]
    assert course["performedPeriod"] == {"start": "2025-04-01", "end": "2025-05-12"}
    assert (course["status"], _code(course["outcome"])) == ("completed", "E")
    assert [_code(one) for one in part["usedCode"]] == ["P", "UH"]
    assert part["usedCode"][0]["text"] == "gemeldet: PRCN"
    assert [one["code"] for one in part["bodySite"][0]["coding"]] == ["3.4", "3.4.+", "R"]
    assert _extension(part, "einzeldosis")["valueQuantity"]["value"] == 1.8
    adverse = record.of("AdverseEvent")[0]
    assert (adverse["event"]["text"], _code(adverse["seriousness"])) == ("Dermatitis", "3")
    assert adverse["suspectEntity"][0]["instance"]["reference"] == f"Procedure/{course['id']}"


@pytest.mark.parametrize(
    ("kind", "children", "code"),
    [
        ("Perkutan", {"Radiochemo": "RCJ", "Stereotaktisch": "ST", "Atemgetriggert": "4D"}, "PRCJ-4D"),
        ("Perkutan", {"Stereotaktisch": "ST"}, "P-ST"),
        ("Kontakt", {"Interstitiell_endokavitaer": "I", "Rate_Type": "HDR"}, "IHDR"),
        ("Metabolisch", {"Metabolisch_Typ": "PSMA"}, "MPSMA"),
        ("Metabolisch", {"Metabolisch_Typ": "M"}, "M"),
        ("Sonstige", {}, "S"),
    ],
)
def test_the_kind_of_application_is_put_together(kind: str, children: dict[str, str], code: str) -> None:
    node = Node(kind, 1, children=tuple(Node(name, 1, value) for name, value in children.items()))
    assert _code(application_concept(node)) == code


def test_systemic_therapy_has_a_statement_for_each_substance(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(SYSTEMIC))))
    therapy = record.of("Procedure", "systemische-therapie")[0]
    assert therapy["performedPeriod"] == {"start": "2025-03"}
    assert (therapy["status"], therapy["code"]["text"]) == ("in-progress", "Cis/Vino")
    statements = {
        one["medicationCodeableConcept"].get("text", ""): one["medicationCodeableConcept"]["coding"][0]
        for one in record.of("MedicationStatement")
    }
    assert statements["Cisplatin"] == {"system": "http://fhir.de/CodeSystem/bfarm/atc", "code": "L01XA01"}
    assert statements[""]["code"] == "L01CA04"
    assert "code" not in statements["Hauselixier"]
    assert _code(record.of("AdverseEvent")[0]["seriousness"]) == "2"


def test_a_course_names_the_states_and_its_findings(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(COURSE))))
    course = record.of("Observation", "onko-verlauf")[0]
    assert (_code(course["valueCodeableConcept"]), course["effectiveDateTime"]) == ("P", "2026-01-08")
    assert [_code(one["valueCodeableConcept"]) for one in course["component"]] == ["K", "R", "R"]
    metastasis = record.of("Observation", "fernmetastasen")[0]
    assert {"reference": f"Observation/{metastasis['id']}"} in course["hasMember"]
    assert _code(record.of("Observation", "karnofsky")[0]["valueCodeableConcept"]) == "80%"


def test_a_conference_is_a_plan_whose_activities_are_open(tmp_path: Path) -> None:
    plan = _one(tmp_path, BOARD, "CarePlan", "tumorkonferenz")
    assert (plan["created"], _code(plan["category"][0])) == ("2025-01-28", "praeth")
    details = [one["detail"] for one in plan["activity"]]
    assert [(_code(one["code"]), one["status"]) for one in details] == [("OP", "unknown"), ("CH", "unknown")]


def test_a_pathology_report_keeps_its_text(tmp_path: Path) -> None:
    report = _one(tmp_path, PATHOLOGY, "DiagnosticReport", "befund")
    assert report["conclusion"] == "Geheimbefund im Text"
    assert report["specimen"]
    assert report["result"]


def test_a_death_is_told_of_the_patient_and_its_cause(tmp_path: Path) -> None:
    record = _import(tmp_path, obds(patient(meldung(DEATH))))
    death = record.of("Observation", "onko-tod")[0]
    assert (_code(death["valueCodeableConcept"]), _code(death["interpretation"][0])) == ("C34.1", "J")
    assert record.of("Patient")[0]["deceasedDateTime"] == "2026-06-30"


def test_the_patient_is_made_from_the_master_data(tmp_path: Path) -> None:
    made = _import(tmp_path, obds(patient(meldung(BOARD)))).of("Patient")[0]
    number, insured = made["identifier"]
    assert (number["system"], number["value"]) == ("https://mihub.example/chemnitz/patient-id", "p1")
    assert (insured["system"], insured["value"]) == ("http://fhir.de/sid/gkv/kvid-10", "Z987654321")
    assert insured["assigner"]["identifier"]["value"] == "109999999"
    assert made["name"][0]["family"] == "von Quersumme"
    assert made["name"][0]["given"] == ["Xantippe", "Rosa"]
    assert made["name"][1] == {"use": "maiden", "family": "Zauberfels"}
    assert (made["gender"], made["birthDate"]) == ("female", "1957-08-23")
    assert made["address"][0]["line"] == ["Prunkweg 7"]


def test_everything_refers_to_the_primary_condition_and_the_patient(tmp_path: Path) -> None:
    record = _import(tmp_path, one_of_each())
    condition = {"reference": f"Condition/{record.of('Condition')[0]['id']}"}
    person = {"reference": f"Patient/{record.of('Patient')[0]['id']}"}
    for resource in record.resources.values():
        if resource["resourceType"] in ("Observation", "Procedure", "CarePlan", "MedicationStatement"):
            named = [
                *resource.get("focus", []),
                *resource.get("reasonReference", []),
                *resource.get("addresses", []),
            ]
            assert condition in named, resource["id"]
        if resource["resourceType"] not in ("Patient", "Provenance"):
            assert resource["subject"] == person


@pytest.mark.parametrize(
    ("accuracy", "value", "estimated"),
    [
        ("E", "2025-03-09", False),
        ("T", "2025-03", False),
        ("M", "2025", False),
        ("J", "2025", False),
        ("V", "2025", True),
        ("", "2025-03-09", False),
    ],
)
def test_a_date_is_as_precise_as_it_was_reported(accuracy: str, value: str, estimated: bool) -> None:
    attributes = (("Datumsgenauigkeit", accuracy),) if accuracy else ()
    date = read_date(Node("Datum", 1, "2025-03-09", attributes))
    assert date == ObdsDate(value, estimated)
    target: Resource = {}
    put_date(target, "onsetDateTime", date)
    assert ("_onsetDateTime" in target) is estimated


def test_a_missing_date_that_must_be_there_says_that_it_is_unknown() -> None:
    target: Resource = {}
    put_date(target, "effectiveDateTime", read_date(None), required=True)
    assert target["_effectiveDateTime"]["extension"][0]["valueCode"] == "unknown"


def test_tnm_keeps_what_the_value_sets_do_not_hold(tmp_path: Path) -> None:
    text = DIAGNOSIS.replace("<Version>8</Version>", "<Version>9</Version>").replace("<M>0</M>", "<M>1c2</M>")
    record = _import(tmp_path, obds(patient(meldung(text))))
    category = record.of("Observation", "tnm-m-kategorie")[0]
    assert (_code(category["method"]), _code(category["valueCodeableConcept"])) == ("9", "M1c2")
    assert category["method"]["coding"][0]["system"] == f"{_ONKO}/CodeSystem/mii-cs-onko-tnm-version"
