"""The inbox: what waits for my organisation, what is overdue, and where to do it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.referrals.duties import Duty, duties
from mihub.core.policy.actor import Purpose
from mihub.portals.shell.formats import person_name
from mihub.portals.shell.guard import portal_of
from mihub.portals.shell.page import page
from mihub.portals.team.people import care_record, own_member


@dataclass(frozen=True, slots=True)
class Line:
    """One duty as the page shows it; `path` is where to do it, empty when there is no page for it yet."""

    duty: Duty
    name: str
    path: str


async def show(request: Request) -> Response:
    """GET /t"""
    found = await duties(
        care_record(request, Purpose.CARE_MANAGEMENT), own_member(request), portal_of(request).today()
    )
    lines = [Line(duty, _name(duty), _path(duty)) for duty in found]
    return page(
        request,
        "team/inbox.html",
        lines=lines,
        overdue=sum(duty.is_overdue for duty in found),
        kinds=Counter(duty.code for duty in found).most_common(),
    )


def _name(duty: Duty) -> str:
    return person_name((duty.patient or {}).get("name"))


def _path(duty: Duty) -> str:
    if duty.code == "aftercare-visit" and duty.plan_id:
        return f"/t/nachsorge/plan/{duty.plan_id}#visit-{duty.id}"
    paths = {
        "referral": f"/t/ueberweisungen/{duty.id}",
        "board-case": "/tb",
        "implement-recommendation": "/tb/nachverfolgung",
    }
    return paths.get(duty.code, "")
