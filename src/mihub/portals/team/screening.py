"""Lung screening pages: the practice's worklist with the reason per person, and one person's decision step by
step.

All sentences of the decision come from the rule's own document. Neighbours: `screening_forms` (changes).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mihub.care.referrals.lists import Referral
from mihub.care.screening.assessment import Assessment, assess_one
from mihub.care.screening.referral import blocking
from mihub.care.screening.rule import screening_rule
from mihub.care.screening.worklist import Entry, Standing, entry, newest_for, sent_for_screening, worklist
from mihub.core.policy.actor import Purpose
from mihub.core.rules.receipt import Criterion, Decision, Outcome
from mihub.portals.shell.formats import person_name
from mihub.portals.shell.forms import FormErrors
from mihub.portals.shell.guard import portal_of, require
from mihub.portals.shell.page import language_of, page
from mihub.portals.shell.portal import CARE_RECORD
from mihub.portals.team.people import age, care_record, names, own_member, own_site
from mihub.portals.team.roles import SCREENING

TONES = {
    Standing.MAY_BE_REFERRED: "success",
    Standing.ASK: "warning",
    Standing.REFERRED: "info",
    Standing.LATER: "neutral",
    Standing.OPTED_OUT: "neutral",
    Standing.NOT_ELIGIBLE: "neutral",
}
DECISION_TONES = {
    Decision.ELIGIBLE: "success",
    Decision.NOT_ELIGIBLE: "danger",
    Decision.CANNOT_DECIDE: "warning",
}
OUTCOME_TONES = {Outcome.MET: "success", Outcome.FAILED: "danger", Outcome.UNDECIDED: "warning"}


@dataclass(frozen=True, slots=True)
class Row:
    """One person in the worklist; `why` is a list of short parts in the reader's language."""

    entry: Entry
    name: str
    age: int | None
    why: list[str]


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One criterion in words."""

    id: str
    name: str
    citation: str
    outcome: Outcome
    steps: list[str]
    missing: list[str]


@require(*SCREENING)
async def listing(request: Request) -> Response:
    """GET /t/vorsorge, optionally with ?stand=…"""
    today, why = portal_of(request).today(), Purpose.CARE_MANAGEMENT
    found = await worklist(own_site(request, why), care_record(request, why), own_member(request), today)
    wanted = next((each for each in Standing if each == request.query_params.get("stand")), None)
    shown_entries = found.entries if wanted is None else found.of(wanted)
    return page(
        request,
        "team/screening_list.html",
        rows=[_row(request, each) for each in shown_entries],
        standings=[(each, len(found.of(each))) for each in Standing],
        wanted=wanted,
        total=len(found.entries),
        left_out=sorted(found.left_out.items(), key=lambda pair: -pair[1]),
        tones=TONES,
        rule=screening_rule(),
        silent=[] if found.is_complete else names(request, [CARE_RECORD]),
    )


@require(*SCREENING)
async def detail(request: Request) -> Response:
    """GET /t/vorsorge/{id}"""
    return await render(request, FormErrors(), {})


async def render(
    request: Request, errors: FormErrors, values: Mapping[str, Any], *, failed: str = ""
) -> Response:
    """The page of one person; `values` are what was typed in the form `failed`, with its `errors`."""
    assessment, referral, is_complete = await load(request)
    checked = values.get("checked", [])
    standing = entry(assessment, referral)
    return page(
        request,
        "team/screening_detail.html",
        status=422 if errors else 200,
        errors=errors,
        failed=failed,
        values=values,
        key=values.get("key") or secrets.token_hex(8),
        assessment=assessment,
        entry=standing,
        tone=DECISION_TONES[assessment.receipt.decision],
        outcome_tones=OUTCOME_TONES,
        standing_tone=TONES[standing.standing],
        silent=[] if is_complete else names(request, [CARE_RECORD]),
        name=person_name(assessment.patient.get("name")),
        age=age(assessment.patient, request),
        criteria=[_criterion(each, language_of(request)) for each in assessment.receipt.criteria],
        notes=[screening_rule().step(note, language_of(request)) for note in assessment.receipt.notes],
        missing=_missing(assessment, language_of(request)),
        rule=screening_rule(),
        checklist=_checklist(language_of(request)),
        stands_against=blocking(assessment, checked, "", referral is not None and referral.is_open),
        receivers=[member for member in portal_of(request).region.members if "radiology" in member.kind],
    )


async def load(request: Request) -> tuple[Assessment, Referral | None, bool]:
    """The decision for the person in the address, the practice's newest screening referral for them, and whether
    the care record could be asked for it.
    """
    practice, member = own_site(request), own_member(request)
    assessment = await assess_one(practice, request.path_params["id"], portal_of(request).today())
    sent = await sent_for_screening(care_record(request), member)
    return assessment, newest_for(assessment.patient, sent or (), member), sent is not None


def _row(request: Request, each: Entry) -> Row:
    patient = each.assessment.patient
    return Row(
        each, person_name(patient.get("name")), age(patient, request), _why(each, language_of(request))
    )


def _why(each: Entry, language: str) -> list[str]:
    """The numbers that decided, in short; or what is missing."""
    receipt, rule = each.assessment.receipt, screening_rule()
    if each.standing is Standing.ASK:
        return _missing(each.assessment, language)
    steps = [step for criterion in receipt.criteria for step in criterion.steps]
    decisive = ("duration-sum", "pack-sum", "ct-too-early", "ct-control")
    wanted = [step for step in steps if step.key in decisive]
    if "abstinence" in {criterion.id for criterion in receipt.failed}:
        wanted = [step for step in steps if step.key == "abstinence-years"]
    return [rule.sentence(f"short.{step.key}", step.values, language) for step in wanted]


def _missing(assessment: Assessment, language: str) -> list[str]:
    return [screening_rule().sentence(f"missing.{key}", {}, language) for key in assessment.receipt.missing]


def _criterion(criterion: Criterion, language: str) -> CriterionView:
    rule = screening_rule()
    return CriterionView(
        id=criterion.id,
        name=rule.sentence(f"criterion.{criterion.id}", {}, language),
        citation=criterion.citation,
        outcome=criterion.outcome,
        steps=[rule.step(step, language) for step in criterion.steps],
        missing=[rule.sentence(f"missing.{key}", {}, language) for key in criterion.missing],
    )


def _checklist(language: str) -> list[tuple[str, str, str]]:
    rule = screening_rule()
    return [
        (item.id, rule.sentence(f"check.{item.id}", {}, language), item.citation) for item in rule.checklist
    ]
