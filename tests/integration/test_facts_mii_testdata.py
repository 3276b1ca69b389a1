"""The published test data of the MII becomes facts, and questions find the people one can read in it."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.disclosure.gate import Gate
from mihub.core.disclosure.ledger import MemoryLedger
from mihub.core.policy.actor import MemberId
from mihub.site.facts.extract import facts_of
from mihub.site.facts.table import FactTable
from mihub.site.feasibility.room import Feasibility
from tests.unit.test_facts_table import Log

TNM = "https://www.uicc.org/resources/tnm"


@pytest.fixture(scope="module")
def resources(shared: Path) -> list[dict[str, Any]]:
    bundles = sorted((shared / "data" / "mii-testdata" / "bundles").glob("*.json"))
    assert len(bundles) == 22
    return [entry["resource"] for path in bundles for entry in orjson.loads(path.read_bytes())["entry"]]


def document(context: str, system: str, code: str, **more: Any) -> dict[str, Any]:
    named = {"system": "fdpg.mii.cds", "code": context, "display": context}
    criterion = {"context": named, "termCodes": [{"system": system, "code": code, "display": code}], **more}
    return {"version": "2", "inclusionCriteria": [[criterion]]}


def value(system: str, code: str) -> dict[str, Any]:
    concept = {"system": system, "code": code, "display": code}
    return {"valueFilter": {"type": "concept", "selectedConcepts": [concept]}}


def subjects(resources: list[dict[str, Any]], resource_type: str, text: str) -> int:
    """People whose resources of this type hold this text: a reading that knows nothing of facts."""
    found = (
        one
        for one in resources
        if one["resourceType"] == resource_type and text in orjson.dumps(one).decode()
    )
    return len({one["subject"]["reference"] for one in found})


def test_every_patient_and_every_kind_is_there(resources: list[dict[str, Any]]) -> None:
    facts = [fact for resource in resources for fact in facts_of(resource)]
    people = {one["id"] for one in resources if one["resourceType"] == "Patient"}
    assert {fact.patient for fact in facts if fact.kind == "person"} == people
    kinds = Counter(fact.kind for fact in facts)
    assert min(kinds.values()) > 0
    assert len(kinds) == 14
    assert not {fact.patient for fact in facts if fact.patient} - people


@pytest.mark.parametrize(
    ("question", "resource_type", "text"),
    [
        (document("Diagnose", "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "C34"), "Condition", '"C34'),
        (
            document("Onkologie", "http://snomed.info/sct", "384625004", **value(TNM, "T3c")),
            "Observation",
            '"T3c"',
        ),
        (document("Prozedur", "http://fhir.de/CodeSystem/bfarm/ops", "5-547"), "Procedure", '"5-547'),
        (document("Laboruntersuchung", "http://loinc.org", "26464-8"), "Observation", '"26464-8"'),
        (
            document("Bildgebung", "http://dicom.nema.org/resources/ontology/DCM", "MR"),
            "ImagingStudy",
            '"MR"',
        ),
    ],
)
def test_counts_are_those_one_reads_in_the_data(
    tmp_path: Path, resources: list[dict[str, Any]], question: dict[str, Any], resource_type: str, text: str
) -> None:
    log = Log()
    for resource in resources:
        log.put(resource)
    gate = Gate(MemoryLedger(), b"secret")
    facts = FactTable(tmp_path, log)
    room = Feasibility(MemberId("dresden"), facts, log, gate, today=lambda: date(2024, 6, 1))
    expected = subjects(resources, resource_type, text)
    assert expected > 0
    assert room.local_count(question).before_consent == expected
    facts.close()
