"""The boards at a glance: next meetings, cases by state, and the choice of a patient to register.

Read only. Neighbours: `session` (one meeting), `register` (one registration).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.agenda import all_cases, is_on_agenda, next_dates
from mihub.care.tumour_board.case import CaseState
from mihub.care.tumour_board.follow_up import LoopState, loops_of
from mihub.portals.shell import formats
from mihub.portals.shell.guard import portal_of
from mihub.portals.shell.page import language_of, page, text_of
from mihub.portals.team.board.people import list_record, patients_by_id
from mihub.portals.team.board.views import case_line, common

_COLUMNS = (
    CaseState.REGISTERED,
    CaseState.DRAFTED,
    CaseState.DECIDED,
    CaseState.IN_FOLLOW_UP,
    CaseState.POSTPONED,
    CaseState.CLOSED,
)
_PATIENTS_SHOWN = 40
_CLOSED_SHOWN = 6


async def overview(request: Request) -> Response:
    """GET /tb"""
    portal = portal_of(request)
    care = list_record(request)
    cases = await all_cases(care)
    patients = await patients_by_id(care, (case.patient_id for case in cases))
    lines = [case_line(request, case, patients) for case in cases]
    columns = [(state, [line for line in lines if line.case.state is state]) for state in _COLUMNS]
    columns = [(state, found[::-1] if state is CaseState.CLOSED else found) for state, found in columns]
    late = [loop for loop in loops_of(cases, portal.today()) if loop.state is LoopState.OVERDUE]
    language = language_of(request)
    meetings = [
        {
            "board": board.name.in_language(language),
            "host": portal.region.member(board.member).name,
            "time": board.time,
            "dates": [
                (day, sum(1 for c in cases if c.board_id == board.id and c.day == day and is_on_agenda(c)))
                for day in next_dates(board, portal.today(), 3)
            ],
            "id": board.id,
        }
        for board in catalogue.boards()
    ]
    return page(
        request,
        "team/board/overview.html",
        title=text_of(request, "board.overview.title"),
        columns=[(state, found) for state, found in columns if found or state is CaseState.REGISTERED],
        meetings=meetings,
        late=len(late),
        most={CaseState.CLOSED: _CLOSED_SHOWN},
        **common(request),
    )


async def choose_patient(request: Request) -> Response:
    """GET and POST /tb/anmelden. A name is looked for by POST: no address ever holds one."""
    care = list_record(request)
    name = await _name_looked_for(request)
    query = [("_sort", "family"), ("_count", str(_PATIENTS_SHOWN + 1))]
    found = await care.search("Patient", [("name", part) for part in name.split()] or query)
    found = [each for each in found if each.get("resourceType") == "Patient"]
    ordered = sorted(found, key=lambda each: formats.person_name(each.get("name")).split()[-1:])
    return page(
        request,
        "team/board/choose.html",
        title=text_of(request, "board.choose.title"),
        patients=ordered[:_PATIENTS_SHOWN],
        more=len(ordered) > _PATIENTS_SHOWN,
        name=name,
        **common(request),
    )


async def _name_looked_for(request: Request) -> str:
    if request.method != "POST":
        return ""
    return str((await request.form()).get("name", "")).strip()[:80]
