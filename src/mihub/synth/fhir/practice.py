"""A general practice: chronic illnesses, medicines, a few values, smoking, who wants no invitation, the
known tumour.

What the screening rule needs is here: smoking intervals, the answer about the last CT of the lung, birth
date. Above: `record`. Neighbour: `smoking`.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.synth.calendar import add_months
from mihub.synth.events import TumourCourse
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, category, concept, loinc, quantity
from mihub.synth.fhir.conditions import write_condition, write_illnesses
from mihub.synth.fhir.encounters import write_visit
from mihub.synth.fhir.laboratory import PRACTICE_PANEL, write_panel
from mihub.synth.fhir.medication import write_medication
from mihub.synth.fhir.smoking import write_last_ct, write_smoking
from mihub.synth.life import Life

_EDUCATION = {"1": 0.08, "2": 0.3, "3": 0.32, "4": 0.12, "5": 0.1, "6": 0.08}


def write_practice(chart: Chart, life: Life, today: date) -> None:
    """What this practice knows about the person."""
    last = life.death or today
    seen = last - timedelta(days=chart.dice.whole(10, 330))
    for back in range(chart.dice.whole(1, 3)):
        write_visit(
            chart, max(add_months(seen, -4 * back), life.person.birth_date), reason="Hausärztliche Behandlung"
        )
    write_illnesses(chart, life.illnesses)
    write_medication(chart, life.illnesses)
    write_panel(chart, seen, PRACTICE_PANEL)
    _body(chart, seen)
    write_smoking(chart, life.tobacco, seen)
    if life.tobacco.status == "current":
        write_condition(
            chart, "F17.2", max(life.person.birth_date, add_months(seen, -chart.dice.whole(12, 200)))
        )
    if life.group == "screening":
        _screening_facts(chart, life, seen, today)
    if life.tumour and life.tumour.diagnosis.day + timedelta(days=7) <= last:
        _known_tumour(chart, life.tumour)


def _body(chart: Chart, day: date) -> None:
    height = round(chart.dice.bell(171, 9, 150, 198))
    weight = round(chart.dice.bell(27.0, 4.2, 18, 42) * (height / 100) ** 2)
    index = round(weight / (height / 100) ** 2, 1)
    chart.add(
        "Observation",
        status="final",
        category=category("vital-signs"),
        code=loinc("39156-5", "Body mass index (BMI)", "Body-Mass-Index"),
        subject=chart.patient,
        effectiveDateTime=day.isoformat(),
        valueQuantity=quantity(index, "kg/m2"),
    )


def _screening_facts(chart: Chart, life: Life, day: date, today: date) -> None:
    """The last CT (asked for most), education and family history for the risk score, a few who want no
    invitation.
    """
    scans = life.screening.scans if life.screening else ()
    if scans:
        write_last_ct(chart, scans[-1].day, scans[-1].action == "control", today)
    elif life.story or chart.dice.chance(0.75):
        write_last_ct(
            chart,
            add_months(day, -chart.dice.whole(14, 60))
            if chart.dice.chance(0.06) and not life.story
            else None,
            False,
            day,
        )
    _risk_facts(chart, day)
    if not life.story and not life.screening and chart.dice.chance(0.05):
        chart.add(
            "Flag",
            status="active",
            code=concept(f"{url.OWN}/CodeSystem/flag", "no-screening-invitation"),
            subject=chart.patient,
            period={"start": day.isoformat()},
        )


def _risk_facts(chart: Chart, day: date) -> None:
    level = chart.dice.weighted(_EDUCATION)
    chart.add(
        "Observation",
        status="final",
        category=category("social-history"),
        code=concept(url.OBSERVATION, "education-level", "Education level (1 to 6)", "Bildungsabschluss"),
        subject=chart.patient,
        effectiveDateTime=day.isoformat(),
        valueInteger=int(level),
    )
    if chart.dice.chance(0.12):
        chart.add(
            "FamilyMemberHistory",
            status="completed",
            patient=chart.patient,
            date=day.isoformat(),
            relationship=concept(f"{url.TERMINOLOGY}/v3-RoleCode", chart.dice.pick(("MTH", "FTH", "SIB"))),
            condition=[
                {"code": {"coding": [{"system": url.ICD10GM, "code": "C34.9"}], "text": "Lungenkrebs"}}
            ],
        )


def _known_tumour(chart: Chart, tumour: TumourCourse) -> None:
    found = tumour.diagnosis
    write_condition(chart, found.icd, found.day + timedelta(days=7), title=found.text)
