"""A small region in memory for page tests: members, sign-ins, one patient known at three sites, no server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.testclient import TestClient

from mihub.care.client import MemoryFhirClient
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient, Parameters
from mihub.core.policy.actor import Access, Actor, MemberId, PersonId, TransportId
from mihub.errors import Unavailable
from mihub.portals.shell.houses import HouseClient, Houses
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.region import Region
from mihub.portals.shell.session import RecordPlace

TODAY = date(2026, 11, 23)
TRANSPORT = "https://mihub.example/sid/transport-id"
MEMBER = "https://mihub.example/sid/member"
LOINC = "http://loinc.org"
ICD = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
OPS = "http://fhir.de/CodeSystem/bfarm/ops"
SNOMED = "http://snomed.info/sct"

REGION: Mapping[str, Any] = {
    "members": [
        {"id": "netzwerk", "name": "MiHUB-Netzwerk (Demo)", "phone": "0351 555 0100", "place": "Dresden"},
        {"id": "dresden", "name": "Uniklinikum Elbaue (Demo)", "phone": "0351 555 0200", "place": "Dresden"},
        {
            "id": "chemnitz",
            "name": "Klinikum Erzgebirgsblick (Demo)",
            "phone": "0371 555 0300",
            "place": "Chemnitz",
        },
        {
            "id": "praxis-a",
            "name": "Hausarztpraxis Lindenhof (Demo)",
            "phone": "03731 555 010",
            "place": "Freiberg",
        },
    ],
    "personas": [
        {
            "id": "patient",
            "role": "patient",
            "name": "Kerstin Muster-Test",
            "member": "netzwerk",
            "patient_number": "MR1",
            "label": {"de": "Patientin in der Nachsorge", "en": "Patient in aftercare"},
        },
        {"id": "gp", "role": "gp", "name": "Dr. Jana Probe", "member": "praxis-a"},
        {"id": "engineer", "role": "site-engineer", "name": "Tom Technik", "member": "chemnitz"},
        {"id": "dpo", "role": "data-protection-officer", "name": "Ute Schutz", "member": "netzwerk"},
        {"id": "researcher", "role": "researcher", "name": "Dr. Frage", "member": "dresden"},
    ],
}


class SilentClient(MemoryFhirClient):
    """A site that never answers."""

    async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        """Silence."""
        raise Unavailable("chemnitz does not answer.")


class MemoryHouses(Houses):
    """Houses whose sites are in memory; `asked` lists every access."""

    def __init__(
        self, sites: Mapping[str, MemoryFhirClient], json: Mapping[str, HouseClient] | None = None
    ) -> None:
        super().__init__(fhir={}, roots={}, sign=lambda access, audience: "")
        self.memory = dict(sites)
        self._json = dict(json or {})
        self.asked: list[tuple[str, Access]] = []

    @property
    def sites(self) -> tuple[MemberId, ...]:
        """All members in memory."""
        return tuple(MemberId(member) for member in self.memory)

    def fhir(self, member: str, access: Access) -> FhirClient:
        """The site in memory."""
        self.asked.append((member, access))
        return self.memory[member]

    def json(self, house: str, access: Access) -> HouseClient:
        """A house given by the test."""
        self.asked.append((house, access))
        return self._json[house]


class MemoryPeople:
    """Everybody is the one patient at every site."""

    def __init__(self, members: tuple[str, ...]) -> None:
        self._places = tuple(RecordPlace(MemberId(member), TransportId(f"t-{member}")) for member in members)

    async def by_number(
        self, member: str, patient_number: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        """The patient."""
        return PersonId("person"), self._places

    async def by_patient(
        self, member: str, patient_id: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        """The patient."""
        return PersonId("person"), self._places


def coded(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code, "display": display}]}


def patient(member: str, **more: Any) -> Resource:
    """The patient at one member."""
    return {
        "resourceType": "Patient",
        "id": f"p-{member}",
        "identifier": [{"system": TRANSPORT, "value": f"t-{member}"}],
        "name": [{"family": "Muster-Test", "given": ["Kerstin"]}],
        **more,
    }


def about(member: str, resource_type: str, resource_id: str, **more: Any) -> Resource:
    """A resource about the patient at one member."""
    link = {"reference": f"Patient/p-{member}"}
    name = {"Task": "for", "AllergyIntolerance": "patient", "Consent": "patient", "Appointment": ""}.get(
        resource_type, "subject"
    )
    linked = {name: link} if name else {}
    return {"resourceType": resource_type, "id": resource_id, **linked, **more}


def audit(
    member: str, who: str, role: str, organization: str, moment: str, purpose: str = "TREAT"
) -> Resource:
    """An access record as a site renders it."""
    return {
        "resourceType": "AuditEvent",
        "recorded": moment,
        "action": "R",
        "purposeOfEvent": [coded("http://terminology.hl7.org/CodeSystem/v3-ActReason", purpose)],
        "agent": [
            {
                "requestor": True,
                "name": who,
                "role": [coded("https://mihub.example/fhir/CodeSystem/role", role)],
                "location": {"identifier": {"system": MEMBER, "value": organization}},
            },
            {"requestor": False, "who": {"identifier": {"system": MEMBER, "value": member}}},
        ],
        "entity": [{"what": {"reference": f"Patient/p-{member}"}}],
    }


def kerstin() -> dict[str, MemoryFhirClient]:
    """One lung cancer journey: found by screening, operated in Chemnitz, aftercare planned."""
    return {"netzwerk": _care_record(), "dresden": _dresden(), "chemnitz": _chemnitz()}


def _care_record() -> MemoryFhirClient:
    here = "netzwerk"
    team = [
        {
            "member": {"identifier": {"system": MEMBER, "value": "praxis-a"}},
            "role": [{"text": "Hausarztpraxis, Nachsorge"}],
        },
        {
            "member": {"identifier": {"system": MEMBER, "value": "dresden"}},
            "role": [{"text": "Tumorkonferenz"}],
        },
    ]
    plan = "https://mihub.example/fhir/aftercare/lung"
    task = coded("https://mihub.example/fhir/CodeSystem/task", "aftercare-visit")
    visit = {"status": "requested", "code": task, "description": "CT und Gespräch"}
    base = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3"
    provision = {
        "type": "deny",
        "period": {"start": "2026-05-20", "end": "2056-05-19"},
        "provision": [
            {"type": "permit", "code": [coded(base, f"{base[8:]}.8")], "period": {"end": "2031-05-19"}},
            {"type": "deny", "code": [coded(base, f"{base[8:]}.49")]},
            {"type": "permit", "code": [coded(base, f"{base[8:]}.103")]},
        ],
    }
    return MemoryFhirClient(
        [
            patient(here),
            about(here, "CareTeam", "team", status="active", participant=team),
            about(
                here,
                "CarePlan",
                "plan",
                status="active",
                title="Nachsorge Lunge",
                instantiatesCanonical=[plan],
                period={"start": "2026-10-20"},
                activity=[
                    {
                        "detail": {
                            "status": "scheduled",
                            "description": "CT der Lunge",
                            "scheduledPeriod": {"start": "2026-12-14"},
                        }
                    }
                ],
            ),
            about(here, "Task", "due", restriction={"period": {"end": "2026-12-14"}}, **visit),
            about(
                here,
                "Appointment",
                "visit",
                status="booked",
                start="2026-12-02T09:30:00+01:00",
                description="Gespräch zur Nachsorge",
                participant=[
                    {"actor": {"reference": f"Patient/p-{here}"}},
                    {"actor": {"identifier": {"system": MEMBER, "value": "praxis-a"}}},
                ],
            ),
            about(
                here,
                "Communication",
                "letter",
                status="completed",
                sent="2026-05-10T10:00:00+02:00",
                category=[coded("https://mihub.example/fhir/CodeSystem/communication", "result-letter")],
            ),
            about(
                here,
                "Consent",
                "research",
                status="active",
                dateTime="2026-05-20",
                scope=coded("x", "research"),
                provision=provision,
            ),
            audit(here, "Dr. Jana Probe", "gp", "praxis-a", "2026-11-22T08:15:00+01:00"),
            audit(here, "Kerstin Muster-Test", "patient", "netzwerk", "2026-11-22T09:00:00+01:00", "PATRQT"),
        ]
    )


def _dresden() -> MemoryFhirClient:
    here = "dresden"
    onko = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/StructureDefinition/mii-pr-onko-tumorkonferenz"
    return MemoryFhirClient(
        [
            patient(here),
            about(
                here,
                "Condition",
                "c1",
                code=coded(ICD, "C34.1", "Bösartige Neubildung: Oberlappen"),
                onsetDateTime="2026-05-19",
            ),
            about(
                here,
                "Observation",
                "tnm",
                status="final",
                code=coded(SNOMED, "399537006", "Clinical TNM"),
                valueCodeableConcept=coded("https://www.uicc.org/resources/tnm", "IIB", "Stadium IIB"),
                effectiveDateTime="2026-05-21",
            ),
            about(
                here,
                "Observation",
                "histo",
                status="final",
                code=coded(LOINC, "59847-4", "Histologie"),
                valueCodeableConcept=coded(
                    "http://terminology.hl7.org/CodeSystem/icd-o-3", "8140/3", "Adenokarzinom"
                ),
                effectiveDateTime="2026-05-19",
            ),
            about(
                here,
                "DiagnosticReport",
                "patho",
                status="final",
                code=coded(LOINC, "60567-5", "Pathologiebefund"),
                effectiveDateTime="2026-05-20",
                conclusion="Adenokarzinom der Lunge, G2.",
                result=[{"reference": "Observation/histo"}],
                performer=[{"display": "Institut für Pathologie"}],
            ),
            about(
                here,
                "CarePlan",
                "board",
                status="active",
                created="2026-05-26",
                meta={"profile": [onko]},
                activity=[{"detail": {"status": "completed", "code": coded("x", "OP", "Operation")}}],
            ),
            audit(here, "Dr. Omar Onko", "oncologist", "dresden", "2026-11-20T11:00:00+01:00"),
            audit(here, "Dr. Omar Onko", "oncologist", "dresden", "2026-11-20T11:05:00+01:00"),
        ]
    )


def _chemnitz() -> MemoryFhirClient:
    here = "chemnitz"
    laboratory = [coded("http://terminology.hl7.org/CodeSystem/observation-category", "laboratory")]
    return MemoryFhirClient(
        [
            patient(here),
            about(
                here,
                "Condition",
                "c1",
                code=coded(ICD, "C34.1", "Bösartige Neubildung: Oberlappen"),
                recordedDate="2026-06-01",
            ),
            about(
                here,
                "DiagnosticReport",
                "ldct",
                status="final",
                code=coded(LOINC, "79101-2", "LDCT Thorax"),
                effectiveDateTime="2026-05-02",
                conclusion="Solider Rundherd 16 mm.",
                conclusionCode=[
                    coded(
                        "https://mihub.example/fhir/CodeSystem/lung-screening-finding",
                        "clarification-requiring",
                    )
                ],
            ),
            about(
                here,
                "Procedure",
                "op",
                status="completed",
                code=coded(OPS, "5-324", "Lobektomie"),
                performedDateTime="2026-06-09",
            ),
            about(
                here,
                "Procedure",
                "drug",
                status="in-progress",
                category=coded(SNOMED, "18629005"),
                code=coded(OPS, "6-00", "Osimertinib"),
                performedPeriod={"start": "2026-07-11"},
            ),
            about(
                here,
                "Observation",
                "hb",
                status="final",
                category=laboratory,
                code=coded(LOINC, "718-7", "Hämoglobin"),
                valueQuantity={"value": 7.1, "unit": "mmol/l"},
                effectiveDateTime="2026-11-10",
                referenceRange=[{"low": {"value": 7.4}, "high": {"value": 9.9}}],
                interpretation=[coded("x", "L")],
            ),
            about(
                here,
                "DiagnosticReport",
                "lab",
                status="final",
                code=coded(LOINC, "11502-2", "Labor"),
                effectiveDateTime="2026-11-10",
                result=[{"reference": "Observation/hb"}],
            ),
            about(
                here,
                "Encounter",
                "stay",
                status="finished",
                period={"start": "2026-06-08", "end": "2026-06-17"},
                **{"class": {"code": "IMP"}},
            ),
            about(
                here,
                "MedicationStatement",
                "med",
                status="active",
                effectivePeriod={"start": "2026-07-11"},
                medicationCodeableConcept=coded("http://fhir.de/CodeSystem/bfarm/atc", "C09AA05", "Ramipril"),
                dosage=[{"text": "1-0-0"}],
            ),
        ]
    )


def portal_of_memory(
    sites: Mapping[str, MemoryFhirClient] | None = None, json: Mapping[str, HouseClient] | None = None
) -> Portal:
    """A portal over sites in memory."""
    held = dict(sites if sites is not None else kerstin())
    return Portal(
        region=Region.parse(REGION),
        houses=MemoryHouses(held, json),
        people=MemoryPeople(tuple(held)),
        today=lambda: TODAY,
        is_demo=True,
    )


def csrf(html: str) -> str:
    """The hidden field's value."""
    found = re.search(r'name="_csrf" value="([0-9a-f]+)"', html)
    assert found, "every form carries the CSRF field"
    return found[1]


def sign_in(browser: TestClient, persona: str) -> None:
    """Sign in as a persona."""
    answer = browser.post(
        "/anmelden", data={"_csrf": csrf(browser.get("/").text), "persona": persona}, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
