"""Referrals in and out, one in detail with its report, and the steps that each side may take.

Neighbours: `care.referrals` (states, actions), `care.screening.report` (the report's sections).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.referrals.actions import FINDINGS, Result, complete, move
from mihub.care.referrals.lists import Referral, referral, referrals
from mihub.care.referrals.states import Move, State
from mihub.care.screening.report import report_sections
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Purpose
from mihub.errors import Gone, NotFound
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, require, session_of
from mihub.portals.shell.page import page, see_other
from mihub.portals.shell.session import Flash
from mihub.portals.team.people import care_record, now_of, own_member
from mihub.portals.team.roles import REFERRALS

TONES = {
    State.REQUESTED: "warning",
    State.ACCEPTED: "info",
    State.REJECTED: "danger",
    State.IN_PROGRESS: "info",
    State.COMPLETED: "success",
    State.CANCELLED: "neutral",
}
_ONE_CLICK = (Move.ACCEPT, Move.START, Move.CANCEL)


@require(*REFERRALS)
async def listing(request: Request) -> Response:
    """GET /t/ueberweisungen"""
    record, member = care_record(request, Purpose.CARE_MANAGEMENT), own_member(request)
    arrived, sent = await referrals(record, member, "in"), await referrals(record, member, "out")
    is_receiver = bool(arrived) or session_of(request).actor.role.value == "radiologist"
    return page(
        request, "team/referrals.html", arrived=arrived, sent=sent, tones=TONES, is_receiver=is_receiver
    )


@require(*REFERRALS)
async def detail(request: Request) -> Response:
    """GET /t/ueberweisungen/{id}"""
    return await _render(request, FormErrors(), {})


@require(*REFERRALS)
async def step(request: Request) -> Response:
    """POST /t/ueberweisungen/{id}/schritt: accept, reject with a reason, start, cancel."""
    form, errors = await request.form(), FormErrors()
    wanted = Move(
        errors.choice(form, "move", [each.value for each in (*_ONE_CLICK, Move.REJECT)]) or Move.ACCEPT
    )
    reason = errors.text(form, "reason", required=wanted is Move.REJECT)
    if errors:
        return await _render(request, errors, dict(form))
    known = await _load(request)
    state = await move(
        care_record(request), known, wanted, session_of(request).actor, now_of(request), reason=reason
    )
    return _back(request, f"team.referrals.moved.{state.value}")


@require(*REFERRALS)
async def result(request: Request) -> Response:
    """POST /t/ueberweisungen/{id}/ergebnis"""
    form, errors = await request.form(), FormErrors()
    examined = errors.day(form, "examined", required=True)
    finding = errors.choice(form, "finding", FINDINGS)
    conclusion = errors.text(form, "conclusion", required=True)
    if examined is not None and examined > portal_of(request).today():
        errors.add("examined", "team.referrals.result.future")
    if errors or examined is None:
        return await _render(request, errors, _with_day(dict(form)))
    known, actor = await _load(request), session_of(request).actor
    await complete(care_record(request), known, Result(examined, finding, conclusion), actor, now_of(request))
    return _back(request, "team.referrals.moved.completed")


async def _load(request: Request) -> Referral:
    return await referral(care_record(request), request.path_params["id"], own_member(request))


async def _render(request: Request, errors: FormErrors, values: Mapping[str, Any]) -> Response:
    known, member = await _load(request), own_member(request)
    return page(
        request,
        "team/referral.html",
        status=422 if errors else 200,
        errors=errors,
        values=values,
        referral=known,
        tone=TONES[known.state],
        moves=[each.value for each in known.moves_of(member)],
        findings=FINDINGS,
        sections=await _sections(request, known),
        is_receiver=member == known.receiver,
    )


async def _sections(request: Request, known: Referral) -> list[tuple[str, list[str]]]:
    """The report that came with the request; empty when there is none or it may not be read."""
    for reference in (known.request or {}).get("supportingInfo", []):
        kind, _, resource_id = str(reference.get("reference", "")).partition("/")
        if kind == "Composition":
            try:
                found: Resource = await care_record(request).read(kind, resource_id)
            except (NotFound, Gone):
                return []
            return report_sections(found)
    return []


def _with_day(values: dict[str, Any]) -> dict[str, Any]:
    parts = {part: str(values.get(f"examined-{part}", "")) for part in ("day", "month", "year")}
    return {**values, "examined": parts if any(parts.values()) else None}


def _back(request: Request, key: str) -> Response:
    return see_other(request, f"/t/ueberweisungen/{request.path_params['id']}", flash=Flash(key))
