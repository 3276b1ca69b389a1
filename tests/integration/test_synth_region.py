"""A region on disk: same bytes for the same seed, every line a resource, references that resolve, sound
XML, the truth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree

from mihub.errors import InvalidInput
from mihub.synth.members import HOSPITALS, MEMBERS
from mihub.synth.region import RegionSummary, write_region

TODAY = date(2026, 11, 23)
OBDS = "{http://www.basisdatensatz.de/oBDS/XML}"
MII_TYPES = {"Patient", "Encounter", "Condition", "Procedure", "MedicationStatement", "ImagingStudy"}
REPORTS = {
    "Diagnose",
    "Pathologie",
    "OP",
    "ST",
    "SYST",
    "Verlauf",
    "Tumorkonferenz",
    "Tod",
}
Region = tuple[Path, RegionSummary]


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Region:
    out = tmp_path_factory.mktemp("region")
    return out, write_region(out, seed=7, people=240, today=TODAY)


def _resources(out: Path, member: str) -> Iterator[dict[str, Any]]:
    for path in sorted((out / member / "fhir").glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            yield orjson.loads(line)


def _digests(out: Path) -> dict[str, str]:
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(region: Region, tmp_path: Path) -> None:
    out, _ = region
    write_region(tmp_path / "again", seed=7, people=240, today=TODAY)
    write_region(tmp_path / "other", seed=8, people=240, today=TODAY)
    assert _digests(tmp_path / "again") == _digests(out)
    assert _digests(tmp_path / "other") != _digests(out)


def test_a_smaller_region_is_the_beginning_of_a_larger_one(region: Region, tmp_path: Path) -> None:
    out, _ = region
    write_region(tmp_path, seed=7, people=60, today=TODAY)
    small = (tmp_path / "praxis-a" / "fhir" / "3-Patient.ndjson").read_bytes()
    assert (out / "praxis-a" / "fhir" / "3-Patient.ndjson").read_bytes().startswith(small)


@pytest.mark.parametrize("member", [member.id for member in MEMBERS])
def test_every_line_is_a_labelled_resource_with_its_own_id(region: Region, member: str) -> None:
    out, summary = region
    seen: list[tuple[str, str]] = []
    for resource in _resources(out, member):
        seen.append((resource["resourceType"], resource["id"]))
        assert resource["meta"]["security"][0]["code"] == "HTEST"
        if resource["resourceType"] in MII_TYPES:
            assert resource["meta"]["profile"][0].startswith("https://www.medizininformatik-initiative.de/")
    assert len(seen) == len(set(seen)) == summary.resources[member]


@pytest.mark.parametrize("member", [member.id for member in MEMBERS])
def test_references_resolve_inside_a_member(region: Region, member: str) -> None:
    resources = list(_resources(region[0], member))
    known = {f"{each['resourceType']}/{each['id']}" for each in resources}
    dangling = {ref for each in resources for ref in _references(each) if ref not in known}
    assert dangling == set()


def test_the_demo_region_stays_small(region: Region) -> None:
    assert 5_000 < region[1].total_resources < 15_000


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_tumour_documentation_is_sound_and_names_patients_of_the_same_hospital(
    region: Region, hospital: str
) -> None:
    out, summary = region
    numbers = {
        each["identifier"][0]["value"]
        for each in _resources(out, hospital)
        if each["resourceType"] == "Patient"
    }
    reports: list[str] = []
    for path in sorted((out / hospital / "obds").glob("*.xml")):
        root = etree.parse(path).getroot()
        assert (root.tag, root.get("Schema_Version")) == (f"{OBDS}oBDS", "3.0.4")
        for patient in root.iter(f"{OBDS}Patient"):
            assert patient.get("Patient_ID") in numbers
            reports += [report.get("Meldung_ID", "") for report in patient.iter(f"{OBDS}Meldung")]
        for report in root.iter(f"{OBDS}Meldung"):
            kinds = {child.tag.removeprefix(OBDS) for child in report} & REPORTS
            assert len(kinds) == 1
            assert report.find(f"{OBDS}Tumorzuordnung/{OBDS}Primaertumor_ICD/{OBDS}Code") is not None
    assert len(reports) == len(set(reports)) == summary.reports[hospital]


def test_all_kinds_of_reports_occur(region: Region) -> None:
    found = {
        child.tag.removeprefix(OBDS)
        for path in region[0].rglob("*.xml")
        for report in etree.parse(path).getroot().iter(f"{OBDS}Meldung")
        for child in report
    }
    assert found >= REPORTS


def test_hospitals_do_not_write_tumours_as_fhir(region: Region) -> None:
    for hospital in HOSPITALS:
        codes = [
            coding["code"]
            for each in _resources(region[0], hospital)
            if each["resourceType"] == "Condition"
            for coding in each["code"]["coding"]
        ]
        assert not [code for code in codes if code.startswith("C")]


def test_the_truth_lists_exactly_the_patients_that_exist(region: Region) -> None:
    out, _ = region
    truth = orjson.loads((out / "truth.json").read_bytes())
    assert len(truth) == 240
    told = sorted((member, number) for records in truth.values() for member, number in records)
    written = sorted(
        (member.id, each["identifier"][0]["value"])
        for member in MEMBERS
        for each in _resources(out, member.id)
        if each["resourceType"] == "Patient"
    )
    assert told == written


def test_sign_ins_and_cases_name_existing_patients(region: Region) -> None:
    out, _ = region
    guide = orjson.loads((out / "region.json").read_bytes())
    assert [member["id"] for member in guide["members"]] == [member.id for member in MEMBERS]
    patient = guide["personas"][0]
    assert (patient["id"], patient["name"], patient["member"]) == (
        "patient",
        "Kerstin Muster-Test",
        "netzwerk",
    )
    places = [(patient["member"], patient["patient_number"])]
    places += [pair for case in guide["cases"].values() for pair in case["numbers"].items()]
    for member, number in places:
        numbers = {
            each["identifier"][0]["value"]
            for each in _resources(out, member)
            if each["resourceType"] == "Patient"
        }
        assert number in numbers


def test_progress_ends_with_everybody(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_region(
        tmp_path, seed=1, people=50, today=TODAY, progress=lambda done, all_: told.append((done, all_))
    )
    assert told == [(20, 50), (40, 50), (50, 50)]


def test_a_region_too_small_for_its_story_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="special cases") as refused:
        write_region(tmp_path / "small", seed=1, people=3, today=TODAY)
    assert "Ask for at least" in str(refused.value)
    assert not (tmp_path / "small").exists()
