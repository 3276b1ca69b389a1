"""Names of profiles, code systems and extensions that the board writes and reads.

Source: MII core data set, module oncology 2025.1.0 (profile Tumorkonferenz); our own names start with
`https://mihub.example/fhir`. Neighbours: every file of this room.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId

_ONCO: Final = "https://www.medizininformatik-initiative.de/fhir/ext/modul-onko"
CONFERENCE_PROFILE: Final = f"{_ONCO}/StructureDefinition/mii-pr-onko-tumorkonferenz"
CONFERENCE_KIND: Final = f"{_ONCO}/CodeSystem/mii-cs-onko-therapieplanung-typ"
THERAPY_KIND: Final = f"{_ONCO}/CodeSystem/mii-cs-onko-therapie-typ"
PATIENT_WISH: Final = f"{_ONCO}/CodeSystem/mii-cs-onko-therapieabweichung"

_OWN: Final = "https://mihub.example/fhir"
TASK_CODE: Final = f"{_OWN}/CodeSystem/task"
BOARD_CODE: Final = f"{_OWN}/CodeSystem/board"
COMMUNICATION: Final = f"{_OWN}/CodeSystem/communication"
DEVIATION_REASON: Final = f"{_OWN}/CodeSystem/board-deviation-reason"
DISCIPLINE: Final = f"{_OWN}/CodeSystem/board-discipline"
TASK_INPUT: Final = f"{_OWN}/CodeSystem/board-task-input"
PRIORITY: Final = f"{_OWN}/StructureDefinition/board-recommendation-priority"
EVIDENCE: Final = f"{_OWN}/StructureDefinition/board-recommendation-evidence"
REASON: Final = f"{_OWN}/StructureDefinition/board-deviation-reason"
NOTE_KIND: Final = f"{_OWN}/StructureDefinition/board-note-kind"
SIGNATURE: Final = f"{_OWN}/StructureDefinition/board-signature"
BOARD: Final = f"{_OWN}/StructureDefinition/board"

CASE_ID: Final = f"{_OWN}/sid/board-case"
SESSION_ID: Final = f"{_OWN}/sid/board-session"
MEMBER: Final = "https://mihub.example/sid/member"
ACTOR: Final = "https://mihub.example/sid/actor"

# Until the decision is released the plan carries this label: nothing is disclosed to the patient or the
# practice.
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
NOT_TO_PATIENT: Final = "NOPAT"


def coded(system: str, code: str, text: str = "") -> Json:
    """A CodeableConcept with one coding; `text` is its display."""
    coding = {"system": system, "code": code}
    return {"coding": [{**coding, "display": text} if text else coding]}


def member_reference(member: MemberId, name: str = "") -> Json:
    """A logical reference to an organisation of the region."""
    reference: Json = {"type": "Organization", "identifier": {"system": MEMBER, "value": str(member)}}
    return {**reference, "display": name} if name else reference


def remote_reference(member: MemberId, reference: str, display: str) -> Json:
    """A logical reference to a resource that stays at its site: "Observation/1" at "chemnitz"."""
    return {
        "type": reference.partition("/")[0],
        "identifier": {"system": f"https://mihub.example/{member}/fhir", "value": reference},
        "display": display,
    }


def code_of(concept: Json | None, system: str) -> str:
    """The code of a CodeableConcept in one system; empty when it has none."""
    codings = (concept or {}).get("coding", [])
    return next((str(each.get("code", "")) for each in codings if each.get("system") == system), "")


def extension(url: str, **value: object) -> Json:
    """One simple extension, e.g. `extension(PRIORITY, valuePositiveInt=1)`."""
    return {"url": url, **value}


def extension_value(element: Json, url: str, kind: str) -> object:
    """The value of a simple extension; None when the element does not carry it."""
    found = (each for each in element.get("extension", []) if each.get("url") == url)
    return next((each.get(kind) for each in found), None)
