"""Who treats the person, on which pathway they are, and what they set out to reach.

CareTeam: organisations by member id, people with their role to call. CarePlan of the journey:
`instantiatesCanonical` the pathway. Neighbour: `sharing` (who may read).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, member_reference, staff_display
from mihub.synth.life import Life
from mihub.synth.members import BY_ID

_ROLES = {
    "university-hospital": "Onkologisches Zentrum",
    "hospital": "Behandelnde Klinik",
    "practice": "Hausarztpraxis",
    "radiology-practice": "Radiologie",
}
_FIRST = {
    "university-hospital": "oncologist",
    "hospital": "oncologist",
    "practice": "gp",
    "radiology-practice": "radiologist",
}
_PATHWAY = {"lung": "lung", "screening": "lung"}


def treating_members(life: Life) -> list[str]:
    """Members with a treatment relation: everybody who knows the person but the care record."""
    return list(dict.fromkeys(record.member for record in life.records if record.member != "netzwerk"))


def write_team(chart: Chart, life: Life) -> None:
    """The CareTeam; closed after death."""
    participants: list[dict[str, Any]] = []
    for member in treating_members(life):
        kind = BY_ID[member].kind
        participants.append({"role": [{"text": _ROLES[kind]}], "member": member_reference(member)})
        staff = BY_ID[member].person(_FIRST[kind])
        participants.append(
            {
                "role": [{"text": staff.role_de}],
                "member": staff_display(staff),
                "onBehalfOf": member_reference(member),
            }
        )
    chart.add(
        "CareTeam",
        status="active" if life.death is None else "inactive",
        name="Behandlungsteam",
        subject=chart.patient,
        participant=participants,
    )


def write_journey(chart: Chart, life: Life, today: date) -> None:
    """The plan that names the pathway; its state is computed from facts, not written here."""
    start = _start(life, today)
    pathway = _PATHWAY.get(life.group, "cancer")
    period = {"start": start.isoformat()}
    if life.death:
        period["end"] = life.death.isoformat()
    chart.add(
        "CarePlan",
        status="active" if life.death is None else "completed",
        intent="plan",
        instantiatesCanonical=[f"{url.OWN}/pathway/{pathway}|2026-11"],
        category=[concept(f"{url.OWN}/CodeSystem/care-plan", "journey", text="Behandlungsweg")],
        title="Mein Weg",
        subject=chart.patient,
        period=period,
        created=start.isoformat(),
        author=member_reference("netzwerk"),
    )


def _start(life: Life, today: date) -> date:
    if life.screening:
        return life.screening.referred
    return life.tumour.diagnosis.day if life.tumour else today


_GOALS = {
    "current": "Mit dem Rauchen aufhören",
    "former": "Rauchfrei bleiben",
    "never": "Jeden Tag 30 Minuten gehen",
}


def write_goals(chart: Chart, life: Life, today: date) -> None:
    """One goal in the person's own words, for about half of them."""
    if not life.story and not chart.dice.chance(0.5):
        return
    begin = max(_start(life, today), today - timedelta(days=chart.dice.whole(5, 90)))
    chart.add(
        "Goal",
        lifecycleStatus="active",
        description={"text": _GOALS[life.tobacco.status]},
        subject=chart.patient,
        startDate=begin.isoformat(),
        expressedBy=chart.patient,
    )
