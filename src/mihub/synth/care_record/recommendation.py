"""One recommendation of a board and what became of it: compared with what the hospitals then did.

Done when the advised therapy began after the board; deviated with a reason when the plan changed; else
open, and overdue after its due day. Neighbour above: `board`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from mihub.synth.events import Board, Operation, Radiotherapy, Systemic, TumourCourse, first_day
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import concept, member_reference
from mihub.synth.life import Life
from mihub.synth.members import BY_ID

_DUE_DAYS = 28
_DONE_WORDS = {Operation: "Operation am", Radiotherapy: "Bestrahlung ab", Systemic: "Medikamente ab"}
# code -> (words for the board, words for the patient)
ADVICE = {
    "OP": ("Operation wohnortnah", "Eine Operation. Dabei wird das kranke Gewebe entfernt."),
    "ST": ("Bestrahlung", "Eine Bestrahlung. Strahlen sollen die kranken Zellen zerstören."),
    "CH": ("Chemotherapie", "Eine Chemotherapie. Das sind Medikamente gegen kranke Zellen."),
    "IM": ("Immuntherapie", "Eine Immuntherapie. Das sind Medikamente, die Ihrer Abwehr helfen."),
    "ZS": ("Zielgerichtete Therapie", "Medikamente, die genau zu Ihrem Befund passen."),
    "CI": ("Chemo- und Immuntherapie", "Eine Chemotherapie zusammen mit einer Immuntherapie."),
    "HO": ("Hormontherapie", "Eine Hormontherapie. Das sind Medikamente, die auf Hormone wirken."),
    "WS": ("Nachsorge nach Plan, CT nach 3 Monaten", "Regelmäßige Kontrollen. Der erste Termin ist geplant."),
    "KW": (
        "Keine weitere tumorgerichtete Therapie, Vorstellung beim Palliativteam",
        "Zurzeit keine weitere Behandlung gegen den Tumor. Wir kümmern uns um Ihre Beschwerden.",
    ),
}


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`status` is that of CarePlan.activity.detail; `proof` what shows that it was done; `reason` why not."""

    id: str
    kind: str
    text: str
    responsible: str
    due: date
    status: str
    proof: str = ""
    reason: tuple[str, str, str] | None = None

    @property
    def is_open(self) -> bool:
        """Neither done nor deviated."""
        return self.status in ("not-started", "scheduled", "in-progress")


def recommendations(
    life: Life, tumour: TumourCourse, board: Board, today: date
) -> tuple[Recommendation, ...]:
    """What this board advised, each with its end as far as known."""
    return tuple(
        _recommendation(life, tumour, board, kind, position, today)
        for position, kind in enumerate(dict.fromkeys(board.advice), 1)
    )


def _recommendation(
    life: Life, tumour: TumourCourse, board: Board, kind: str, position: int, today: date
) -> Recommendation:
    due = board.day + timedelta(days=_DUE_DAYS)
    done = _done(tumour, board, kind)
    responsible = done.hospital if done else tumour.diagnosis.hospital
    words = ADVICE[kind][0]
    if kind == "WS":
        responsible, due = (
            life.practice or responsible,
            (tumour.end_of_therapy or board.day) + timedelta(days=92),
        )
    if done is not None:
        proof = f"{_DONE_WORDS[type(done)]} {first_day(done):%d.%m.%Y}, {BY_ID[done.hospital].name}"
        if isinstance(done, Systemic) and done.ended == "A":
            text = "Nebenwirkung (Pneumonitis Grad 2): Medikament abgesetzt"
            reason = ("N", "medical-change", text)
            return Recommendation(f"r{position}", kind, words, responsible, due, "stopped", "", reason)
        return Recommendation(f"r{position}", kind, words, responsible, due, "completed", proof)
    if life.death:
        reason = ("N", "died", "verstorben")
        return Recommendation(f"r{position}", kind, words, responsible, due, "cancelled", "", reason)
    if board.patient_deviates and board.day + timedelta(days=14) < today:
        reason = ("J", "patient-wish", "auf eigenen Wunsch")
        return Recommendation(f"r{position}", kind, words, responsible, due, "cancelled", "", reason)
    return Recommendation(
        f"r{position}", kind, words, responsible, due, "scheduled" if kind == "WS" else "not-started"
    )


def _done(tumour: TumourCourse, board: Board, kind: str) -> Operation | Radiotherapy | Systemic | None:
    """The first event after the board that carries out this advice."""
    for event in tumour.events:
        if first_day(event) <= board.day or isinstance(event, Board):
            continue
        if kind == "OP" and isinstance(event, Operation):
            return event
        if kind == "ST" and isinstance(event, Radiotherapy):
            return event
        if isinstance(event, Systemic) and kind == event.kind:
            return event
    return None


def activity(each: Recommendation) -> dict[str, Any]:
    """The CarePlan.activity."""
    own = f"{url.OWN}/StructureDefinition"
    detail: dict[str, Any] = {
        "extension": [{"url": f"{own}/board-recommendation-priority", "valuePositiveInt": int(each.id[1:])}],
        "code": concept(f"{url.MII}/ext/modul-onko/CodeSystem/mii-cs-onko-therapie-typ", each.kind),
        "status": each.status,
        "description": each.text,
        "performer": [member_reference(each.responsible)],
        "scheduledPeriod": {"end": each.due.isoformat()},
    }
    if each.reason:
        wish, code, text = each.reason
        detail["statusReason"] = concept(
            f"{url.MII}/ext/modul-onko/CodeSystem/mii-cs-onko-therapieabweichung", wish
        )
        detail["statusReason"]["text"] = text
        reason = {"system": f"{url.OWN}/CodeSystem/board-deviation-reason", "code": code}
        detail["extension"].append({"url": f"{own}/board-deviation-reason", "valueCoding": reason})
    found: dict[str, Any] = {"id": each.id, "detail": detail}
    if each.proof:
        found["progress"] = [{"text": each.proof}]
    return found
