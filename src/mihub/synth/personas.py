"""Who may sign in to the demo, and which special person plays which case. Both go into region.json.

Demo only: these are names to choose from, not accounts. Below: `members` (staff), `story` (special people).
"""

from __future__ import annotations

from typing import Any

from mihub.synth.life import Life
from mihub.synth.members import BY_ID
from mihub.synth.story import CASES

_ROLES: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("gp", "gp", "praxis-a", "schoenherr", "Hausärztin in Freiberg", "General practitioner in Freiberg"),
    (
        "board-coordinator",
        "board-coordinator",
        "dresden",
        "boerner",
        "Koordination Tumorboard Dresden",
        "Tumour board coordinator, Dresden",
    ),
    ("oncologist", "oncologist", "dresden", "weiss", "Onkologin in Dresden", "Oncologist in Dresden"),
    (
        "oncologist-cottbus",
        "oncologist",
        "cottbus",
        "kubisch",
        "Onkologin in Cottbus",
        "Oncologist in Cottbus",
    ),
    ("radiologist", "radiologist", "radiologie", "voigt", "Radiologe in Chemnitz", "Radiologist in Chemnitz"),
    ("nurse", "nurse", "cottbus", "noack", "Fachpflege in Cottbus", "Oncology nurse in Cottbus"),
    ("researcher", "researcher", "dresden", "forscher", "Forscher in Dresden", "Researcher in Dresden"),
    (
        "site-engineer",
        "site-engineer",
        "chemnitz",
        "illgen",
        "Datenintegration Chemnitz",
        "Data integration, Chemnitz",
    ),
    (
        "data-protection-officer",
        "data-protection-officer",
        "netzwerk",
        "datenschutz",
        "Datenschutz im Netzwerk",
        "Data protection officer of the network",
    ),
)


def personas(stories: tuple[Life, ...]) -> list[dict[str, Any]]:
    """The sign-ins of the demo, the patient first."""
    return [_patient(stories[0]), *(_staff(*role) for role in _ROLES)]


def _patient(life: Life) -> dict[str, Any]:
    record = life.record_at("netzwerk")
    return {
        "id": "patient",
        "role": "patient",
        "name": life.person.full_name,
        "member": "netzwerk",
        "patient_number": record.number if record else "",
        "label": {"de": "Patientin", "en": "Patient"},
    }


def _staff(key: str, role: str, member: str, staff_key: str, german: str, english: str) -> dict[str, Any]:
    staff = next(staff for staff in BY_ID[member].staff if staff.key == staff_key)
    return {
        "id": key,
        "role": role,
        "name": staff.name,
        "member": member,
        "practitioner": staff.key,
        "label": {"de": german, "en": english},
    }


def cases(stories: tuple[Life, ...]) -> dict[str, Any]:
    """Case name -> where to find the person: the member asked first, and the number at every member."""
    found = {}
    for case, life in zip(CASES, stories, strict=True):
        numbers = {record.member: record.number for record in life.records}
        found[case.key] = {
            "name": life.person.full_name,
            "member": case.member,
            "patient_number": numbers[case.member],
            "numbers": numbers,
        }
    return found
