"""A second import changes nothing.

A later report replaces the earlier one, an earlier one never the later.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from mihub.core.policy.actor import MemberId
from mihub.site.ingest import Importer, ImportReport
from tests.ingest_memory import MemoryRecord
from tests.obds_sample import (
    BOARD,
    COURSE,
    DEATH,
    DIAGNOSIS,
    MASTER,
    OPERATION,
    SYSTEMIC,
    meldung,
    obds,
    one_of_each,
    patient,
)

_LATER = "2026-11-01"


def _import(folder: Path, record: MemoryRecord, *texts: str, dry_run: bool = False) -> ImportReport:
    for number, text in enumerate(texts):
        (folder / f"{number}.xml").write_text(text, encoding="utf-8")
    files = [folder / f"{number}.xml" for number in range(len(texts))]
    return Importer(record, MemberId("chemnitz")).run(files, dry_run=dry_run)


def test_a_second_import_changes_nothing(tmp_path: Path) -> None:
    record = MemoryRecord()
    first = _import(tmp_path, record, one_of_each())
    assert (first.loaded, first.rejected) == (8, 0)
    again = _import(tmp_path, record, one_of_each())
    assert set(again.resources) == {"unchanged"}
    assert again.loaded == 8


def test_a_later_report_updates_and_an_earlier_one_does_not(tmp_path: Path) -> None:
    record = MemoryRecord()
    early, late = one_of_each(), one_of_each(_LATER).replace("<Grading>2</Grading>", "<Grading>3</Grading>")
    _import(tmp_path, record, early)
    count = len(record.resources)
    later = _import(tmp_path, record, late)
    assert later.resources["updated"] > 0
    assert later.resources["created"] == 0
    assert len(record.resources) == count
    assert {
        one["valueCodeableConcept"]["coding"][0]["code"] for one in record.of("Observation", "grading")
    } == {"3"}
    earlier = _import(tmp_path, record, early)
    assert set(earlier.resources) == {"unchanged"}
    assert earlier.loaded == 8
    assert (
        earlier.notes[0].reason == "A later version of this report is loaded already; "
        "this one changes nothing."
    )
    assert {
        one["valueCodeableConcept"]["coding"][0]["code"] for one in record.of("Observation", "grading")
    } == {"3"}


def test_what_a_later_report_no_longer_says_is_deleted(tmp_path: Path) -> None:
    record = MemoryRecord()
    _import(tmp_path, record, obds(patient(meldung(OPERATION))))
    shorter = OPERATION.replace("<OPS><Code>5-404.0</Code><Version>2025</Version></OPS>", "")
    report = _import(tmp_path, record, obds(patient(meldung(shorter)), reported=_LATER))
    assert report.resources["deleted"] == 1
    assert [one["code"]["coding"][0]["code"] for one in record.of("Procedure")] == ["5-324.71"]
    assert record.of("Condition")


def test_two_versions_of_one_day_settle_on_the_last_whatever_is_imported_again(tmp_path: Path) -> None:
    record = MemoryRecord()
    one, other = obds(patient(meldung(COURSE))), obds(patient(meldung(COURSE.replace(">P<", ">T<"))))
    _import(tmp_path, record, one, other)
    for texts in ((one, other), (other, one), (one,)):
        assert set(_import(tmp_path, record, *texts).resources) == {"unchanged"}
    assert record.of("Observation", "onko-verlauf")[0]["valueCodeableConcept"]["coding"][0]["code"] == "T"


def test_the_end_of_a_therapy_outranks_its_beginning(tmp_path: Path) -> None:
    record = MemoryRecord()
    ended = SYSTEMIC.replace("behandlungsbeginn", "behandlungsende").replace(
        "<Nebenwirkungen>", "<Ende_Grund>E</Ende_Grund><Ende>2025-06-01</Ende><Nebenwirkungen>"
    )
    both = obds(patient(meldung(ended, "m1"), meldung(SYSTEMIC, "m2")))
    _import(tmp_path, record, both)
    assert record.of("Procedure", "systemische-therapie")[0]["status"] == "completed"
    assert set(_import(tmp_path, record, both).resources) == {"unchanged"}


def test_a_tumour_assignment_makes_a_minimal_condition_that_a_diagnosis_completes(tmp_path: Path) -> None:
    record = MemoryRecord()
    _import(tmp_path, record, obds(patient(meldung(BOARD))))
    minimal = record.of("Condition")[0]
    assert minimal["meta"]["tag"][0]["code"] == "tumour-assignment-only"
    assert minimal["code"]["coding"][0]["code"] == "C34.1"
    _import(tmp_path, record, obds(patient(meldung(DIAGNOSIS))))
    whole = record.of("Condition")[0]
    assert whole["id"] == minimal["id"]
    assert "tag" not in whole["meta"]
    assert whole["verificationStatus"]
    _import(tmp_path, record, obds(patient(meldung(BOARD)), reported=_LATER))
    assert record.of("Condition") == [whole]


def test_a_patient_known_in_fhir_is_referred_to_and_left_alone(tmp_path: Path) -> None:
    record = MemoryRecord()
    number = {"system": "https://mihub.example/chemnitz/patient-id", "value": "p1"}
    known = {"resourceType": "Patient", "id": "kis-7", "identifier": [number], "gender": "female"}
    (tmp_path / "a.json").write_bytes(orjson.dumps(known))
    (tmp_path / "0.xml").write_text(obds(patient(meldung(DEATH))))
    # The XML sorts first by name; FHIR is read first all the same.
    report = Importer(record, MemberId("chemnitz")).run([tmp_path / "0.xml", tmp_path / "a.json"])
    assert report.rejected == 0
    assert record.of("Patient") == [known]
    assert record.of("Observation")[0]["subject"] == {"reference": "Patient/kis-7"}


def test_our_own_patient_follows_the_newest_report_and_stays_dead(tmp_path: Path) -> None:
    record = MemoryRecord()
    _import(tmp_path, record, obds(patient(meldung(DEATH))))
    married = MASTER.replace("Quersumme", "Wurzel")
    _import(tmp_path, record, obds(patient(meldung(BOARD), master=married), reported=_LATER))
    assert record.of("Patient")[0]["name"][0]["family"] == "von Wurzel"
    assert record.of("Patient")[0]["deceasedDateTime"] == "2026-06-30"
    _import(tmp_path, record, obds(patient(meldung(COURSE)), reported="2026-01-01"))
    assert record.of("Patient")[0]["name"][0]["family"] == "von Wurzel"


def test_a_death_in_an_older_report_is_still_told(tmp_path: Path) -> None:
    record = MemoryRecord()
    _import(tmp_path, record, obds(patient(meldung(BOARD)), reported=_LATER))
    _import(tmp_path, record, obds(patient(meldung(DEATH))))
    assert record.of("Patient")[0]["deceasedDateTime"] == "2026-06-30"


def test_ids_depend_on_member_patient_and_tumour(tmp_path: Path) -> None:
    record = MemoryRecord()
    people = obds(
        patient(meldung(DIAGNOSIS), meldung(DIAGNOSIS, "m2", tumour="2")),
        patient(meldung(DIAGNOSIS), number="p2"),
    )
    (tmp_path / "in.xml").write_text(people)
    Importer(record, MemberId("chemnitz")).run([tmp_path / "in.xml"])
    Importer(record, MemberId("cottbus")).run([tmp_path / "in.xml"])
    assert len(record.of("Condition")) == 6
    assert len(record.of("Patient")) == 4


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_dry_run_of_several_files_tells_what_the_run_will_tell(tmp_path: Path, dry_run: bool) -> None:
    texts = (one_of_each(), one_of_each(_LATER).replace("C34.1", "C34.3"), one_of_each())
    rehearsed = _import(tmp_path, MemoryRecord(), *texts, dry_run=True)
    record = MemoryRecord()
    assert _import(tmp_path, record, *texts).to_json() == rehearsed.to_json()
    assert bool(record.writes)
    versions = record.versions
    _import(tmp_path, record, *texts, dry_run=dry_run)
    assert record.versions == versions


def test_each_report_leaves_its_origin(tmp_path: Path) -> None:
    record = MemoryRecord()
    _import(tmp_path, record, obds(patient(meldung(COURSE, "m-77"))))
    origin = record.of("Provenance")[0]
    assert origin["occurredDateTime"] == "2026-10-01"
    assert origin["entity"][0]["what"]["identifier"]["value"] == "m-77"
    targets = {target["reference"] for target in origin["target"]}
    assert targets == {f"{kind}/{one}" for kind, one in record.resources if kind != "Provenance"}
