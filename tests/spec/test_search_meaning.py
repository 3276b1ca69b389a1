"""What a search means, case by case: a small record, a question, the ids that answer it, on every engine."""

# fixtures are imported by name
from __future__ import annotations

from typing import Any

import pytest

from mihub.core.fhir.dates import zone
from mihub.database.embedded import Embedded
from mihub.database.pool import open_pool
from mihub.errors import MihubError, NotSupported
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
UCUM = "http://unitsofmeasure.org"
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
    {"resourceType": "Organization", "id": "hospital", "name": "Klinikum Beispielstadt",
     "identifier": [{"system": "https://o", "value": "1", "type": {**coded("https://t", "PRN"), "text": "Provider number"}}]},
    {"resourceType": "Organization", "id": "ward", "partOf": {"reference": "Organization/hospital"}, "name": "Station 4"},
    {"resourceType": "Patient", "id": "ida", "managingOrganization": {"reference": "Organization/ward"}},
    {"resourceType": "Observation", "id": "pressure", "status": "final", "subject": of("ida"), "code": coded(LOINC, "85354-9"),
     "component": [
         {"code": coded(LOINC, "8480-6"), "valueQuantity": {"value": 120, "system": UCUM, "code": "mm[Hg]"}},
         {"code": coded(LOINC, "8462-4"), "valueQuantity": {"value": 80, "system": UCUM, "code": "mm[Hg]"}},
         {"code": coded(LOINC, "8478-0"), "valueCodeableConcept": coded("https://v", "high")}]},
    {"resourceType": "Observation", "id": "fever", "status": "final", "subject": of("ida"),
     "code": {**coded(LOINC, "8310-5"), "text": "Body temperature"},
     "valueQuantity": {"value": 38.5, "system": UCUM, "code": "Cel"}, "hasMember": [{"reference": "Observation/pressure"}]},
    {"resourceType": "Provenance", "id": "origin", "target": [{"reference": "Observation/fever"}],
     "agent": [{"who": {"reference": "Practitioner/gp"}}], "recorded": "2024-01-01T00:00:00Z"},
    {"resourceType": "List", "id": "chosen", "status": "current", "mode": "working",
     "entry": [{"item": {"reference": "Observation/fever"}}, {"item": {"reference": "Patient/ida"}}]},
    {"resourceType": "ValueSet", "id": "v1", "status": "active", "url": "https://a/fhir/ValueSet/one", "version": "1.2.3"},
    {"resourceType": "ValueSet", "id": "v2", "status": "active", "url": "https://a/fhirs/ValueSet/two"},
    {"resourceType": "DocumentReference", "id": "amended", "status": "current",
     "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/old"}},
                   {"code": "appends", "target": {"reference": "DocumentReference/other"}}]},
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
    ("Observation?status=final,amended", "hb packyears pressure fever"), ("Observation?status:not=final", "packyears"),
    ("Patient?phone=0371 1", "eva"), ("Patient?telecom=phone|0371 1", "eva"), ("Patient?gender:missing=true", "ole ida"),
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
    ("Observation?value-quantity=7.2", ""), ("Observation?value-quantity=gt7.25", "packyears fever"),
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
    ("Patient?_id=eva,none", "eva"), ("Patient?_lastUpdated=lt2001", ""), ("Patient", "eva ole ida"),
    # composites: both in the same element, or in the resource itself
    ("Observation?component-code-value-quantity=8480-6$gt100", "pressure"),
    ("Observation?component-code-value-quantity=8480-6$lt100", ""),
    (f"Observation?component-code-value-quantity={LOINC}|8462-4$80|{UCUM}|mm[Hg]", "pressure"),
    ("Observation?component-code-value-concept=8478-0$https://v|high", "pressure"),
    ("Observation?component-code-value-concept=8480-6$https://v|high", ""),
    ("Observation?combo-code-value-quantity=8480-6$120,718-7$7.25", "pressure hb"),
    ("Observation?code-value-quantity=718-7$gt7", "hb"), ("Observation?code-value-quantity=8664-5$7.25", ""),
    ("DocumentReference?relationship=DocumentReference/old$replaces", ""),
    ("DocumentReference?relationship=replaces$DocumentReference/old", "amended"),
    ("DocumentReference?relationship=appends$DocumentReference/old", ""),
    # amounts in any unit of the same kind
    (f"Observation?value-quantity=72.5|{UCUM}|g/L", "hb"), (f"Observation?value-quantity=gt72.4|{UCUM}|g/L", "hb"),
    (f"Observation?value-quantity=gt72.5|{UCUM}|g/L", ""), (f"Observation?value-quantity=ge72.50|{UCUM}|g/L", "hb"),
    (f"Observation?value-quantity=gt311|{UCUM}|K", "fever"), (f"Observation?value-quantity=gt101|{UCUM}|[degF]", "fever"),
    (f"Observation?value-quantity=7.25|{UCUM}|nonsense", ""),
    # what a code is called, and of which type an identifier is
    ("Observation?code:text=body", "fever"), ("Observation?code:text=temperature", ""),
    ("Organization?identifier:text=provider", "hospital"),
    ("Organization?identifier:of-type=https://t|PRN|1", "hospital"), ("Organization?identifier:of-type=https://t|PRN|2", ""),
    # URLs by their path, canonicals by version
    ("ValueSet?url:below=https://a/fhir", "v1"), ("ValueSet?url:below=https://a/", "v1 v2"),
    ("ValueSet?url:above=https://a/fhir/ValueSet/one/more", "v1"), ("ValueSet?url=https://a/fhir", ""),
    ("Patient?_profile:below=https://p/Patient|1", "eva"), ("Patient?_profile:below=https://p", "eva"),
    ("CarePlan?instantiates-canonical:below=https://mihub.example/fhir/PlanDefinition/lung|1", "journey"),
    # through references, any number of steps, and back, mixed
    ("Observation?subject:Patient.organization.partof.name=klinikum", "pressure fever"),
    ("Observation?patient.organization.name=station", "pressure fever"),
    ("Observation?has-member.subject.organization=ward", "fever"),
    ("Organization?_has:Patient:organization:_has:Observation:patient:code=8310-5", "ward"),
    ("Organization?_has:Patient:organization:organization.name=station", "ward"),
    ("Observation?subject:Patient._has:List:item:_id=chosen", "pressure fever"),
    ("Observation?_has:Provenance:target:agent.name=linden", "fever"),
    ("Observation?_list=chosen", "fever"), ("Patient?_list=chosen", "ida"), ("Patient?_list=none", ""),
]  # fmt: skip

ORDERS = [
    ("Observation?_sort=-value-quantity", "fever packyears hb pressure"),
    ("Observation?_sort=date", "packyears hb pressure fever"),
    ("Patient?_sort=-birthdate,family", "eva ole ida"),
    ("Patient?_sort=gender", "eva ole ida"),
    ("Patient?_sort=-gender", "eva ole ida"),
    ("Observation?_sort=status,-code,date,value-quantity,-subject,_id", "packyears pressure fever hb"),
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


# What comes along: from the matches, and with :iterate from what came along.
ALONG = [
    ("Observation?_id=fever&_include=Observation:subject", "ida"),
    ("Observation?_id=fever&_include=Observation:subject&_include=Patient:organization", None),
    ("Observation?_id=fever&_include=Observation:subject&_include:iterate=Patient:organization", "ida ward"),
    ("Observation?_id=fever&_include=Observation:subject&_include:iterate=Patient:organization"
     "&_include:iterate=Organization:partof", "ida ward hospital"),
    ("Observation?_id=fever&_include=*", "ida pressure"), ("Observation?_id=fever&_include=Observation:*:Patient", "ida"),
    ("Observation?_id=fever&_include:iterate=*", "ida pressure ward hospital"),
    ("Patient?_id=ida&_revinclude=*", "pressure fever chosen"), ("Patient?_id=ida&_revinclude=Observation:*", "pressure fever"),
    ("Patient?_id=ida&_revinclude=Observation:subject&_revinclude:iterate=Provenance:target", "pressure fever origin"),
    ("Organization?_id=hospital&_revinclude:iterate=Organization:partof", "ward"),
    ("Observation?_id=hb&_include=Observation:subject:Group", ""),
]  # fmt: skip


@pytest.mark.parametrize(("question", "ids"), ALONG)
def test_what_comes_along(search: Search, question: str, ids: str | None) -> None:
    kind, _, query = question.partition("?")
    parameters = [(name, text) for name, _, text in (part.partition("=") for part in query.split("&"))]
    if ids is None:
        with pytest.raises(NotSupported, match="included reference is not known"):
            PARSER.parse(kind, parameters)
        return
    page = search.find(PARSER.parse(kind, parameters), access())
    assert sorted(version.id for version in page.included) == sorted(ids.split())


# Over several types, and inside a compartment.
WIDE = [
    ("", "_type=Patient,Organization", None, "eva ole ida hospital ward"),
    ("", "_type=Patient,Organization&name=eva,station", None, "eva ward"),
    ("", "_type=Observation,Condition&subject.name=eva", None, "hb packyears lung"),
    ("", "_profile=https://p/Patient", None, "eva"), ("", "_id=eva,hb,hospital", None, "eva hb hospital"),
    ("", "_list=chosen", None, "fever ida"), ("Observation", "", ("Patient", "ida"), "pressure fever"),
    ("Observation", "code=8310-5", ("Patient", "ida"), "fever"), ("", "", ("Patient", "ole"), "ole colon letter"),
    ("", "_type=Observation", ("Encounter", "e1"), "hb"), ("", "", ("Encounter", "e1"), "hb e1"),
    ("Patient", "", ("Practitioner", "gp"), "ole"), ("", "_type=Patient,Provenance", ("Practitioner", "gp"), "ole origin"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "query", "owner", "ids"), WIDE)
def test_over_types_and_in_compartments(
    search: Search, kind: str, query: str, owner: tuple[str, str] | None, ids: str
) -> None:
    parameters = [
        (name, text) for name, _, text in (part.partition("=") for part in query.split("&")) if name
    ]
    question = PARSER.parse(kind or "*", parameters, compartment=owner)
    assert sorted(one.id for one in search.find(question, access()).matches) == sorted(ids.split())


REFUSALS = [
    ("Patient", "brithdate=1958", "Is birthdate or death-date meant"), ("Patient", "_text=x", "_text finds nothing here"),
    ("Patient", "_content=x", "_content finds nothing"), ("Patient", "_filter=name eq x", "_filter is not offered"),
    ("Location", "near=1|2", "Places are not indexed"), ("Patient", "_contained=true", "Contained resources are not searched"),
    ("Patient", "_summary=some", "true, text, data, count or false"), ("Patient", "_list=$current-allergies", "no lists by name"),
    ("Observation", "code-value-quantity=1", "takes 2 values"), ("Observation", "code:in=https://x", "needs a terminology"),
    ("Observation", "code:below=x", "a code with its system"), ("Patient", "name:not=x", "Known: contains, exact, missing"),
    ("Patient", "identifier:of-type=1", "not written system|code|value"), ("Observation", "subject:below=x", "takes a canonical"),
    ("Patient", "_sort=-nosuch", "not known here"), ("Observation", "_sort=code-value-quantity", "gives no order"),
    ("Provenance", "target.target.target.target.target.target.target.target.target.target=x", "too many references"),
    ("Patient", "_has:Observation:code:code=x", "is no reference"), ("Observation", "subject.nosuch=x", "not known"),
    ("Observation", "subject:Patient.nosuch=x", "Patient.nosuch is not known"), ("*", "_type=Nothing", "takes resource types"),
    ("*", "birthdate=1958", "not known here"), ("Observation", "code-value-quantity:missing=true", "no such modifier"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "query", "sentence"), REFUSALS)
def test_a_refusal_says_what_to_do(kind: str, query: str, sentence: str) -> None:
    name, _, text = query.partition("=")
    with pytest.raises(MihubError, match=sentence.replace("(", "[(]")):
        PARSER.parse(kind, [(name, text)])
    assert text == "x" or text not in sentence


class _Tree:
    """A terminology of three codes: C34 above C34.1, and a value set that holds both."""

    def members(self, value_set: str) -> frozenset[tuple[str, str]]:
        return frozenset({(ICD, "C34"), (ICD, "C34.1")}) if value_set == "https://vs" else frozenset()

    def below(self, system: str, code: str) -> frozenset[tuple[str, str]]:
        return frozenset({(system, code)} | ({(ICD, "C34.1")} if code == "C34" else set()))

    def above(self, system: str, code: str) -> frozenset[tuple[str, str]]:
        return frozenset({(system, code)} | ({(ICD, "C34.1")} if code == "C34.12" else set()))


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("code:in=https://vs", "lung"), ("code:not-in=https://vs", "colon"), ("code:not-in=https://empty", "lung colon"),
        ("code:in=https://empty", ""), (f"code:below={ICD}|C34", "lung"), (f"code:above={ICD}|C34.12", "lung"),
        (f"code:below={ICD}|C35", ""),
    ],
)  # fmt: skip
def test_codes_of_a_terminology(search: Search, query: str, ids: str) -> None:
    name, _, text = query.partition("=")
    question = Parser(catalogue(), ZONE, PageLimits(), _Tree).parse("Condition", [(name, text)])
    assert sorted(one.id for one in search.find(question, access()).matches) == sorted(ids.split())


@pytest.mark.parametrize(("question", "ids"), ORDERS)
def test_an_order_puts_missing_values_last(search: Search, question: str, ids: str) -> None:
    assert _found(search, question) == ids.split()
