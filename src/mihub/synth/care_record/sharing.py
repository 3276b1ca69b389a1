"""Who may read across sites: the person's sharing consent, in every state.

Consent of scope `patient-privacy`, category `sharing` of our own; `provision.actor` names members by id, a
nested provision of type deny takes one out. Withdrawn: status inactive. Neighbour: `team`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from mihub.synth.calendar import years_before
from mihub.synth.care_record.team import treating_members
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, member_reference
from mihub.synth.life import Life

_CATEGORY = f"{url.OWN}/CodeSystem/consent-category"
_TREATMENT = {"system": f"{url.TERMINOLOGY}/v3-ActReason", "code": "TREAT"}


def write_sharing(chart: Chart, life: Life, today: date) -> None:
    """One consent; a few exclude one site, a few were withdrawn."""
    members = treating_members(life)
    given = _given(life, today)
    withdrawn = life.story == "consent_withdrawn" or (not life.story and chart.dice.chance(0.04))
    excluded = [members[-1]] if not life.story and len(members) > 2 and chart.dice.chance(0.05) else []
    provision: dict[str, Any] = {
        "type": "permit",
        "period": {"start": given.isoformat(), "end": years_before(given, -10).isoformat()},
        "actor": [_actor(member) for member in members if member not in excluded],
        "purpose": [_TREATMENT],
    }
    if excluded:
        provision["provision"] = [{"type": "deny", "actor": [_actor(member)]} for member in excluded]
    chart.add(
        "Consent",
        status="inactive" if withdrawn else "active",
        scope=concept(f"{url.TERMINOLOGY}/consentscope", "patient-privacy"),
        category=[concept(_CATEGORY, "sharing", text="Einsicht über Einrichtungen hinweg")],
        patient=chart.patient,
        dateTime=given.isoformat(),
        performer=[chart.patient],
        organization=[chart.organization],
        policyRule={"text": "Einwilligung in die gemeinsame Behandlung im Netzwerk (Demo)"},
        provision=provision,
    )


def _given(life: Life, today: date) -> date:
    if life.tumour:
        return life.tumour.diagnosis.day
    return life.screening.referred if life.screening else today - timedelta(days=30)


def _actor(member: str) -> dict[str, Any]:
    return {
        "role": concept(f"{url.TERMINOLOGY}/v3-ParticipationType", "IRCP"),
        "reference": member_reference(member),
    }
