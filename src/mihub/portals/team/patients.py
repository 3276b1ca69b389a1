"""The own site's patients: a list with search, and one person's summary read through from every site.

Searching is a POST, so that no name stands in an address. Neighbours: `people`, `care.journeys.events`.
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.aftercare.plan import active_plans
from mihub.care.journeys.events import Event, events_of, merge
from mihub.care.journeys.reading import ReadThrough
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Purpose
from mihub.portals.shell.formats import person_name
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import page
from mihub.portals.shell.portal import CARE_RECORD
from mihub.portals.team.people import age, care_record, find_person, names, own_site, read_everywhere
from mihub.portals.team.roles import AFTERCARE, SCREENING

# A longer list helps nobody; people search instead.
_SHOWN_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One patient in the list."""

    patient: Resource
    name: str
    age: int | None


async def listing(request: Request) -> Response:
    """GET and POST /t/patienten; POST carries the search text."""
    wanted = str((await request.form()).get("name", "")).strip() if request.method == "POST" else ""
    site = own_site(request, Purpose.CARE_MANAGEMENT)
    total = await site.count("Patient")
    criterion = [("name", part) for part in wanted.split()]
    found = await site.search("Patient", criterion) if wanted or total <= _SHOWN_AT_MOST else []
    rows = [Row(each, person_name(each.get("name")), age(each, request)) for each in found]
    rows.sort(key=lambda row: _family(row.patient))
    return page(
        request,
        "team/patients.html",
        rows=rows[:_SHOWN_AT_MOST],
        total=total,
        wanted=wanted,
        must_search=total > _SHOWN_AT_MOST and not wanted,
    )


async def summary(request: Request) -> Response:
    """GET /t/patienten/{id}"""
    known = await find_person(request, request.path_params["id"])
    told = await read_everywhere(request, known.places, known.relation)
    plans = await active_plans(care_record(request), known.person["id"]) if known.person else []
    return page(
        request,
        "team/patient.html",
        known=known,
        age=age(known.patient, request),
        events=_events(told, portal_of(request).today().isoformat()),
        silent=names(request, dict.fromkeys([*([CARE_RECORD] if known.unasked else []), *told.silent])),
        refused=names(request, told.refused),
        plan=plans[0] if plans else None,
        may_screen=session_of(request).actor.role in SCREENING,
        may_plan=session_of(request).actor.role in AFTERCARE,
    )


def _events(told: ReadThrough, today: str) -> list[Event]:
    """Newest first; what has no date comes last."""
    events = merge([events_of(record.resources, record.member, today=today) for record in told.records])
    dated = [event for event in events if event.start]
    return [*reversed(dated), *(event for event in events if not event.start)]


def _family(patient: Resource) -> tuple[str, str]:
    names = patient.get("name") or [{}]
    return str(names[0].get("family", "")).casefold(), " ".join(names[0].get("given", [])).casefold()
