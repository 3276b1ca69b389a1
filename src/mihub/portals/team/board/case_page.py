"""The one-page case for projector and desk, and the source of each line.

The core fits 1280x720 without scrolling. What a site knows is read anew at every opening. Neighbours:
`decide`, `release_page`, `people`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.tumour_board.case import BoardCase, CaseState, load_case
from mihub.errors import NotFound
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import page, text_of
from mihub.portals.team.board.people import CasePatient, at_site, find_patient, present, short_name
from mihub.portals.team.board.session import upcoming
from mihub.portals.team.board.views import STATE_TONES, board_name, common
from mihub.portals.team.people import age

_SHOWN_TYPES = frozenset(
    {
        "Condition",
        "Observation",
        "DiagnosticReport",
        "ImagingStudy",
        "Procedure",
        "MedicationStatement",
    }
)
# Where each item stands on the page: what it is, how the patient is, what was seen and done.
_COLUMNS = (
    ("disease", ("diagnosis", "staging", "histology", "grading", "biomarkers")),
    ("person", ("performance", "comorbidities", "fev1", "dlco", "laboratory")),
    ("findings", ("imaging", "pathology", "treatments")),
)


async def open_case(request: Request) -> tuple[BoardCase, CasePatient]:
    """The case in the address and the person it is about."""
    case = await load_case(portal_of(request).record(session_of(request)), request.path_params["id"])
    return case, await find_patient(request, "netzwerk", case.patient_id)


async def show(request: Request) -> Response:
    """GET /tb/fall/{id}; `?ansicht=beamer` shows the case alone."""
    case, person = await open_case(request)
    presentation = await present(request, person, case.added)
    columns = [
        (name, [view for item in items if (view := presentation.view(item)) is not None])
        for name, items in _COLUMNS
    ]
    can_move = case.state in (CaseState.REGISTERED, CaseState.POSTPONED, CaseState.DRAFTED)
    return page(
        request,
        "team/board/case.html",
        title=text_of(request, "board.case.title"),
        case=case,
        person=person,
        age=age(person.patient, request),
        shown=presentation,
        columns=columns,
        board_name=board_name(request, case.board_id),
        tone=STATE_TONES[case.state],
        projector=request.query_params.get("ansicht") == "beamer",
        dates=upcoming(request, case.board_id) if can_move and case.board_id else (),
        **common(request),
    )


async def source(request: Request) -> Response:
    """GET /tb/fall/{id}/quelle/{member}/{type}/{resource}: one resource as its site holds it, for this
    case only."""
    case, person = await open_case(request)
    kind, member = request.path_params["type"], request.path_params["member"]
    place, patients = await at_site(request, person, member)
    own = {f"Patient/{each['id']}" for each in patients}
    found = await place.client.read(kind, request.path_params["resource"]) if kind in _SHOWN_TYPES else {}
    if _subject(found) not in own:
        raise NotFound(
            "This source does not belong to the case.", next_step="Open it from the page of the case."
        )
    return page(
        request,
        "team/board/source.html",
        title=text_of(request, "board.source.title"),
        case=case,
        site=short_name(request, member),
        rows=rows(found),
        kind=kind,
        **common(request),
    )


def rows(value: Any, path: str = "") -> list[tuple[str, str]]:
    """A resource as lines (path, value), in its own order; nested parts by dots."""
    if isinstance(value, dict):
        return [line for name, inner in value.items() for line in rows(inner, f"{path}.{name}".lstrip("."))]
    if isinstance(value, list):
        numbered = len(value) > 1
        return [
            line
            for place, inner in enumerate(value, 1)
            for line in rows(inner, f"{path}[{place}]" if numbered else path)
        ]
    return [(path, str(value))]


def _subject(resource: dict[str, Any]) -> str:
    reference = resource.get("subject", resource.get("patient", {})).get("reference", "")
    return "/".join(str(reference).split("/")[-2:])
