"""The decision: recommendations with priority and evidence, who took part, dissent, patient's wish.

A second pair of eyes signs. Two people who edit at once lose nothing: the second sees both versions side
by side. Neighbours: `care.tumour_board.deciding`, `decision_form`.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.agenda import agenda
from mihub.care.tumour_board.case import BoardCase, CaseState, load_case
from mihub.care.tumour_board.deciding import Conflicting, save_draft, sign_decision
from mihub.care.tumour_board.permissions import Act, require
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import page, see_other, text_of
from mihub.portals.shell.session import Flash
from mihub.portals.team.board.decision_form import DecisionForm, blank_form, from_decision, read_form
from mihub.portals.team.board.people import patients_by_id
from mihub.portals.team.board.views import case_line, common, options
from mihub.portals.team.people import now_of


async def form(request: Request) -> Response:
    """GET /tb/fall/{id}/beschluss"""
    case = await _case(request)
    decision = case.decision
    has_content = decision is not None and bool(decision.recommendations)
    given = (
        from_decision(decision, case.version)
        if decision and has_content
        else blank_form(case, await _already_there(request, case))
    )
    return await _render(request, case, given, FormErrors())


async def save(request: Request) -> Response:
    """POST /tb/fall/{id}/beschluss; the button `more` adds a line and saves nothing."""
    session = session_of(request)
    require(session.actor, Act.DECIDE)
    sent = await request.form()
    case = await _case(request)
    errors = FormErrors()
    given, decision = read_form(sent, case, errors, _today(request), _members(request))
    if "more" in sent:
        return await _render(request, case, given.with_more(str(sent.get("more"))), FormErrors())
    if errors or decision is None:
        return await _render(request, case, given, errors, status=422)
    care = portal_of(request).record(session)
    saved = await save_draft(care, case, decision, given.version, session.actor)
    if isinstance(saved, Conflicting):
        return await _conflict(request, case, given, saved)
    return see_other(request, f"/tb/fall/{case.id}/beschluss", flash=Flash("board.decide.saved"))


async def sign(request: Request) -> Response:
    """POST /tb/fall/{id}/unterschrift: field version."""
    session = session_of(request)
    sent = await request.form()
    case = await _case(request)
    care = portal_of(request).record(session)
    await sign_decision(care, case, str(sent.get("version", "")), session.actor, now_of(request))
    return see_other(request, f"/tb/fall/{case.id}/freigabe", flash=Flash("board.decide.signed"))


async def _case(request: Request) -> BoardCase:
    return await load_case(portal_of(request).record(session_of(request)), request.path_params["id"])


async def _already_there(request: Request, case: BoardCase) -> tuple[tuple[str, str], ...]:
    """Who was named for an earlier case of the same meeting: nobody is typed twice."""
    if case.day is None or not case.board_id:
        return ()
    care = portal_of(request).record(session_of(request))
    meeting = await agenda(care, catalogue.board(case.board_id), case.day)
    named = [each.decision.participants for each in meeting.cases if each.decision]
    return next((tuple((one.name, one.discipline) for one in people) for people in named if people), ())


async def _conflict(request: Request, case: BoardCase, given: DecisionForm, found: Conflicting) -> Response:
    return page(
        request,
        "team/board/conflict.html",
        status=409,
        title=text_of(request, "board.conflict.title"),
        mine=found.mine,
        theirs=found.theirs,
        version=found.version,
        given=given,
        **await _context(request, case),
    )


async def _render(
    request: Request, case: BoardCase, given: DecisionForm, errors: FormErrors, status: int = 200
) -> Response:
    is_draft = case.state in (CaseState.REGISTERED, CaseState.DRAFTED)
    decision = case.decision
    actor = session_of(request).actor
    is_author = decision is not None and decision.author_id == actor.id
    return page(
        request,
        "team/board/decide.html" if is_draft else "team/board/decided.html",
        status=status,
        title=text_of(request, "board.decide.title"),
        given=given,
        errors=errors,
        decision=decision,
        is_author=is_author,
        can_sign=case.state is CaseState.DRAFTED and not is_author,
        **await _context(request, case),
    )


async def _context(request: Request, case: BoardCase) -> dict[str, Any]:
    portal = portal_of(request)
    patients = await patients_by_id(portal.record(session_of(request)), [case.patient_id])
    words = catalogue.words()
    return {
        "case": case,
        "line": case_line(request, case, patients),
        "therapies": options(request, words.therapies),
        "disciplines": options(request, words.disciplines),
        "conferences": options(request, words.conferences),
        "evidence": options(request, words.evidence),
        "members": list(_members(request).items()),
        "verified": words.edition.verified,
        **common(request),
    }


def _members(request: Request) -> dict[str, str]:
    """The organisations that may answer for a recommendation."""
    return {each.id: each.name for each in portal_of(request).region.members if each.kind}


def _today(request: Request) -> date:
    return portal_of(request).today()
