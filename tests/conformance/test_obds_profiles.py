"""Every resource made from oBDS, held against the snapshot of its profile and the code systems of its module.

Checked: cardinalities, fixed and pattern values, slices, required bindings. Known gaps of the value sets
stand in `obds-codes.json` (`beyond_value_set`): codes that oBDS admits and the MII value set 2025.1.0 does
not hold.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from mihub.core.fhir import Resource
from mihub.core.mii.canonicals import PROFILES
from mihub.core.mii.oncology import operation_category, substance_code, table, table_names, topography_site
from mihub.core.policy.actor import MemberId
from mihub.site.ingest import Importer
from tests.conformance.obds_snapshot import Checker, Definitions
from tests.ingest_memory import MemoryRecord
from tests.obds_sample import one_of_each

_PACKAGES = (
    "hl7.fhir.r4.core-4.0.1.tgz",
    "de.basisprofil.r4-1.5.4.tgz",
    "de.medizininformatikinitiative.kerndatensatz.person-2025.0.0.tgz",
    "de.medizininformatikinitiative.kerndatensatz.onkologie-2025.1.0.tgz",
)


@pytest.fixture(scope="module")
def definitions(shared: Path) -> Definitions:
    return Definitions([shared / "packages" / name for name in _PACKAGES])


@pytest.fixture(scope="module")
def made(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> MemoryRecord:
    """All resources from all fixtures and from our own file with one report of each kind."""
    own = tmp_path_factory.mktemp("obds") / "one.xml"
    own.write_text(one_of_each(), encoding="utf-8")
    record = MemoryRecord()
    Importer(record, MemberId("chemnitz")).run([shared / "data" / "obds", own])
    return record


def _problems(resource: Resource, definitions: Definitions) -> list[str]:
    base = f"http://hl7.org/fhir/StructureDefinition/{resource['resourceType']}"
    profiles = resource.get("meta", {}).get("profile", [base])
    return [problem for profile in profiles for problem in Checker(definitions, profile).problems(resource)]


def _is_known_gap(problem: str) -> bool:
    tables = [table(name) for name in table_names()]
    gaps = [(one.system, code) for one in tables for code in one.beyond_value_set]
    return "not in" in problem and any(str(gap) in problem for gap in gaps)


def test_every_resource_fits_its_profile(made: MemoryRecord, definitions: Definitions) -> None:
    found = {
        f"{resource['resourceType']} {problem}"
        for resource in made.resources.values()
        for problem in _problems(resource, definitions)
        if not _is_known_gap(problem)
    }
    assert not found


def test_the_fixtures_reach_nearly_every_profile_of_the_module(made: MemoryRecord) -> None:
    claimed = {
        profile for resource in made.resources.values() for profile in resource["meta"].get("profile", [])
    }
    assert set(PROFILES["onkologie"].values()) - claimed == set()


@pytest.mark.parametrize(
    ("profile", "damage", "problem"),
    [
        ("diagnose-primaertumor", ("extension", []), "Condition.extension: 0 of at least 1"),
        ("diagnose-primaertumor", ("recordedDate", None), "Condition.recordedDate: 0 of at least 1"),
        ("operation", ("code", {"coding": [{"system": "x"}]}), "Procedure.code.coding:ops: 0 of at least 1"),
        ("grading", ("category", [{"text": "x"}]), "Observation.category:laboratory: 0 of at least 1"),
        ("tumorkonferenz", ("intent", "order"), "CarePlan.intent: does not fit the pattern"),
        ("tod", ("status", "done"), "Observation.status: code done not in"),
        ("fernmetastasen", ("valueCodeableConcept", {"coding": [{"system": "x", "code": "PUL"}]}), "not in"),
    ],
)
def test_the_checker_sees_damage(
    made: MemoryRecord, definitions: Definitions, profile: str, damage: tuple[str, object], problem: str
) -> None:
    kinds = ("Condition", "Procedure", "Observation", "CarePlan")
    resource = deepcopy(next(one for kind in kinds for one in made.of(kind, f"onko-{profile}")))
    resource[damage[0]] = damage[1]
    if damage[1] is None:
        del resource[damage[0]]
    assert any(problem in one for one in _problems(resource, definitions))


def test_the_code_tables_are_those_of_the_module(definitions: Definitions) -> None:
    for name in table_names():
        codes = table(name)
        system = definitions.by_url.get(codes.system)
        if system is None:
            continue
        known = {code for _, code in definitions.codes_of(system)}
        assert set(codes.codes) - known == set(codes.beyond_value_set), name
        assert set(codes.broader.values()) | set(codes.to_2021.values()) <= set(
            table("target-area").codes
        ) | set(codes.codes)


def test_the_canonicals_are_those_of_the_package(definitions: Definitions) -> None:
    for profile in [*PROFILES["onkologie"].values(), *PROFILES["person"].values()]:
        assert "snapshot" in definitions.by_url[profile], profile


def test_lookups_by_hand() -> None:
    assert topography_site("C34.1")["code"] == "39607008"
    assert topography_site("C38.4")["code"] == "3120008"
    assert topography_site("C99.9")["code"] == "123037004"
    assert substance_code(" cisPlatin ") == "L01XA01"
    assert substance_code("Wasser") is None
    assert operation_category("5-324.71")["code"] == "387713003"
    assert operation_category("8-522")["code"] == "277132007"
