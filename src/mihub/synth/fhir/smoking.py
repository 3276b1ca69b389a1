"""Smoking as Observations: the status, and one Observation for each interval.

Interval: our own code `smoking-interval`, `effectivePeriod` from the first to the last day (no end: still
smoking), a component `cigarettes-per-day` in /d, left out when nobody asked. Status: LOINC 72166-2 with
SNOMED CT answers.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, category, concept, loinc, quantity
from mihub.synth.tobacco import Smoked, Tobacco

_STATUS = {
    "never": ("266919005", "Never smoked tobacco"),
    "former": ("8517006", "Ex-smoker"),
    "current": ("77176002", "Smoker"),
}


def write_smoking(chart: Chart, tobacco: Tobacco, asked: date) -> None:
    """What the practice knows about smoking, asked on one day."""
    code, display = _STATUS[tobacco.status]
    chart.add(
        "Observation",
        status="final",
        category=category("social-history"),
        code=loinc("72166-2", "Tobacco smoking status", "Raucherstatus"),
        subject=chart.patient,
        effectiveDateTime=asked.isoformat(),
        performer=[chart.organization],
        valueCodeableConcept=concept(url.SNOMED, code, display),
    )
    for smoked in tobacco.intervals:
        _interval(chart, smoked, asked)


def _interval(chart: Chart, smoked: Smoked, asked: date) -> None:
    period = {"start": smoked.start.isoformat()}
    if smoked.end:
        period["end"] = smoked.end.isoformat()
    chart.add(
        "Observation",
        status="final",
        category=category("social-history"),
        code=concept(url.OBSERVATION, "smoking-interval", "Smoking interval", "Rauchintervall"),
        subject=chart.patient,
        effectivePeriod=period,
        issued=f"{asked.isoformat()}T10:00:00Z",
        performer=[chart.organization],
        component=_per_day(smoked),
    )


def _per_day(smoked: Smoked) -> list[dict[str, Any]] | None:
    if smoked.per_day is None:
        return None
    code = concept(url.OBSERVATION, "cigarettes-per-day", "Cigarettes per day", "Zigaretten pro Tag")
    return [{"code": code, "valueQuantity": quantity(smoked.per_day, "/d")}]


def write_last_ct(chart: Chart, day: date | None, control: bool, asked: date) -> None:
    """The answer to "was a CT of the lung made, and when?"; `day` None says no."""
    finding = concept(f"{url.OWN}/CodeSystem/lung-screening-finding", "control-requiring")
    answer: dict[str, Any] = {"valueBoolean": False} if day is None else {"valueDateTime": day.isoformat()}
    if day is not None and control:
        answer["component"] = [
            {"code": concept(url.OBSERVATION, "last-lung-ct-finding"), "valueCodeableConcept": finding}
        ]
    chart.add(
        "Observation",
        status="final",
        category=category("social-history"),
        code=concept(url.OBSERVATION, "last-lung-ct", "Last CT of the lung", "Letztes CT der Lunge"),
        subject=chart.patient,
        effectiveDateTime=asked.isoformat(),
        **answer,
    )
