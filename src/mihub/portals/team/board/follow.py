"""Follow-up: every released recommendation with its state; close it as done with proof, or as deviated
with a reason.

Late ones stand first. Neighbours: `care.tumour_board.follow_up`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import BoardCase, load_case
from mihub.care.tumour_board.decision import Deviation
from mihub.care.tumour_board.follow_up import (
    LoopState,
    known_share,
    loops,
    mark_deviated,
    mark_implemented,
)
from mihub.care.tumour_board.wording import concept_text
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.errors import NotFound
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import page, see_other, text_of
from mihub.portals.shell.session import Flash
from mihub.portals.team.board.case_page import open_case
from mihub.portals.team.board.people import CasePatient, known_now, list_record, patients_by_id
from mihub.portals.team.board.views import LOOP_TONES, case_line, common, options


async def overview(request: Request) -> Response:
    """GET /tb/nachverfolgung"""
    care = list_record(request)
    found = await loops(care, portal_of(request).today())
    patients = await patients_by_id(care, (loop.case.patient_id for loop in found))
    groups = [
        (state, [(loop, case_line(request, loop.case, patients)) for loop in found if loop.state is state])
        for state in LoopState
    ]
    return page(
        request,
        "team/board/follow.html",
        title=text_of(request, "board.follow.title"),
        groups=[(state, lines) for state, lines in groups if lines],
        share=known_share(found),
        total=len(found),
        tones=LOOP_TONES,
        **common(request),
    )


async def form(request: Request) -> Response:
    """GET /tb/fall/{id}/empfehlung/{recommendation}"""
    return await _render(request, FormErrors(), {})


async def close(request: Request) -> Response:
    """POST /tb/fall/{id}/empfehlung/{recommendation}: outcome, proof, reason, wish, text, version."""
    sent = await request.form()
    errors = FormErrors()
    words = catalogue.words()
    given = {
        "outcome": errors.choice(sent, "outcome", ("implemented", "deviated")),
        "proof": errors.text(sent, "proof", limit=300),
        "reason": errors.choice(sent, "reason", [each.code for each in words.reasons], required=False),
        "text": errors.text(sent, "text", limit=500),
        "version": errors.text(sent, "version"),
    }
    if given["outcome"] == "implemented" and not given["proof"]:
        errors.add("proof", "shell.form.required")
    if given["outcome"] == "deviated" and not given["reason"]:
        errors.add("reason", "shell.form.choose")
    if errors:
        return await _render(request, errors, given, status=422)
    await _close(request, portal_of(request).record(session_of(request)), given)
    return see_other(request, "/tb/nachverfolgung", flash=Flash(f"board.follow.done_{given['outcome']}"))


async def _close(request: Request, care: FhirClient, given: dict[str, str]) -> None:
    actor = session_of(request).actor
    case = await load_case(care, request.path_params["id"])
    recommendation = request.path_params["recommendation"]
    if given["outcome"] == "implemented":
        await mark_implemented(care, case, recommendation, given["version"], given["proof"], actor)
        return
    # The oBDS answer about the patient's wish follows from the reason; the catalogue says how.
    reason = catalogue.term(catalogue.words().reasons, given["reason"], "reason")
    deviation = Deviation(reason.wish, reason.code, given["text"])
    await mark_deviated(care, case, recommendation, given["version"], deviation, actor)


async def _render(request: Request, errors: FormErrors, given: dict[str, str], status: int = 200) -> Response:
    case, person = await open_case(request)
    decision = case.decision
    wanted = request.path_params["recommendation"]
    found = next((each for each in decision.recommendations if each.id == wanted), None) if decision else None
    if found is None or not case.released:
        raise NotFound(
            "There is no such released recommendation.", next_step="Open the follow-up list again."
        )
    return page(
        request,
        "team/board/close.html",
        status=status,
        title=text_of(request, "board.close.title"),
        case=case,
        line=case_line(request, case, {case.patient_id: person.patient}),
        recommendation=found,
        proofs=await _proofs(request, case, person),
        reasons=options(request, catalogue.words().reasons),
        given=given,
        errors=errors,
        **common(request),
    )


async def _proofs(request: Request, case: BoardCase, person: CasePatient) -> list[str]:
    """What the sites did since the board met, as proposals: "Lobektomie, 2026-12-12, Klinikum
    (Procedure/1)"."""
    known = await known_now(request, person)
    since = case.day.isoformat() if case.day else ""
    done = [each for each in known.of("Procedure", "MedicationStatement") if each.day >= since]
    return [
        f"{_name(each.resource)}, {each.day}, {each.site} ({each.reference})"
        for each in done
        if _name(each.resource)
    ]


def _name(resource: Resource) -> str:
    return concept_text(resource.get("code", resource.get("medicationCodeableConcept")))
