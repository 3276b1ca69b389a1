"""Palliative care as a hospital documents it: Z51.5, and how strong pain and breathlessness are (0 to 10).

From the assessment in which a tumour that cannot be cured progressed, or when the board advised no further
tumour therapy. Sensitive elements (wishes about dying) are never written. Neighbour: `hospital`.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.synth.events import Board, Course, TumourCourse
from mihub.synth.fhir.chart import Chart, category, loinc, quantity
from mihub.synth.fhir.conditions import write_condition
from mihub.synth.fhir.encounters import write_visit

_SCALES = (
    ("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "Schmerz (0 bis 10)"),
    ("89283-6", "Dyspnea severity 0-10 Score", "Atemnot (0 bis 10)"),
)


def begins(tumour: TumourCourse) -> date | None:
    """The day on which palliative care is offered; None while there is no reason."""
    for event in tumour.events:
        if isinstance(event, Course) and event.overall in "PY":
            return event.day + timedelta(days=10)
        if isinstance(event, Board) and "KW" in event.advice and not tumour.curative:
            return event.day + timedelta(days=7)
    return None


def write_palliative(chart: Chart, tumour: TumourCourse, until: date) -> None:
    """The diagnosis, a first assessment, and one later."""
    day = begins(tumour)
    if day is None or day > until:
        return
    visit = write_visit(chart, day, "oncology", "Palliativmedizinisches Erstgespräch")
    write_condition(chart, "Z51.5", day, encounter=visit)
    for later in (0, 28):
        if day + timedelta(days=later) <= until:
            _scales(chart, day + timedelta(days=later))


def _scales(chart: Chart, day: date) -> None:
    for code, display, text in _SCALES:
        value = round(chart.dice.bell(4, 2, 0, 10))
        chart.add(
            "Observation",
            status="final",
            category=category("survey"),
            code=loinc(code, display, text),
            subject=chart.patient,
            effectiveDateTime=day.isoformat(),
            valueQuantity=quantity(value, "{score}"),
        )
