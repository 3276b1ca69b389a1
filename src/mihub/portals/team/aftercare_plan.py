"""Aftercare: the due list of my organisation, and one plan with its visits, its source and its calendar file.

Neighbours: `aftercare_new` (makes plans), `care.aftercare` (computes and changes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mihub.care.aftercare.anchor import SiteFact
from mihub.care.aftercare.calendar_file import Entry, calendar_file
from mihub.care.aftercare.series import Due, Plan, Visit, due_list, next_per_plan, read_plan
from mihub.care.aftercare.visits import agree_day, call_off, end_plan, mark_done
from mihub.core.policy.actor import Purpose
from mihub.errors import NotFound
from mihub.portals.shell.formats import HERE, person_name
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, require, session_of
from mihub.portals.shell.page import page, see_other, text_of
from mihub.portals.shell.session import Flash
from mihub.portals.team.people import care_record, names, now_of, own_member, read_from_care_record
from mihub.portals.team.roles import AFTERCARE

TONES = {
    Due.OVERDUE: "danger",
    Due.DUE: "warning",
    Due.LATER: "neutral",
    Due.DONE: "success",
    Due.CANCELLED: "neutral",
}
_VISIT_MINUTES = 30
# What can prove an examination of a plan.
_EVIDENCE = ("DiagnosticReport:patient", "ImagingStudy:patient", "Procedure:patient", "Observation:patient")


@dataclass(frozen=True, slots=True)
class Failed:
    """The form of one visit that was refused, with what was typed."""

    visit_id: str
    act: str
    values: dict[str, object]


@require(*AFTERCARE)
async def listing(request: Request) -> Response:
    """GET /t/nachsorge, with ?alle=1 every visit instead of what to look at"""
    visits = await due_list(
        care_record(request, Purpose.CARE_MANAGEMENT), own_member(request), portal_of(request).today()
    )
    show_all = request.query_params.get("alle") == "1"
    shown = visits if show_all else next_per_plan(visits)
    return page(
        request,
        "team/aftercare_list.html",
        visits=[(visit, person_name((visit.patient or {}).get("name"))) for visit in shown],
        counts=[
            (state, sum(visit.state is state for visit in visits))
            for state in (Due.OVERDUE, Due.DUE, Due.DONE)
        ],
        show_all=show_all,
        tones=TONES,
    )


@require(*AFTERCARE)
async def show(request: Request) -> Response:
    """GET /t/nachsorge/plan/{plan}"""
    return await _render(request, FormErrors(), None)


@require(*AFTERCARE)
async def calendar(request: Request) -> Response:
    """GET /t/nachsorge/plan/{plan}/termine.ics: open and agreed visits, neutral, as a file."""
    plan = await _load(request)
    summary = text_of(request, "team.aftercare.calendar_summary")
    entries = [
        Entry(visit.id, _start(visit), summary, portal_of(request).region.member(own_member(request)).name)
        for visit in plan.visits
        if visit.state not in (Due.DONE, Due.CANCELLED) and visit.due_on > date.min
    ]
    headers = {"Content-Disposition": 'attachment; filename="termine.ics"'}
    return Response(calendar_file(entries, now_of(request)), headers=headers, media_type="text/calendar")


@require(*AFTERCARE)
async def act(request: Request) -> Response:
    """POST /t/nachsorge/plan/{plan}/termin/{visit}/{act}: done, agree, off"""
    form, errors = await request.form(), FormErrors()
    name, plan = request.path_params["act"], await _load(request)
    visit = next((each for each in plan.visits if each.id == request.path_params["visit"]), None)
    if visit is None or name not in ("done", "agree", "off"):
        raise NotFound("There is no such visit in this plan.", next_step="Open the plan again.")
    await _act(request, name, visit, form, errors)
    if errors:
        values: dict[str, object] = {**form, "day": _parts(form)}
        return await _render(request, errors, Failed(visit.id, name, values))
    return see_other(request, f"/t/nachsorge/plan/{plan.id}", flash=Flash(f"team.aftercare.acted.{name}"))


@require(*AFTERCARE)
async def end(request: Request) -> Response:
    """POST /t/nachsorge/plan/{plan}/beenden"""
    form, errors = await request.form(), FormErrors()
    reason = errors.text(form, "end_reason", required=True)
    if errors:
        return await _render(request, errors, None)
    await end_plan(
        care_record(request), await _load(request), reason, session_of(request).actor, now_of(request)
    )
    path = f"/t/nachsorge/plan/{request.path_params['plan']}"
    return see_other(request, path, flash=Flash("team.aftercare.acted.ended"))


async def _act(request: Request, name: str, visit: Visit, form: FormData, errors: FormErrors) -> None:
    record, actor, now = care_record(request), session_of(request).actor, now_of(request)
    if name == "off":
        reason = errors.text(form, "reason", required=True)
        if not errors:
            await call_off(record, visit, reason, actor, now)
        return
    day = errors.day(form, "day", required=True)
    if name == "done":
        if day is not None and day > portal_of(request).today():
            errors.add("day", "team.aftercare.future")
        if day is not None and not errors:
            await mark_done(record, visit, day, actor, now)
        return
    clock = _clock(form, errors)
    if day is not None and clock is not None and not errors:
        start = datetime(day.year, day.month, day.day, clock[0], clock[1], tzinfo=HERE)
        await agree_day(record, visit, start, _VISIT_MINUTES, actor)


def _clock(form: FormData, errors: FormErrors) -> tuple[int, int] | None:
    """ "9:30" or "09:30"."""
    hour, _, minute = errors.text(form, "clock", required=True, limit=5).partition(":")
    if hour.isdecimal() and minute.isdecimal() and int(hour) < 24 and int(minute) < 60:
        return int(hour), int(minute)
    errors.add("clock", "team.aftercare.not_a_time")
    return None


def _parts(form: FormData) -> dict[str, str] | None:
    parts = {part: str(form.get(f"day-{part}", "")) for part in ("day", "month", "year")}
    return parts if any(parts.values()) else None


async def _load(request: Request, facts: Sequence[SiteFact] = ()) -> Plan:
    today, plan_id = portal_of(request).today(), request.path_params["plan"]
    return await read_plan(care_record(request), plan_id, own_member(request), today, facts)


async def _with_evidence(request: Request) -> tuple[Plan, list[str]]:
    """The plan with what the sites know of its examinations, and the names of those that did not answer."""
    plan = await _load(request)
    person_id = str(plan.resource.get("subject", {}).get("reference", "")).removeprefix("Patient/")
    told = await read_from_care_record(request, person_id, include=_EVIDENCE)
    facts = [SiteFact(record.member, each) for record in told.records for each in record.resources]
    return await _load(request, facts), names(request, (*told.silent, *told.refused))


async def _render(request: Request, errors: FormErrors, failed: Failed | None) -> Response:
    plan, silent = await _with_evidence(request)
    patient = next((visit.patient for visit in plan.visits if visit.patient), None)
    return page(
        request,
        "team/aftercare_plan.html",
        status=422 if errors else 200,
        errors=errors,
        failed=failed,
        plan=plan,
        name=person_name((patient or {}).get("name")),
        patient=patient,
        tones=TONES,
        open_states=(Due.OVERDUE, Due.DUE, Due.LATER),
        own=own_member(request),
        ended=plan.resource.get("status") != "active",
        default_day=portal_of(request).today(),
        silent=silent,
    )


def _start(visit: Visit) -> date | datetime:
    said = (visit.appointment or {}).get("start")
    return datetime.fromisoformat(str(said)) if said else visit.due_on
