"""Questions in, people out: the same table on the reference engine and on DuckDB."""

# ruff: noqa: E501  (one row of the table a line)
from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.mii.ccdl import parse_ccdl
from mihub.core.query.ages import birth_intervals
from mihub.core.query.canonical import query_hash
from mihub.core.query.engine import Engine
from mihub.core.query.from_ccdl import from_ccdl
from mihub.core.query.memory import MemoryEngine
from mihub.core.query.nodes import AgeTest, NumberTest, QuantityTest
from mihub.core.query.templates import built_in
from mihub.core.query.units import quantity_test
from mihub.errors import InvalidInput, NotSupported
from mihub.site.facts.extract import facts_of
from mihub.site.facts.table import FactTable
from tests.unit.test_facts_table import Log

TODAY = date(2026, 11, 23)
ICD = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ATC = "http://fhir.de/CodeSystem/bfarm/atc"
TNM = "https://www.uicc.org/resources/tnm"


def of(number: int) -> dict[str, Any]:
    return {"subject": {"reference": f"Patient/{number}"}}


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def observation(name: str, number: int, code: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "effectiveDateTime": "2025-06-01T08:00:00Z",
    }
    return {**base, "code": code, **of(number), **more}


HB = coded(LOINC, "718-7")
RECORD: list[dict[str, Any]] = [
    *(
        {"resourceType": "Patient", "id": str(n), "gender": "female" if n % 2 else "male", "birthDate": born}
        for n, born in enumerate(["1960-05", "2007-11-23", "2007-11-24", "1955", "2008-01-01"], start=1)
    ),
    {
        "resourceType": "Condition",
        "id": "c1",
        **of(1),
        "code": coded(ICD, "C34.1"),
        "onsetDateTime": "2025-03",
    },
    {
        "resourceType": "Condition",
        "id": "c2",
        **of(2),
        "code": coded(ICD.replace("bfarm", "dimdi"), "C34.9"),
        "recordedDate": "2024-01-01",
        "clinicalStatus": coded("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
    },
    {
        "resourceType": "Condition",
        "id": "c3",
        **of(3),
        "code": coded(ICD, "C34.1"),
        "verificationStatus": coded("x", "refuted"),
    },
    observation("o1", 1, HB, valueQuantity={"value": 13.2, "code": "g/dL"}),
    observation("o2", 2, HB, valueQuantity={"value": 132, "code": "g/L"}),
    observation("o3", 3, HB, valueQuantity={"value": 8.2, "code": "mmol/L"}),
    observation("o4", 4, HB, valueQuantity={"value": 13.2, "code": "g/dL", "comparator": "<"}),
    observation("o5", 5, HB, valueQuantity={"value": 13.2, "code": "g/dL"}, status="entered-in-error"),
    observation("t1", 1, coded(SNOMED, "384625004"), valueCodeableConcept=coded(TNM, "T3c")),
    observation(
        "bp",
        4,
        coded(LOINC, "85354-9"),
        component=[{"code": coded(LOINC, "8480-6"), "valueQuantity": {"value": 150, "code": "mm[Hg]"}}],
    ),
    {"resourceType": "Medication", "id": "m", "code": coded(ATC, "L01EB04")},
    {
        "resourceType": "MedicationStatement",
        "id": "s1",
        **of(1),
        "status": "active",
        "medicationReference": {"reference": "Medication/m"},
        "effectivePeriod": {"start": "2024-05-01"},
    },
    {
        "resourceType": "MedicationAdministration",
        "id": "a2",
        **of(2),
        "status": "completed",
        "medicationReference": {"reference": "#d"},
        "contained": [{"resourceType": "Medication", "id": "d", "code": coded(ATC, "L01CD01")}],
        "effectiveDateTime": "2024-05-01",
    },
    {
        "resourceType": "MedicationAdministration",
        "id": "a3",
        **of(3),
        "status": "not-done",
        "medicationCodeableConcept": coded(ATC, "L01CD01"),
    },
    {
        "resourceType": "Specimen",
        "id": "sp",
        **of(1),
        "type": coded(SNOMED, "119376003"),
        "collection": {"collectedDateTime": "2025-04-01"},
        "extension": [
            {
                "url": "https://www.medizininformatik-initiative.de/fhir/ext/modul-biobank/StructureDefinition/Diagnose",
                "valueReference": {"reference": "Condition/c1"},
            }
        ],
    },
]


def term(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code, "display": code}


def ask(context: str, system: str, code: str, **more: Any) -> dict[str, Any]:
    return {"context": term("fdpg.mii.cds", context), "termCodes": [term(system, code)], **more}


def number(comparator: str, value: float, unit: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "quantity-comparator", "comparator": comparator, "value": value}
    return {"valueFilter": {**body, **({"unit": {"code": unit, "display": unit}} if unit else {})}}


def concept(system: str, code: str) -> dict[str, Any]:
    return {"type": "concept", "selectedConcepts": [term(system, code)]}


def age(comparator: str, value: float, unit: str = "a") -> dict[str, Any]:
    return ask("Patient", SNOMED, "424144002", **number(comparator, value, unit))


SPECIMEN_OF_LUNG = {
    "attributeFilters": [
        {
            "type": "reference",
            "attributeCode": term("mii.abide", "diagnose"),
            "criteria": [ask("Diagnose", ICD, "C34")],
        }
    ]
}
ACTIVE = {
    "attributeFilters": [
        {**concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")}
        | {"attributeCode": term("mii.abide", "status")}
    ]
}
TABLE: list[tuple[str, dict[str, Any], set[int]]] = [
    ("a parent finds its children, under both names of the system", ask("Diagnose", ICD, "C34"), {1, 2}),
    ("a child finds only itself; refuted is no diagnosis", ask("Diagnose", ICD, "C34.1"), {1}),
    ("an attribute of the same resource", ask("Diagnose", ICD, "C34", **ACTIVE), {2}),
    ("a month touches a restriction inside it", ask("Diagnose", ICD, "C34", timeRestriction={"afterDate": "2025-03-31"}), {1}),
    ("both ends are included", ask("Diagnose", ICD, "C34", timeRestriction={"beforeDate": "2024-01-01"}), {2}),
    ("units of one quantity are compared, molar ones are not", ask("Laboruntersuchung", LOINC, "718-7", **number("ge", 13.2, "g/dL")), {1, 2}),
    ("exactly equal across units", ask("Laboruntersuchung", LOINC, "718-7", **number("eq", 132, "g/L")), {1, 2}),
    ("a value known as less is less for certain", ask("Laboruntersuchung", LOINC, "718-7", **number("le", 14, "g/dL")), {1, 2, 4}),
    ("a unit that is not in the table compares with itself", ask("Laboruntersuchung", LOINC, "718-7", **number("gt", 1, "mmol/L")), {3}),
    ("no unit compares with no unit only", ask("Laboruntersuchung", LOINC, "718-7", **number("gt", 1)), set()),
    ("a component is an observation too", ask("Laboruntersuchung", LOINC, "8480-6", **number("gt", 140, "mm[Hg]")), {4}),
    ("TNM by its value", ask("Onkologie", SNOMED, "384625004", valueFilter=concept(TNM, "T3c")), {1}),
    ("selected concepts are exact", ask("Onkologie", SNOMED, "384625004", valueFilter=concept(TNM, "T3")), set()),
    ("a referenced medication", ask("Medikation", ATC, "L01"), {1, 2}),
    ("an open period still touches today", ask("Medikation", ATC, "L01", timeRestriction={"afterDate": "2026-01-01"}), {1}),
    ("an administration only, contained", ask("Medikamentenverabreichung", ATC, "L01"), {2}),
    ("a specimen of a diagnosis", ask("Specimen", SNOMED, "119376003", **SPECIMEN_OF_LUNG), {1}),
    ("gender in the words of LOINC", ask("Patient", LOINC, "LL2191-6", valueFilter=concept("", "F")), {1, 3, 5}),
    ("more than 18 is from the 19th birthday", age("gt", 18), {1, 2, 4}),
    ("the birthday completes the year", age("ge", 19), {1, 2, 4}),
    ("a year of birth must be certain", age("ge", 71), set()),
    ("a year of birth that is certain", age("ge", 70), {4}),
    ("months", age("lt", 228, "mo"), {3, 5}),
]  # fmt: skip


@pytest.fixture(scope="module", params=["memory", "duckdb"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "memory":
        yield MemoryEngine(fact for resource in RECORD for fact in facts_of(resource))
        return
    log = Log()
    for resource in RECORD:
        log.put(resource)
    table = FactTable(tmp_path_factory.mktemp("facts"), log)
    table.refresh()
    with table.asking() as asked:
        yield asked
    table.close()


@pytest.mark.parametrize(("says", "criterion", "people"), TABLE, ids=[row[0] for row in TABLE])
def test_a_question_finds_exactly_these_people(
    engine: Engine, says: str, criterion: dict[str, Any], people: set[int]
) -> None:
    document = {"version": "2", "inclusionCriteria": [[criterion]]}
    node = from_ccdl(parse_ccdl(document)).node
    assert engine.people(node, as_of=TODAY) == {str(n) for n in people}, says
    turned = {"version": "2", "inclusionCriteria": [[age("ge", 0)]], "exclusionCriteria": [[criterion]]}
    others = engine.people(from_ccdl(parse_ccdl(turned)).node, as_of=TODAY)
    assert others == {str(n) for n in range(1, 6)} - {str(n) for n in people}, f"not: {says}"


@pytest.mark.parametrize(
    ("criterion", "where", "says"),
    [
        (ask("Wetter", ICD, "C34"), "$.inclusionCriteria[0][0].context.code", "context"),
        (age("gt", 18, "h"), "$.inclusionCriteria[0][0].valueFilter.unit", "unit of age"),
        (
            age("gt", 18) | {"timeRestriction": {"afterDate": "2020-01-01"}},
            "$.inclusionCriteria[0][0]",
            "person",
        ),
        (
            ask("Patient", LOINC, "LL2191-6", valueFilter=concept("", "Z")),
            "$.inclusionCriteria[0][0].valueFilter",
            "gender",
        ),
        (
            ask(
                "Diagnose",
                ICD,
                "C34",
                attributeFilters=[concept("", "x") | {"attributeCode": term("a", "mood")}],
            ),
            "$.inclusionCriteria[0][0].attributeFilters",
            "attribute",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_and_not_dropped(
    criterion: dict[str, Any], where: str, says: str
) -> None:
    with pytest.raises(NotSupported, match=says) as caught:
        from_ccdl(parse_ccdl({"version": "2", "inclusionCriteria": [[criterion]]}))
    assert caught.value.where == where
    assert caught.value.next_step


def test_the_published_example_has_a_meaning_here(shared: Path) -> None:
    body = orjson.loads((shared / "data" / "ccdl" / "ccdl-all-properties.json").read_bytes())
    cohort = from_ccdl(parse_ccdl(body))
    body["inclusionCriteria"].reverse()
    assert query_hash(from_ccdl(parse_ccdl(body)).node) == query_hash(cohort.node)
    body["inclusionCriteria"].pop()
    assert query_hash(from_ccdl(parse_ccdl(body)).node) != query_hash(cohort.node)


@pytest.mark.parametrize(
    ("test", "unit", "born"),
    [
        (NumberTest("gt", 18), "a", [(None, date(2007, 11, 23))]),
        (NumberTest("gt", 18.5), "a", [(None, date(2007, 11, 23))]),
        (NumberTest("eq", 18), "a", [(date(2007, 11, 24), date(2008, 11, 23))]),
        (NumberTest("eq", 18.5), "a", []),
        (NumberTest("lt", 1), "mo", [(date(2026, 10, 24), date(2026, 11, 23))]),
        (NumberTest("ne", 0), "d", [(None, date(2026, 11, 22))]),
        (NumberTest("lt", 0), "a", []),
    ],
)
def test_ages_become_birth_dates(test: NumberTest, unit: Any, born: list[Any]) -> None:
    assert list(birth_intervals(AgeTest((test,), unit), TODAY)) == born


def test_a_leap_day_birthday_completes_the_year_on_the_first_of_march() -> None:
    grown = AgeTest((NumberTest("ge", 18),), "a")
    assert birth_intervals(grown, date(2022, 2, 28)) == ((None, date(2004, 2, 28)),)
    assert birth_intervals(grown, date(2022, 3, 1)) == ((None, date(2004, 3, 1)),)


def test_a_conversion_is_exact_and_never_molar() -> None:
    test = quantity_test((NumberTest("gt", 0.1),), "g/dL", built_in().units)
    converted = {unit: tests[0].value for unit, tests in test.units}
    assert converted["g/L"] == 1.0
    assert converted["mg/dL"] == 100.0
    assert "mmol/L" not in converted
    assert quantity_test((NumberTest("gt", 1),), "{score}", built_in().units).unit == "1"


def test_every_unit_stands_in_one_group_only() -> None:
    groups = built_in().units.groups
    units = [unit for group in groups.values() for unit in group]
    assert len(units) == len(set(units))


def test_a_senseless_node_can_not_be_made() -> None:
    with pytest.raises(InvalidInput, match="no test"):
        QuantityTest((), "g/L", ())
    with pytest.raises(InvalidInput, match="a, mo, wk or d"):
        AgeTest((NumberTest("gt", 1),), "y")  # type: ignore[arg-type]  # what a wrong caller would do
