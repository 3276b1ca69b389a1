"""A small region in memory for the tests of the care team's pages: two practices' worth of people, one
hospital, radiology and the care record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from mihub.care.client import MemoryFhirClient
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import Access, Actor, MemberId, PersonId, TransportId
from mihub.portals.shell.app import create_app
from mihub.portals.shell.houses import Houses
from mihub.portals.shell.portal import Portal
from mihub.portals.shell.region import Region
from mihub.portals.shell.session import RecordPlace
from mihub.portals.shell.texts import FOLDER, Texts
from mihub.portals.team.routes import AREA

TODAY = date(2026, 11, 23)
# Read once: catalogues do not change between tests, and reading them is the slowest part of a page test.
_TEXTS = Texts.load(FOLDER)
OBSERVATION = "https://mihub.example/fhir/CodeSystem/observation"
ONCO = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko/StructureDefinition/mii-pr-onko-"
TRANSPORT = "https://mihub.example/sid/transport-id"
REGION = {
    "members": [
        {"id": "praxis-a", "name": "Hausarztpraxis Lindenhof", "kind": "practice"},
        {"id": "praxis-b", "name": "Hausarztpraxis am Fließ", "kind": "practice"},
        {"id": "cottbus", "name": "Klinikum Spreewald", "kind": "hospital"},
        {"id": "radiologie", "name": "Radiologie am Markt", "kind": "radiology-practice"},
        {"id": "netzwerk", "name": "MiHUB-Netzwerk", "kind": "network"},
    ],
    "personas": [
        {"id": "gp", "role": "gp", "name": "Dr. Probe", "member": "praxis-a"},
        {"id": "gp-b", "role": "gp", "name": "Dr. Fließ", "member": "praxis-b"},
        {"id": "radiologist", "role": "radiologist", "name": "Dr. Bild", "member": "radiologie"},
        {"id": "nurse", "role": "nurse", "name": "Schwester Muster", "member": "cottbus"},
    ],
}


def person(patient_id: str, family: str, given: str, born: str, **more: Any) -> Resource:
    return {
        "resourceType": "Patient",
        "id": patient_id,
        "name": [{"use": "official", "family": family, "given": [given]}],
        "birthDate": born,
        **more,
    }


def observation(patient_id: str, code: str, system: str = OBSERVATION, **content: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{patient_id}"},
        **content,
    }


def smoked(patient_id: str, start: str, end: str = "", per_day: int = 18) -> Resource:
    period = {"start": start, **({"end": end} if end else {})}
    code = {"coding": [{"system": OBSERVATION, "code": "cigarettes-per-day"}]}
    amount = {"code": code, "valueQuantity": {"value": per_day, "unit": "/d"}}
    return observation(patient_id, "smoking-interval", effectivePeriod=period, component=[amount])


def no_ct(patient_id: str) -> Resource:
    return observation(patient_id, "last-lung-ct", effectiveDateTime="2026-10-01", valueBoolean=False)


def practice() -> MemoryFhirClient:
    flag = {
        "coding": [
            {"system": "https://mihub.example/fhir/CodeSystem/flag", "code": "no-screening-invitation"}
        ]
    }
    never = {"coding": [{"system": "http://snomed.info/sct", "code": "266919005"}]}
    return MemoryFhirClient(
        [
            person("kerstin", "Muster-Test", "Kerstin", "1965-03-05"),
            smoked("kerstin", "1984-03-05", "1995-03-05"),
            smoked("kerstin", "1999-03-05"),
            no_ct("kerstin"),
            person("frage", "Frage", "Franz", "1960-07-01"),
            smoked("frage", "1980-01-01"),
            person("opt", "Ohne", "Olga", "1964-07-01"),
            smoked("opt", "1982-01-01"),
            no_ct("opt"),
            {
                "resourceType": "Flag",
                "status": "active",
                "code": flag,
                "subject": {"reference": "Patient/opt"},
            },
            person("wenig", "Wenig", "Willi", "1961-07-01"),
            smoked("wenig", "1990-01-01", per_day=3),
            no_ct("wenig"),
            person("ex", "Ehemals", "Elke", "1962-07-01"),
            smoked("ex", "1978-01-01", "2009-01-01", 20),
            no_ct("ex"),
            person("jung", "Jung", "Jana", "1995-07-01"),
            person("nie", "Nie", "Nora", "1960-07-01"),
            observation("nie", "72166-2", "http://loinc.org", valueCodeableConcept=never),
        ]
    )


def hospital() -> MemoryFhirClient:
    cancer = {"coding": [{"system": "http://fhir.de/CodeSystem/bfarm/icd-10-gm", "code": "C34.1"}]}
    subject = {"reference": "Patient/c1"}

    def therapy(kind: str, **content: Any) -> Resource:
        meta = {"profile": [f"{ONCO}{kind}"]}
        return {
            "resourceType": "Procedure",
            "status": "completed",
            "meta": meta,
            "subject": subject,
            **content,
        }

    return MemoryFhirClient(
        [
            person(
                "c1",
                "Muster-Test",
                "Kerstin",
                "1965-03-05",
                identifier=[{"system": TRANSPORT, "value": "tc"}],
            ),
            {"resourceType": "Condition", "code": cancer, "subject": subject, "recordedDate": "2026-05-04"},
            therapy("operation", performedDateTime="2026-06-02", code={"text": "Lobektomie"}),
            therapy("systemische-therapie", performedPeriod={"start": "2026-07-01", "end": "2026-10-12"}),
        ]
    )


class People:
    """Kerstin is known at the practice and in Cottbus; everybody else only where they are."""

    async def by_number(
        self, member: str, number: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        return None, ()

    async def by_patient(
        self, member: str, patient_id: str, actor: Actor
    ) -> tuple[PersonId | None, tuple[RecordPlace, ...]]:
        if patient_id in ("kerstin", "c1"):
            return PersonId("k"), (RecordPlace(MemberId("cottbus"), TransportId("tc")),)
        return None, ()


class MemoryHouses(Houses):
    """Hands out in-memory servers; `asked` keeps (member, actor id) of every client made."""

    def __init__(self, servers: Mapping[str, MemoryFhirClient]) -> None:
        super().__init__(fhir={}, roots={}, sign=lambda access, member: "token")
        self.servers = servers
        self.asked: list[tuple[str, str]] = []

    def fhir(self, member: str, access: Access) -> FhirClient:
        self.asked.append((member, access.actor.id))
        return self.servers[member]


def make_portal() -> tuple[Portal, dict[str, MemoryFhirClient]]:
    servers = {
        "praxis-a": practice(),
        "praxis-b": MemoryFhirClient(),
        "cottbus": hospital(),
        "radiologie": MemoryFhirClient(),
        "netzwerk": MemoryFhirClient(),
    }
    portal = Portal(
        region=Region.parse(REGION),
        houses=MemoryHouses(servers),
        people=People(),
        today=lambda: TODAY,
        is_demo=True,
        texts=_TEXTS,
    )
    _TEXTS.missing.clear()
    return portal, servers


_apps: dict[int, tuple[Portal, Starlette]] = {}


def _app_of(portal: Portal) -> Starlette:
    # One application per portal: two browsers of one test share it, as two people do.
    known = _apps.get(id(portal))
    if known is None or known[0] is not portal:
        _apps.clear()
        _apps[id(portal)] = (portal, create_app(portal, only=(AREA,)))
    return _apps[id(portal)][1]


class Browser:
    """A signed-in browser that fills the forms of the last page."""

    def __init__(self, portal: Portal, persona: str) -> None:
        self.client = TestClient(_app_of(portal))
        self.html = self.client.get("/?lang=de").text
        self.post("/anmelden", {"persona": persona})

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text[-600:]
        self.html = answer.text
        return self.html

    def post(self, path: str, data: Mapping[str, Any], status: int = 200) -> str:
        answer = self.client.post(path, data={"_csrf": self.field("_csrf"), **data})
        assert answer.status_code == status, answer.text[-900:]
        self.html = answer.text
        return self.html

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.html)
        assert found, f"the page has no field {name}"
        return found[1]

    @property
    def words(self) -> str:
        """The page as a reader sees it: no tags, single spaces."""
        body = re.sub(r"<(script|style).*?</\1>", " ", self.html, flags=re.DOTALL)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)).strip()
