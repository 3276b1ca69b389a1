"""A tiny region in memory for the board's pages: two hospitals, a practice, a care record, one patient,
three people of staff."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from mihub.care.client import MemoryFhirClient
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient, Parameters
from mihub.core.policy.actor import Access, Actor, MemberId, PersonId, TransportId
from mihub.errors import Unavailable
from mihub.portals.shell.houses import Houses
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.region import Region
from mihub.portals.shell.session import RecordPlace

TODAY = date(2026, 11, 23)
TRANSPORT = "https://mihub.example/sid/transport-id"
_ICD10 = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
_MEMBERS = [
    ("dresden", "Uniklinikum Elbaue", "university-hospital"),
    ("chemnitz", "Klinikum Erzgebirgsblick", "hospital"),
    ("praxis-a", "Hausarztpraxis Lindenhof", "practice"),
    ("netzwerk", "MiHUB-Netzwerk", "network"),
]
_STAFF = [
    ("board-coordinator", "board-coordinator", "Anja Börner", "dresden"),
    ("oncologist", "oncologist", "Dr. Weiss", "dresden"),
    ("radiologist", "radiologist", "Dr. Voigt", "chemnitz"),
    ("researcher", "researcher", "Dr. Forscher", "dresden"),
]
REGION = {
    "members": [{"id": id_, "name": name, "kind": kind} for id_, name, kind in _MEMBERS],
    "personas": [
        {"id": id_, "role": role, "name": name, "member": member, "label": {"de": name, "en": name}}
        for id_, role, name, member in _STAFF
    ],
}


class SilentClient(MemoryFhirClient):
    """A site whose line is down."""

    async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        raise Unavailable("The site does not answer.")


class FakeHouses(Houses):
    """Hands out the clients in memory instead of HTTP clients."""

    def __init__(self, clients: Mapping[str, FhirClient]) -> None:
        super().__init__(fhir={}, roots={}, sign=lambda access, audience: "")
        self.clients = dict(clients)

    def fhir(self, member: str, access: Access) -> FhirClient:
        return self.clients[member]


@dataclass
class FakePeople:
    """The trust centre's answer: the same person is known as `1` everywhere."""

    members: tuple[str, ...]

    async def by_number(
        self, member: str, patient_number: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        return None, ()

    async def by_patient(
        self, member: str, patient_id: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        places = tuple(RecordPlace(MemberId(each), TransportId(f"t-{each}")) for each in self.members)
        return PersonId("person"), places


class SilentPeople:
    """A trust centre whose line is down."""

    async def by_number(
        self, member: str, patient_number: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        raise Unavailable("The trust centre does not answer.")

    async def by_patient(
        self, member: str, patient_id: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        raise Unavailable("The trust centre does not answer.")


@dataclass
class BoardRegion:
    """The clients by member; `portal` composes them."""

    clients: dict[str, MemoryFhirClient] = field(default_factory=dict)

    @property
    def care(self) -> MemoryFhirClient:
        """The care record."""
        return self.clients["netzwerk"]

    def portal(self) -> Portal:
        """A portal over the clients."""
        return Portal(
            region=Region.parse(REGION),
            houses=FakeHouses(self.clients),
            people=FakePeople(tuple(self.clients)),
            today=lambda: TODAY,
            is_demo=True,
        )


def build_region() -> BoardRegion:
    """The patient is known everywhere; DLCO is known nowhere; TNM 9 at one hospital, TNM 8 at the other."""
    return BoardRegion(
        {
            "dresden": MemoryFhirClient([_patient("dresden"), *_dresden()]),
            "chemnitz": MemoryFhirClient([_patient("chemnitz"), *_chemnitz()]),
            "praxis-a": MemoryFhirClient([_patient("praxis-a"), *_practice()]),
            "netzwerk": MemoryFhirClient([_patient("netzwerk"), _care_team()]),
        }
    )


def _patient(member: str) -> Resource:
    return {
        "resourceType": "Patient",
        "id": "1",
        "identifier": [{"system": TRANSPORT, "value": f"t-{member}"}],
        "name": [{"use": "official", "family": "Muster-Test", "given": ["Kerstin"]}],
        "birthDate": "1965-03-14",
        "gender": "female",
    }


def _care_team() -> Resource:
    practice = {"identifier": {"system": "https://mihub.example/sid/member", "value": "praxis-a"}}
    return {
        "resourceType": "CareTeam",
        "id": "team",
        "status": "active",
        "subject": {"reference": "Patient/1"},
        "participant": [{"member": practice}],
    }


def _condition(id_: str, code: str, text: str) -> Resource:
    return {
        "resourceType": "Condition",
        "id": id_,
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"system": _ICD10, "code": code, "display": text}]},
        "recordedDate": "2026-10-19",
    }


def _observation(id_: str, code: str, name: str, **value: object) -> Resource:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"code": code, "display": name}], "text": name},
        "effectiveDateTime": "2026-11-02",
        **value,
    }


def _coded(system: str, code: str, display: str = "") -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _staging(prefix: str, edition: str, n: str, stage: str) -> list[Resource]:
    uicc, method = "https://www.uicc.org/resources/tnm", {"method": _coded("tnm-version", edition)}
    parts = [("t", "399504009", "1b"), ("n", "399534004", n), ("m", "399387003", "0")]
    members = [
        _observation(f"{prefix}{letter}", code, letter, valueCodeableConcept=_coded(uicc, value), **method)
        for letter, code, value in parts
    ]
    links = [{"reference": f"Observation/{each['id']}"} for each in members]
    group = _observation(
        f"{prefix}g",
        "399537006",
        "TNM",
        valueCodeableConcept=_coded(uicc, stage),
        hasMember=links,
        **method,
    )
    return [*members, group]


def _dresden() -> list[Resource]:
    icdo, grading = "http://terminology.hl7.org/CodeSystem/icd-o-3", "mii-cs/modul-onko/grading"
    report = {
        "resourceType": "DiagnosticReport",
        "id": "patho",
        "status": "final",
        "subject": {"reference": "Patient/1"},
        "code": {"coding": [{"code": "22034-3"}], "text": "Pathologie"},
        "conclusion": "Adenokarzinom, azinär",
        "effectiveDateTime": "2026-10-26",
    }
    return [
        _condition("tumour", "C34.1", "Bösartige Neubildung: Oberlappen, Bronchus oder Lunge"),
        *_staging("n", "9", "2a", "IIB"),
        _observation(
            "histo",
            "59847-4",
            "Histologie",
            valueCodeableConcept=_coded(icdo, "8140/3", "Adenokarzinom o.n.A."),
        ),
        _observation("grade", "33732-9", "Grading", valueCodeableConcept=_coded(grading, "2")),
        _observation("egfr", "69548-6", "EGFR", valueString="L858R nachgewiesen"),
        _observation("fev1", "20150-9", "FEV1", valueQuantity={"value": 2.1, "unit": "l"}),
        _observation("hb", "718-7", "Hämoglobin", valueQuantity={"value": 7.9, "unit": "mmol/l"}),
        _observation("krea", "2160-0", "Kreatinin", valueQuantity={"value": 71, "unit": "µmol/l"}),
        report,
    ]


def _chemnitz() -> list[Resource]:
    study = {
        "resourceType": "ImagingStudy",
        "id": "ct",
        "status": "available",
        "subject": {"reference": "Patient/1"},
        "started": "2026-09-28T09:00:00+02:00",
        "modality": [{"code": "CT"}],
        "description": "Niedrigdosis-CT Thorax",
    }
    biopsy = {
        "resourceType": "Procedure",
        "id": "ebus",
        "status": "completed",
        "subject": {"reference": "Patient/1"},
        "code": {"text": "Bronchoskopie mit EBUS", "coding": [{"code": "1-620.01"}]},
        "performedDateTime": "2026-10-12",
    }
    return [*_staging("o", "8", "2", "IIIA"), study, biopsy]


def _practice() -> list[Resource]:
    ecog = _coded("mii-cs/modul-onko/ecog", "1")
    return [
        _condition("copd", "J44.9", "COPD"),
        _condition("bp", "I10.9", "Bluthochdruck"),
        _observation("ecog", "423740007", "ECOG", valueCodeableConcept=ecog),
    ]
