"""What a practice changes on a person's screening page: smoking times, the last CT, the referral.

Every form answers with a redirect, or with the same page, the typed values and all mistakes at once.
Neighbours: `screening` (shows), `care.screening.recording`, `care.screening.referral` (do).
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from mihub.care.screening.recording import add_interval, end_interval, record_last_ct, withdraw_interval
from mihub.care.screening.referral import Order, refer
from mihub.care.screening.rule import screening_rule
from mihub.errors import Conflict, InvalidInput
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, require, session_of
from mihub.portals.shell.page import see_other
from mihub.portals.shell.session import Flash
from mihub.portals.team.people import care_record, find_person, must_be_asked, now_of, own_member, own_site
from mihub.portals.team.roles import SCREENING
from mihub.portals.team.screening import load, render

_MONTHS = tuple(str(number) for number in range(1, 13))


@require(*SCREENING)
async def add(request: Request) -> Response:
    """POST /t/vorsorge/{id}/rauchzeit"""
    form, errors = await request.form(), FormErrors()
    start, end = _month(form, errors, "start", required=True), _month(form, errors, "end")
    per_day = errors.number(form, "per_day")
    if not errors:
        try:
            await add_interval(
                own_site(request),
                request.path_params["id"],
                start,
                end,
                per_day,
                today=portal_of(request).today(),
                key=errors.text(form, "key", required=True, limit=64),
            )
        except InvalidInput:
            errors.add("start", "team.screening.interval.impossible")
        except Conflict:
            errors.add("start", "team.screening.interval.overlap")
    if errors:
        return await render(request, errors, dict(form), failed="interval")
    return _back(request, "team.screening.interval.saved")


@require(*SCREENING)
async def end(request: Request) -> Response:
    """POST /t/vorsorge/{id}/rauchzeit/ende"""
    form, errors = await request.form(), FormErrors()
    stopped = _month(form, errors, "stopped", required=True)
    observation = errors.text(form, "interval", required=True, limit=64)
    if not errors:
        try:
            today = portal_of(request).today()
            await end_interval(
                own_site(request), request.path_params["id"], observation, stopped, today=today
            )
        except InvalidInput:
            errors.add("stopped", "team.screening.interval.impossible")
        except Conflict:
            errors.add("stopped", "team.screening.interval.overlap")
    if errors:
        return await render(request, errors, dict(form), failed=f"end-{observation}")
    return _back(request, "team.screening.interval.saved")


@require(*SCREENING)
async def withdraw(request: Request) -> Response:
    """POST /t/vorsorge/{id}/rauchzeit/entfernen"""
    form = await request.form()
    await withdraw_interval(own_site(request), request.path_params["id"], str(form.get("interval", "")))
    return _back(request, "team.screening.interval.withdrawn")


@require(*SCREENING)
async def last_ct(request: Request) -> Response:
    """POST /t/vorsorge/{id}/ct"""
    form, errors = await request.form(), FormErrors()
    answer = errors.choice(form, "had_ct", ("no", "yes"))
    on = errors.day(form, "ct", required=True) if answer == "yes" else None
    if not errors:
        try:
            await record_last_ct(
                own_site(request),
                request.path_params["id"],
                on,
                control_requiring=form.get("control") == "yes",
                today=portal_of(request).today(),
            )
        except InvalidInput:
            errors.add("ct", "team.screening.ct.future")
    if errors:
        return await render(request, errors, _with_day(form, "ct"), failed="ct")
    return _back(request, "team.screening.ct.saved")


@require(*SCREENING)
async def send(request: Request) -> Response:
    """POST /t/vorsorge/{id}/ueberweisen"""
    form, errors = await request.form(), FormErrors()
    region, session = portal_of(request).region, session_of(request)
    checked = frozenset(str(item) for item in form.getlist("checked"))
    offered = [member.id for member in region.members if "radiology" in member.kind]
    receiver = errors.choice(form, "receiver", offered)
    order = Order(
        key=errors.text(form, "key", required=True, limit=64),
        receiver=region.member(receiver).id,
        receiver_name=region.member(receiver).name,
        sender_name=region.member(own_member(request)).name,
        checked=checked,
        suitability=errors.text(form, "suitability", required=True),
        history=errors.text(form, "history"),
        cessation_offered=form.get("cessation") == "yes",
    )
    assessment, sent, _ = await load(request)
    if any(item.id not in checked for item in screening_rule().checklist):
        errors.add("checked", "team.screening.refer.items_missing")
    if errors:
        return await render(request, errors, {**form, "checked": list(checked)}, failed="refer")
    known = await find_person(request, request.path_params["id"])
    must_be_asked(known)
    record, has_open = care_record(request), sent is not None and sent.is_open
    task_id = await refer(
        record, assessment, order, session.actor, now_of(request), person=known.person, has_open=has_open
    )
    return see_other(request, f"/t/ueberweisungen/{task_id}", flash=Flash("team.screening.refer.sent"))


def _month(form: FormData, errors: FormErrors, name: str, *, required: bool = False) -> str:
    """ "1984" or "1984-05" from two fields NAME-year and NAME-month; empty when nothing was typed."""
    year = errors.text(form, f"{name}-year", limit=4)
    month = errors.text(form, f"{name}-month", limit=2).lstrip("0")
    if not year:
        if required or month:
            errors.add(name, "team.screening.interval.year_missing")
        return ""
    if len(year) != 4 or not year.isdecimal() or (month and month not in _MONTHS):
        errors.add(name, "team.screening.interval.not_a_month")
        return ""
    return f"{year}-{int(month):02d}" if month else year


def _with_day(form: FormData, name: str) -> dict[str, Any]:
    """The form's values, its three date fields as one mapping, as the date macro wants them."""
    parts = {part: str(form.get(f"{name}-{part}", "")) for part in ("day", "month", "year")}
    return {**form, name: parts if any(parts.values()) else None}


def _back(request: Request, key: str) -> Response:
    return see_other(request, f"/t/vorsorge/{request.path_params['id']}", flash=Flash(key))
