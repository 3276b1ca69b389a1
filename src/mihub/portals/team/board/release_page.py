"""Release: the plain note to the patient and the practice's page, drafted from blocks, completed by the team.

Until this page is sent, neither patient nor practice sees the decision. Neighbours:
`care.tumour_board.release`, `care.tumour_board.letters`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import BoardCase, CaseState
from mihub.care.tumour_board.letters import OPEN_PLACE, gp_text, patient_text
from mihub.care.tumour_board.release import Release, release
from mihub.errors import Unprocessable
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import language_of, page, see_other, text_of
from mihub.portals.shell.session import Flash
from mihub.portals.team.board.case_page import open_case
from mihub.portals.team.board.people import CasePatient
from mihub.portals.team.board.views import case_line, common
from mihub.portals.team.people import now_of


async def form(request: Request) -> Response:
    """GET /tb/fall/{id}/freigabe"""
    case, person = await open_case(request)
    decision = case.decision
    if decision is None or case.state is not CaseState.DECIDED:
        return see_other(request, f"/tb/fall/{case.id}/beschluss")
    language = language_of(request)
    names = {each.id: each.name for each in portal_of(request).region.members}
    texts = patient_text(decision, language), gp_text(case, decision, language, names)
    return _render(request, case, person, texts, FormErrors())


async def send(request: Request) -> Response:
    """POST /tb/fall/{id}/freigabe: fields patient_text, gp_text, version."""
    session = session_of(request)
    sent = await request.form()
    case, person = await open_case(request)
    errors = FormErrors()
    texts = (
        errors.text(sent, "patient_text", required=True, limit=4000),
        errors.text(sent, "gp_text", required=person.practice is not None, limit=3000),
    )
    for name, text in zip(("patient_text", "gp_text"), texts, strict=True):
        if OPEN_PLACE in text:
            errors.add(name, "board.release.open_place")
    if errors:
        return _render(request, case, person, texts, errors, status=422)
    practice = person.practice
    given = Release(
        patient_text=texts[0],
        gp_text=texts[1],
        gp=practice.id if practice else None,
        gp_name=practice.name if practice else "",
        language=language_of(request),
    )
    care = portal_of(request).record(session)
    await release(care, case, str(sent.get("version", "")), given, session.actor, now_of(request))
    return see_other(request, f"/tb/fall/{case.id}/beschluss", flash=Flash("board.release.done"))


def _render(
    request: Request,
    case: BoardCase,
    person: CasePatient,
    texts: tuple[str, str],
    errors: FormErrors,
    status: int = 200,
) -> Response:
    if case.state is not CaseState.DECIDED:
        raise Unprocessable("This decision can not be released now.", next_step="Open the case again.")
    return page(
        request,
        "team/board/release.html",
        status=status,
        title=text_of(request, "board.release.title"),
        case=case,
        person=person,
        line=case_line(request, case, {case.patient_id: person.patient}),
        patient_text=texts[0],
        gp_text=texts[1],
        errors=errors,
        blocks_verified=catalogue.letters()["verified"],
        **common(request),
    )
