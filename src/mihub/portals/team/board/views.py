"""What the templates show of a case: a name, a diagnosis, a state with its tone; no rule of the board
stands here.

Neighbours: the page modules and `templates/board`. Below: `care.tumour_board`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import BoardCase, CaseState
from mihub.care.tumour_board.follow_up import LoopState
from mihub.care.tumour_board.permissions import Act, may
from mihub.core.fhir import Resource
from mihub.portals.shell import formats
from mihub.portals.shell.guard import session_of
from mihub.portals.shell.page import language_of

STATE_TONES = {
    CaseState.REGISTERED: "info",
    CaseState.DRAFTED: "neutral",
    CaseState.DECIDED: "warning",
    CaseState.IN_FOLLOW_UP: "info",
    CaseState.CLOSED: "success",
    CaseState.POSTPONED: "neutral",
    CaseState.WITHDRAWN: "neutral",
}
LOOP_TONES = {
    LoopState.OVERDUE: "danger",
    LoopState.OPEN: "info",
    LoopState.DEVIATED: "warning",
    LoopState.IMPLEMENTED: "success",
}


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case in a list."""

    case: BoardCase
    name: str
    born: str
    diagnosis: str
    board: str
    tone: str


def case_line(request: Request, case: BoardCase, patients: dict[str, Resource]) -> CaseLine:
    """The line for a list; a patient who may not be seen has an empty name."""
    patient = patients.get(case.patient_id, {})
    return CaseLine(
        case=case,
        name=formats.person_name(patient.get("name")),
        born=str(patient.get("birthDate", "")),
        diagnosis=diagnosis_text(case),
        board=board_name(request, case.board_id),
        tone=STATE_TONES[case.state],
    )


def diagnosis_text(case: BoardCase) -> str:
    """The diagnosis as the registration named it; it stays at its hospital, this is its display."""
    references = (case.plan or {}).get("addresses", [])
    return next((str(each.get("display", "")) for each in references), "")


def board_name(request: Request, board_id: str) -> str:
    """The name of a board in the language of the page; empty for a board that is not ours."""
    language = language_of(request)
    return next((e.name.in_language(language) for e in catalogue.boards() if e.id == board_id), "")


def options(request: Request, terms: Iterable[catalogue.Term]) -> list[tuple[str, str]]:
    """A catalogue as choices."""
    language = language_of(request)
    return [(each.code, each.label.in_language(language)) for each in terms]


def labels(request: Request) -> dict[str, dict[str, str]]:
    """All catalogues of a decision by name and code, in the language of the page."""
    words = catalogue.words()
    named = {
        "conference": words.conferences,
        "therapy": words.therapies,
        "wish": words.patient_wish,
        "reason": words.reasons,
        "discipline": words.disciplines,
        "evidence": words.evidence,
    }
    return {name: dict(options(request, terms)) for name, terms in named.items()}


def permissions(request: Request) -> dict[str, bool]:
    """What the signed-in person may do, by name of the act."""
    actor = session_of(request).actor
    return {act.value: may(actor, act) for act in Act}


def common(request: Request) -> dict[str, Any]:
    """What every board page has in its context."""
    return {"labels": labels(request), "may": permissions(request), "state_tones": STATE_TONES}
