"""The inbox: what waits for my organisation, what is overdue, and where to do it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.referrals.duties import Duty, duties
from mihub.core.policy.actor import MemberId, Purpose, Role
from mihub.errors import Unavailable
from mihub.portals.shell.formats import person_name
from mihub.portals.shell.guard import portal_of, session_of
from mihub.portals.shell.page import page
from mihub.portals.shell.portal import CARE_RECORD
from mihub.portals.team.people import care_record, names, own_member
from mihub.portals.team.roles import AFTERCARE, BOARD, REFERRALS


@dataclass(frozen=True, slots=True)
class Line:
    """One duty as the page shows it; `path` is where to do it, empty when there is no page for it or not for this role."""

    duty: Duty
    name: str
    path: str


async def show(request: Request) -> Response:
    """GET /t"""
    found, silent = await _duties(request)
    role = session_of(request).actor.role
    lines = [Line(duty, _name(duty), _path(duty, role)) for duty in found]
    return page(
        request,
        "team/inbox.html",
        lines=lines,
        overdue=sum(duty.is_overdue for duty in found),
        kinds=Counter(duty.code for duty in found).most_common(),
        silent=names(request, silent),
    )


async def _duties(request: Request) -> tuple[list[Duty], tuple[MemberId, ...]]:
    """The open duties, and who could not be asked: an empty list must not look like no work."""
    record = care_record(request, Purpose.CARE_MANAGEMENT)
    try:
        return await duties(record, own_member(request), portal_of(request).today()), ()
    except Unavailable:
        return [], (CARE_RECORD,)


def _name(duty: Duty) -> str:
    return person_name((duty.patient or {}).get("name"))


def _path(duty: Duty, role: Role) -> str:
    places = {
        "aftercare-visit": (
            f"/t/nachsorge/plan/{duty.plan_id}#visit-{duty.id}" if duty.plan_id else "",
            AFTERCARE,
        ),
        "referral": (f"/t/ueberweisungen/{duty.id}", REFERRALS),
        "board-case": ("/tb", BOARD),
        "implement-recommendation": ("/tb/nachverfolgung", BOARD),
    }
    path, roles = places.get(duty.code, ("", frozenset()))
    return path if role in roles else ""
