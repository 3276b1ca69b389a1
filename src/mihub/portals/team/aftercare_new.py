"""A new aftercare plan: choose a schedule, check the end of therapy, see the dates, create.

The end of therapy is proposed with its origin, or must be entered; another day than the proposed one needs a
reason. Preview and creation are the same form, so that what was seen is what is made. Neighbours:
`aftercare_plan`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mihub.care.aftercare.anchor import Anchor, SiteFact, diagnoses, end_of_therapy
from mihub.care.aftercare.plan import PlanOrder, active_plans, create_plan, needs_reason
from mihub.care.aftercare.schedules import fitting, schedule_of
from mihub.care.journeys.reading import ReadThrough
from mihub.care.referrals.person import new_person
from mihub.core.policy.actor import MemberId
from mihub.core.rules.schedule import Schedule, planned_visits
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, require, session_of
from mihub.portals.shell.page import page, see_other
from mihub.portals.shell.portal import CARE_RECORD
from mihub.portals.shell.region import Member
from mihub.portals.shell.session import Flash
from mihub.portals.team.people import (
    TRUST,
    KnownPerson,
    age,
    care_record,
    find_person,
    must_be_asked,
    names,
    now_of,
    own_member,
    read_everywhere,
)
from mihub.portals.team.roles import AFTERCARE


@dataclass(frozen=True, slots=True)
class Ground:
    """What the page stands on: the person, what the sites know of the therapy, schedules with the fitting
    ones first.
    """

    known: KnownPerson
    anchor: Anchor
    diagnoses: tuple[str, ...]
    schedules: tuple[Schedule, ...]
    responsible: tuple[Member, ...]
    silent: tuple[MemberId, ...]
    existing: str


@require(*AFTERCARE)
async def form(request: Request) -> Response:
    """GET /t/nachsorge/{patient}/neu"""
    ground = await _ground(request)
    if ground.existing:
        return see_other(
            request, f"/t/nachsorge/plan/{ground.existing}", flash=Flash("team.aftercare.new.exists", "info")
        )
    proposal = ground.anchor.proposal
    values = {
        "schedule": next(iter(_fits(ground)), ""),
        "anchor": proposal.ended if proposal else None,
        "responsible": ground.responsible[0].id,
        "key": secrets.token_hex(8),
    }
    return _render(request, ground, FormErrors(), values)


@require(*AFTERCARE)
async def create(request: Request) -> Response:
    """POST /t/nachsorge/{patient}/neu: `act=preview` shows the dates, `act=create` makes the plan."""
    sent, errors, ground = await request.form(), FormErrors(), await _ground(request)
    schedule_id = errors.choice(sent, "schedule", [each.id for each in ground.schedules])
    anchor = errors.day(sent, "anchor", required=True)
    responsible = errors.choice(sent, "responsible", [each.id for each in ground.responsible])
    deviation, key = errors.text(sent, "deviation"), errors.text(sent, "key", required=True, limit=64)
    proposal = ground.anchor.proposal.ended if ground.anchor.proposal else None
    if anchor is not None and anchor > portal_of(request).today():
        errors.add("anchor", "team.aftercare.new.future")
    if anchor is not None and needs_reason(anchor, proposal) and not deviation:
        errors.add("deviation", "team.aftercare.new.reason_missing")
    values = {**sent, "anchor": anchor or _parts(sent)}
    if errors or anchor is None or sent.get("act") != "create":
        return _render(request, ground, errors, values)
    order = PlanOrder(
        key=key,
        schedule=schedule_of(schedule_id),
        anchor=anchor,
        origin=str(ground.anchor.proposal.member) if ground.anchor.proposal and anchor == proposal else "",
        deviation=deviation,
        responsible=MemberId(responsible),
        responsible_name=portal_of(request).region.member(responsible).name,
    )
    plan_id = await _create(request, ground, order)
    return see_other(request, f"/t/nachsorge/plan/{plan_id}", flash=Flash("team.aftercare.new.created"))


async def _create(request: Request, ground: Ground, order: PlanOrder) -> str:
    known, actor = ground.known, session_of(request).actor
    must_be_asked(known)
    made = None if known.person else new_person(known.patient, own_member(request))
    person = known.person or made or {}
    proposal = ground.anchor.proposal
    return await create_plan(
        care_record(request),
        str(person["id"]),
        order,
        actor,
        now_of(request),
        proposal=proposal.ended if proposal else None,
        new_person=made,
    )


async def _ground(request: Request) -> Ground:
    known = await find_person(request, request.path_params["patient"])
    told = await read_everywhere(request, known.places, known.relation)
    facts = [SiteFact(member, each) for record in told.records for member, each in _of(record)]
    codes = diagnoses(facts)
    plans = await active_plans(care_record(request), known.person["id"]) if known.person else []
    return Ground(
        known=known,
        anchor=end_of_therapy(facts, portal_of(request).today()),
        diagnoses=codes,
        schedules=fitting(codes),
        responsible=_responsible(request, known),
        silent=_unheard(known, told),
        existing=str(plans[0]["id"]) if plans else "",
    )


def _fits(ground: Ground) -> list[str]:
    """The schedules for one of the person's diagnoses; only such a one is ever proposed."""
    return [each.id for each in ground.schedules if any(each.fits(code) for code in ground.diagnoses)]


def _unheard(known: KnownPerson, told: ReadThrough) -> tuple[MemberId, ...]:
    """Who could know an end of therapy and did not say it."""
    linking = [TRUST] if known.unlinked else []
    record = [CARE_RECORD] if known.unasked else []
    return tuple(dict.fromkeys([*linking, *record, *told.silent, *told.refused]))


def _of(record: Any) -> list[tuple[MemberId, dict[str, Any]]]:
    return [(record.member, resource) for resource in record.resources]


def _responsible(request: Request, known: KnownPerson) -> tuple[Member, ...]:
    """Organisations that know the person, practices first: the general practitioner does most of aftercare."""
    region = portal_of(request).region
    ids = dict.fromkeys([own_member(request), *(place.member for place in known.places), *known.team_members])
    members = [region.member(member) for member in ids if member != CARE_RECORD]
    usable = [member for member in members if member.kind != "radiology-practice"] or members
    return tuple(sorted(usable, key=lambda member: member.kind != "practice"))


def _parts(sent: FormData) -> dict[str, str] | None:
    parts = {part: str(sent.get(f"anchor-{part}", "")) for part in ("day", "month", "year")}
    return parts if any(parts.values()) else None


def _render(request: Request, ground: Ground, errors: FormErrors, values: Mapping[str, Any]) -> Response:
    chosen = next((each for each in ground.schedules if each.id == values.get("schedule")), None)
    anchor = values.get("anchor")
    preview = planned_visits(chosen, anchor) if chosen and isinstance(anchor, date) else ()
    return page(
        request,
        "team/aftercare_new.html",
        status=422 if errors else 200,
        ground=ground,
        known=ground.known,
        age=age(ground.known.patient, request),
        errors=errors,
        values=values,
        chosen=chosen,
        preview=preview,
        fits=_fits(ground),
        proposal=ground.anchor.proposal,
        silent=names(request, ground.silent),
    )
