"""One meeting: the agenda in order, changed by up and down buttons; postpone, withdraw, give another date.

A change that somebody else overtook is refused with a plain page. Neighbours: `care.tumour_board.agenda`.
"""

from __future__ import annotations

from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.agenda import Session as Meeting
from mihub.care.tumour_board.agenda import agenda, move, next_dates, postpone, reschedule, withdraw
from mihub.care.tumour_board.case import load_case
from mihub.errors import InvalidInput, NotFound
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import language_of, page, see_other, text_of
from mihub.portals.shell.session import Flash
from mihub.portals.team.board.people import list_record, patients_by_id
from mihub.portals.team.board.views import case_line, common


async def show(request: Request) -> Response:
    """GET /tb/sitzung/{date}?board="""
    meeting = await _meeting(request)
    care = list_record(request)
    patients = await patients_by_id(care, (case.patient_id for case in meeting.cases))
    return page(
        request,
        "team/board/session.html",
        title=text_of(request, "board.session.title"),
        meeting=meeting,
        board_name=meeting.board.name.in_language(language_of(request)),
        lines=[case_line(request, case, patients) for case in meeting.cases],
        here=_path(meeting),
        **common(request),
    )


async def reorder(request: Request) -> Response:
    """POST /tb/sitzung/{date}/reihenfolge: fields case and step (up, down)."""
    sent = await request.form()
    errors = FormErrors()
    case_id, step = errors.text(sent, "case"), errors.choice(sent, "step", ("up", "down"))
    _refuse(errors)
    meeting = await _meeting(request)
    session = session_of(request)
    await move(portal_of(request).record(session), meeting, case_id, -1 if step == "up" else 1, session.actor)
    return see_other(request, _path(meeting))


async def leave(request: Request) -> Response:
    """POST /tb/fall/{id}/absetzen: fields act (postpone, withdraw) and reason."""
    sent = await request.form()
    errors = FormErrors()
    act, reason = errors.choice(sent, "act", ("postpone", "withdraw")), errors.text(sent, "reason", limit=300)
    _refuse(errors)
    session = session_of(request)
    care = portal_of(request).record(session)
    case = await load_case(care, request.path_params["id"])
    action = postpone if act == "postpone" else withdraw
    await action(care, case, reason, session.actor)
    return see_other(request, "/tb", flash=Flash(f"board.session.done_{act}"))


async def new_date(request: Request) -> Response:
    """POST /tb/fall/{id}/termin: field day."""
    sent = await request.form()
    session = session_of(request)
    care = portal_of(request).record(session)
    case = await load_case(care, request.path_params["id"])
    errors, days = FormErrors(), {day.isoformat(): day for day in upcoming(request, case.board_id)}
    chosen = errors.choice(sent, "day", days)
    _refuse(errors)
    await reschedule(care, case, days[chosen], session.actor)
    return see_other(request, f"/tb/fall/{case.id}", flash=Flash("board.session.done_date"))


def _refuse(errors: FormErrors) -> None:
    """These forms offer buttons and lists only: anything else was not sent by an open page."""
    if errors:
        raise InvalidInput(
            "The form says nothing that can be done here.",
            where=", ".join(errors.found),
            next_step="Open the page again and choose.",
        )


def upcoming(request: Request, board_id: str) -> tuple[date, ...]:
    """The next dates of one board."""
    return next_dates(catalogue.board(board_id), portal_of(request).today())


async def _meeting(request: Request) -> Meeting:
    try:
        day = date.fromisoformat(request.path_params["date"])
    except ValueError as error:
        raise NotFound("This is not a date.", next_step="Choose a date on the page of the boards.") from error
    own = session_of(request).actor.organization
    usual = next((each.id for each in catalogue.boards() if each.member == own), catalogue.boards()[0].id)
    board = catalogue.board(request.query_params.get("board", usual))
    return await agenda(list_record(request), board, day)


def _path(meeting: Meeting) -> str:
    return f"/tb/sitzung/{meeting.day.isoformat()}?board={meeting.board.id}"
