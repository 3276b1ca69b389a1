"""Registration: the case as the sites know it, one question to type, one date to choose.

Nothing that a site knows is typed again; only what nobody knows may be added by hand. Neighbours: `people`
(reading), `care.tumour_board.registration` (the act).
"""

from __future__ import annotations

import secrets
from datetime import date
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.agenda import cases_of_patient, next_dates
from mihub.care.tumour_board.case import CaseState
from mihub.care.tumour_board.items import icd10
from mihub.care.tumour_board.permissions import Act, require
from mihub.care.tumour_board.presentation import Presentation
from mihub.care.tumour_board.registration import Registration, register
from mihub.portals.shell.formats import short_day, weekday
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import language_of, page, see_other, text_of
from mihub.portals.shell.session import Flash
from mihub.portals.team.board.people import CasePatient, find_patient, present
from mihub.portals.team.board.views import common, options
from mihub.portals.team.people import age, now_of

_DATES = 4


async def form(request: Request) -> Response:
    """GET /tb/anmelden/{member}/{patient}"""
    require(session_of(request).actor, Act.REGISTER)
    person = await _person(request)
    presentation = await present(request, person)
    given = {"session": _suggested(request, presentation), "conference": "praeth", "question": ""}
    return await _render(request, person, presentation, given, FormErrors())


async def send(request: Request) -> Response:
    """POST /tb/anmelden/{member}/{patient}"""
    sent = await request.form()
    person = await _person(request)
    presentation = await present(request, person)
    errors = FormErrors()
    given = _read(request, sent, presentation, errors)
    if errors:
        return await _render(request, person, presentation, given, errors, status=422)
    board_id, _, day = given["session"].partition("/")
    registration = Registration(
        key=given["key"],
        patient_id=person.care_id,
        board_id=board_id,
        day=date.fromisoformat(day),
        question=given["question"],
        conference=given["conference"],
        added=given["added"],
    )
    presentation = await present(request, person, given["added"].items())
    session = session_of(request)
    case = await register(
        portal_of(request).record(session), registration, presentation, session.actor, now_of(request)
    )
    return see_other(request, f"/tb/fall/{case.id}", flash=Flash("board.register.done"))


async def _person(request: Request) -> CasePatient:
    return await find_patient(request, request.path_params["member"], request.path_params["patient"])


def _read(request: Request, sent: FormData, presentation: Presentation, errors: FormErrors) -> dict[str, Any]:
    known = [value for value, _ in _sessions(request)]
    missing = [view.item.id for view in presentation.missing]
    return {
        "key": errors.text(sent, "key", required=True, limit=40),
        "session": errors.choice(sent, "session", known),
        "conference": errors.choice(
            sent, "conference", [each.code for each in catalogue.words().conferences]
        ),
        "question": errors.text(sent, "question", required=True, limit=1000),
        "added": {item: errors.text(sent, f"added-{item}", limit=300) for item in missing},
    }


async def _render(
    request: Request,
    person: CasePatient,
    presentation: Presentation,
    given: dict[str, Any],
    errors: FormErrors,
    status: int = 200,
) -> Response:
    care = portal_of(request).record(session_of(request))
    earlier = [
        case
        for case in await cases_of_patient(care, person.care_id)
        if case.state not in (CaseState.CLOSED, CaseState.WITHDRAWN)
    ]
    return page(
        request,
        "team/board/register.html",
        status=status,
        title=text_of(request, "board.register.title"),
        person=person,
        age=age(person.patient, request),
        case=presentation,
        given=given,
        key=given.get("key") or secrets.token_hex(12),
        errors=errors,
        earlier=earlier,
        sessions=_sessions(request),
        conferences=options(request, catalogue.words().conferences),
        **common(request),
    )


def _sessions(request: Request) -> list[tuple[str, str]]:
    """The next meetings of all boards as choices "board/date"."""
    language, today = language_of(request), portal_of(request).today()
    return [
        (
            f"{board.id}/{day.isoformat()}",
            text_of(
                request,
                "board.register.session_choice",
                board=board.name.in_language(language),
                day=_shown(request, day),
                time=board.time,
            ),
        )
        for board in catalogue.boards()
        for day in next_dates(board, today, _DATES)
    ]


def _suggested(request: Request, presentation: Presentation) -> str:
    """The next meeting of the first board that treats the diagnosis, one's own house first; later than
    today."""
    code = icd10(presentation.diagnosis.resource) if presentation.diagnosis else ""
    own = session_of(request).actor.organization
    fitting = [each for each in catalogue.boards() if not code or code.startswith(each.icd10_prefixes)]
    specific = sorted(fitting, key=lambda each: ("C" in each.icd10_prefixes, each.member != own))
    if not specific:
        return ""
    day = next_dates(specific[0], portal_of(request).today(), 1)[0]
    return f"{specific[0].id}/{day.isoformat()}"


def _shown(request: Request, day: date) -> str:
    language = language_of(request)
    return f"{weekday(day, language)}, {short_day(day, language)}"
