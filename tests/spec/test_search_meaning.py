"""What a search means, case by case: a small record, a question, the ids that answer it, on every engine."""

# fixtures are imported by name
from __future__ import annotations

from typing import Any

import pytest

from mihub.core.fhir.dates import zone
from mihub.database.embedded import Embedded
from mihub.database.pool import open_pool
from mihub.site.search.catalogue import catalogue
from mihub.site.search.extract import indexer
from mihub.site.search.memory import MemorySearch
from mihub.site.search.parse import PageLimits, Parser
from mihub.site.search.postgres import PostgresSearch
from mihub.site.search.protocol import Search
from mihub.site.store.memory import MemoryStore
from mihub.site.store.postgres import PostgresStore
from mihub.site.store.protocol import Put
from tests.store_record import access, postgres, transport_id  # noqa: F401  # fixture

ZONE = zone("Europe/Berlin")
PARSER = Parser(catalogue(), ZONE, PageLimits())
LOINC = "http://loinc.org"
ICD = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def of(patient: str) -> dict[str, Any]:
    return {"reference": f"Patient/{patient}"}


RECORD: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "eva", "birthDate": "1958-03-04", "gender": "female",
     "name": [{"family": "Müller-Beispiel", "given": ["Eva", "Maria"]}],
     "telecom": [{"system": "phone", "value": "0371 1"}], "meta": {"profile": ["https://p/Patient|1.0"]}},
    {"resourceType": "Patient", "id": "ole", "birthDate": "1958", "name": [{"family": "Muster", "given": ["Ole"]}],
     "generalPractitioner": [{"reference": "Practitioner/gp"}]},
    {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Lindenhof"}]},
    {"resourceType": "Condition", "id": "lung", "subject": of("eva"), "code": coded(ICD, "C34.1"),
     "onsetPeriod": {"start": "2024-02", "end": "2024-04"}, "recordedDate": "2024-05-01"},
    {"resourceType": "Condition", "id": "colon", "subject": of("ole"), "code": {"text": "no code"}},
    {"resourceType": "Observation", "id": "hb", "status": "final", "subject": of("eva"), "code": coded(LOINC, "718-7"),
     "effectiveDateTime": "2024-03-31T01:30:00+01:00", "encounter": {"reference": "Encounter/e1"},
     "valueQuantity": {"value": 7.25, "unit": "g/dl", "system": "http://unitsofmeasure.org", "code": "g/dL"}},
    {"resourceType": "Observation", "id": "packyears", "status": "amended", "subject": of("eva"),
     "code": coded(LOINC, "8664-5"), "effectiveDateTime": "2024", "valueQuantity": {"value": 30, "unit": "{pack}"}},
    {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"}, "subject": of("eva"),
     "period": {"start": "2024-03-30"}},
    {"resourceType": "Task", "id": "referral", "status": "requested", "for": of("eva"),
     "code": coded("https://mihub.example/fhir/CodeSystem/task", "referral"),
     "owner": {"identifier": {"system": "https://mihub.example/sid/member", "value": "radiologie"}},
     "restriction": {"period": {"end": "2024-06-30"}}},
    {"resourceType": "CarePlan", "id": "journey", "status": "active", "subject": of("eva"),
     "instantiatesCanonical": ["https://mihub.example/fhir/PlanDefinition/lung|1.2"]},
    {"resourceType": "Communication", "id": "letter", "status": "completed", "recipient": [of("ole")],
     "category": [coded("https://mihub.example/fhir/CodeSystem/communication", "result-letter")]},
]  # fmt: skip

MEANINGS = [
    # strings begin, without case and accents; :exact and :contains say otherwise
    ("Patient?name=muller", "eva"), ("Patient?family=MÜLLER-b", "eva"), ("Patient?name=maria", "eva"),
    ("Patient?name=eva maria muller", "eva"), ("Patient?family=beispiel", ""),
    ("Patient?family:contains=beispiel", "eva"), ("Patient?family:exact=Muster", "ole"),
    ("Patient?family:exact=muster", ""), ("Patient?name=muster,muller", "eva ole"), ("Patient?name=eva&name=ole", ""),
    # tokens: system and code, either alone, not
    (f"Condition?code={ICD}|C34.1", "lung"), ("Condition?code=C34.1", "lung"), (f"Condition?code={ICD}|", "lung"),
    ("Condition?code=|C34.1", ""), ("Condition?code=https://else|C34.1", ""), ("Condition?code=c34.1", ""),
    ("Condition?code:not=C34.1", "colon"), ("Condition?code:missing=true", "colon"),
    ("Observation?status=final,amended", "hb packyears"), ("Observation?status:not=final", "packyears"),
    ("Patient?phone=0371 1", "eva"), ("Patient?telecom=phone|0371 1", "eva"), ("Patient?gender:missing=true", "ole"),
    # dates: the range of the resource inside, before, after, overlapping that of the question; a day is local
    ("Patient?birthdate=1958", "eva ole"), ("Patient?birthdate=1958-03", "eva"), ("Patient?birthdate=lt1958-02", "ole"),
    ("Patient?birthdate=gt1958-04", "ole"), ("Patient?birthdate=ne1958-03-04", "ole"), ("Patient?birthdate=sa1957", "eva ole"),
    ("Patient?birthdate=eb1958-04", "eva"), ("Patient?birthdate=ap1958-03-04", "eva ole"),
    ("Observation?date=2024-03-31", "hb"), ("Observation?date=2024-03-31T00:30:00Z", "hb"),
    ("Observation?date=2024-03-30", ""), ("Observation?date=ge2024-03-31", "hb packyears"),
    ("Observation?date=ge2024-04-01&date=le2024-12-31", "packyears"), ("Condition?onset-date=2024", "lung"),
    ("Condition?onset-date=ge2024-05", ""), ("Encounter?date=ge2030", "e1"), ("Task?due=le2024-06-30", "referral"),
    # quantities: the written precision, units
    ("Observation?value-quantity=7.25", "hb"), ("Observation?value-quantity=7.3", "hb"), ("Observation?value-quantity=7.4", ""),
    ("Observation?value-quantity=7", "hb"),
    ("Observation?value-quantity=7.2", ""), ("Observation?value-quantity=gt7.25", "packyears"),
    ("Observation?value-quantity=ge7.25||g/dl", "hb"), ("Observation?value-quantity=7.25|http://unitsofmeasure.org|g/dL", "hb"),
    ("Observation?value-quantity=7.25|http://unitsofmeasure.org|mg", ""), ("Observation?value-quantity=ap8", "hb"),
    # references: by id, type, logical identifier, canonical with and without version
    ("Observation?patient=eva", "hb packyears"), ("Observation?subject=Patient/eva&code=718-7", "hb"),
    ("Observation?subject:Patient=eva&encounter=e1", "hb"), ("Observation?patient=Encounter/e1", ""),
    ("Task?owner:identifier=https://mihub.example/sid/member|radiologie", "referral"), ("Task?owner:missing=false", ""),
    ("CarePlan?instantiates-canonical=https://mihub.example/fhir/PlanDefinition/lung", "journey"),
    ("CarePlan?instantiates-canonical=https://mihub.example/fhir/PlanDefinition/lung|1.2", "journey"),
    ("CarePlan?instantiates-canonical=https://mihub.example/fhir/PlanDefinition/lung|1.3", ""),
    ("Patient?_profile=https://p/Patient", "eva"), ("Communication?recipient=ole&category=result-letter", "letter"),
    # through references, one step, and back
    ("Observation?patient.family=muller&date=2024-03-31", "hb"), ("Observation?encounter.class=AMB", "hb"),
    ("Patient?general-practitioner.name=linden", "ole"), ("Observation?subject.gender=female", "hb packyears"),
    (f"Patient?_has:Condition:patient:code={ICD}|C34.1", "eva"), ("Patient?_has:Observation:patient:date=gt2025", ""),
    ("Patient?identifier=https://mihub.example/sid/transport-id|f657661", "eva"),
    ("Patient?_id=eva,none", "eva"), ("Patient?_lastUpdated=lt2001", ""), ("Patient", "eva ole"),
]  # fmt: skip

ORDERS = [
    ("Observation?_sort=-value-quantity", "packyears hb"),
    ("Observation?_sort=date", "packyears hb"),
    ("Patient?_sort=-birthdate,family", "eva ole"),
    ("Patient?_sort=gender", "eva ole"),
    ("Patient?_sort=-gender", "eva ole"),
    ("Condition?_sort=-_id", "lung colon"),
]


@pytest.fixture(scope="module", params=["memory", "postgres"])
def search(request: pytest.FixtureRequest) -> Any:
    index = indexer(catalogue(), ZONE, transport_id)
    puts = [Put(resource) for resource in RECORD]
    if request.param == "memory":
        memory = MemoryStore(index)
        memory.write(puts, access())
        yield MemorySearch(memory)
        return
    server: Embedded = request.getfixturevalue("postgres")
    pool = open_pool(server.url("meaning"))
    PostgresStore(pool, index).write(puts, access())
    yield PostgresSearch(pool)
    pool.close()


def _found(search: Search, question: str) -> list[str]:
    kind, _, query = question.partition("?")
    parameters = [
        (name, text) for name, _, text in (part.partition("=") for part in query.split("&")) if name
    ]
    page = search.find(PARSER.parse(kind, parameters), access())
    assert page.total == len(page.matches)
    return [version.id for version in page.matches]


@pytest.mark.parametrize(("question", "ids"), MEANINGS)
def test_a_question_finds(search: Search, question: str, ids: str) -> None:
    assert sorted(_found(search, question)) == sorted(ids.split())


@pytest.mark.parametrize(("question", "ids"), ORDERS)
def test_an_order_puts_missing_values_last(search: Search, question: str, ids: str) -> None:
    assert _found(search, question) == ids.split()
