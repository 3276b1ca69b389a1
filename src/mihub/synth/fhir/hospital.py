"""A hospital's clinical systems: stays, laboratory, imaging, pathology reports, home medication, consent.

The tumour documentation itself is not here: it comes as oBDS from the same hospital (`obds`). Above:
`record`.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.synth import stages
from mihub.synth.events import (
    Board,
    Course,
    Diagnosis,
    Event,
    Operation,
    Radiotherapy,
    Systemic,
    TumourCourse,
)
from mihub.synth.fhir.chart import Chart
from mihub.synth.fhir.conditions import write_condition, write_illnesses
from mihub.synth.fhir.consent import write_research_consent
from mihub.synth.fhir.encounters import write_stay, write_visit
from mihub.synth.fhir.imaging import (
    ABDOMEN_CT,
    BRAIN_MRI,
    CHEST_CT,
    MAMMOGRAPHY,
    PET_CT,
    Examination,
    write_imaging,
)
from mihub.synth.fhir.laboratory import SHORT_PANEL, TUMOUR_PANEL, write_lung_function, write_panel
from mihub.synth.fhir.medication import write_medication
from mihub.synth.fhir.palliative import write_palliative
from mihub.synth.fhir.pathology import write_pathology
from mihub.synth.fhir.procedures import write_biopsy
from mihub.synth.life import Life

_DEPARTMENT = {"lung": "pulmonology", "colorectal": "surgery", "breast": "gynaecology"}
_SURGERY = {"lung": "thoracic", "colorectal": "surgery", "breast": "gynaecology"}
_STAGING = {"lung": CHEST_CT, "colorectal": ABDOMEN_CT, "breast": MAMMOGRAPHY}
_ORGAN = {"lung": "Lunge", "colorectal": "Darm", "breast": "Mamma"}
_SIDE = {"L": "links", "R": "rechts", "T": ""}
_ORDINARY = (
    ("J18.9", "medicine", 7),
    ("S72.01", "surgery", 11),
    ("K80.20", "surgery", 4),
    ("I48.9", "medicine", 3),
)


def write_hospital(chart: Chart, life: Life, today: date) -> None:
    """What this hospital knows about the person."""
    until = life.death or today
    write_illnesses(chart, life.illnesses)
    if life.tumour and chart.member.id in life.tumour.hospitals:
        _tumour_contacts(chart, life.tumour, until, with_diffusion=life.story != "board_candidate")
        write_medication(chart, life.illnesses)
    elif not life.screening:
        _ordinary_stay(chart, until)
    if life.story == "story" and life.tumour:
        _pneumonitis(chart, life.tumour)
    write_research_consent(chart, life.research)


def _ordinary_stay(chart: Chart, until: date) -> None:
    code, department, days = chart.dice.pick(_ORDINARY)
    start = until - timedelta(days=chart.dice.whole(20, 1100))
    stay = write_stay(chart, start, days, department, until)
    write_condition(chart, code, start, encounter=stay, ended=min(start + timedelta(days=40), until))
    write_panel(chart, start, SHORT_PANEL, stay)


def _tumour_contacts(chart: Chart, tumour: TumourCourse, until: date, *, with_diffusion: bool) -> None:
    burden = 1.0 if stages.group(tumour.diagnosis.tnm.stage) == "IV" else 0.3
    if tumour.diagnosis.hospital == chart.member.id:
        _diagnosis(chart, tumour, until, burden, with_diffusion)
    for event in tumour.events:
        if event.hospital == chart.member.id:
            _event(chart, tumour, event, until, burden)
    if chart.member.id == tumour.hospitals[-1]:
        write_palliative(chart, tumour, until)


def _diagnosis(chart: Chart, tumour: TumourCourse, until: date, burden: float, with_diffusion: bool) -> None:
    """The days around the biopsy: staging, tissue, laboratory, lung function."""
    found, entity = tumour.diagnosis, tumour.entity
    stay = write_stay(chart, found.day, 3, _DEPARTMENT[entity], until, f"Abklärung {_ORGAN[entity]}")
    write_biopsy(chart, entity, found.day, stay)
    write_panel(chart, found.day, TUMOUR_PANEL, stay, burden)
    write_imaging(chart, found.day - timedelta(days=1), _STAGING[entity], _staging_text(found, entity), stay)
    said = f"{found.text}, G{found.grading}."
    write_pathology(chart, found.day, until, f"Gewebeprobe {_ORGAN[entity]}", said, biopsy=True)
    if entity == "lung":
        write_lung_function(chart, found.day, stay, diffusion=with_diffusion and chart.dice.chance(0.8))
        _staging_examination(chart, found, BRAIN_MRI if "BRA" in found.metastases else PET_CT, until)


def _staging_examination(chart: Chart, found: Diagnosis, examination: Examination, until: date) -> None:
    day = found.day + timedelta(days=chart.dice.whole(2, 5))
    if day > until:
        return
    brain = "Metastase im Großhirn." if examination is BRAIN_MRI else ""
    distant = "Herde außerhalb der Lunge." if found.metastases else "Kein Hinweis auf Fernmetastasen."
    write_imaging(chart, day, examination, brain or distant)


def _staging_text(found: Diagnosis, entity: str) -> str:
    side = f" {_SIDE[found.side]}" if _SIDE.get(found.side) else ""
    spread = "Verdacht auf Fernmetastasen." if found.metastases else "Keine Fernmetastasen erkennbar."
    return f"Raumforderung {_ORGAN[entity]}{side}, am ehesten cT{found.tnm.t}. {spread}"


def _event(chart: Chart, tumour: TumourCourse, event: Event, until: date, burden: float) -> None:
    if isinstance(event, Operation):
        stay = write_stay(
            chart, event.day - timedelta(days=1), chart.dice.whole(5, 11), _SURGERY[tumour.entity], until
        )
        write_panel(chart, event.day, SHORT_PANEL, stay, burden)
        text = f"Resektat: {tumour.diagnosis.text}, Residualstatus {event.residual}."
        write_pathology(chart, event.day, until, f"Resektat {_ORGAN[tumour.entity]}", text, biopsy=False)
    elif isinstance(event, Systemic):
        visit = write_visit(chart, event.begin, "oncology", event.protocol)
        write_panel(chart, event.begin, SHORT_PANEL, visit, burden)
    elif isinstance(event, Radiotherapy):
        write_visit(chart, event.begin, "radiotherapy", "Bestrahlung, Beginn")
    elif isinstance(event, Course):
        _assessment(chart, tumour, event, burden)
    elif not isinstance(event, Board) and event.day <= until:
        write_stay(chart, max(event.day - timedelta(days=4), tumour.diagnosis.day), 4, "oncology", event.day)


def _assessment(chart: Chart, tumour: TumourCourse, event: Course, burden: float) -> None:
    visit = write_visit(chart, event.day, "oncology", "Verlaufskontrolle")
    write_panel(chart, event.day, SHORT_PANEL, visit, 0.0 if event.overall == "V" else burden)
    text = {
        "V": "Kein Anhalt für Rezidiv.",
        "Y": "Neu aufgetretener Herd, Rezidiv.",
        "P": "Größenzunahme, Progress.",
    }
    conclusion = text.get(event.overall, "Befund rückläufig oder unverändert.")
    write_imaging(chart, event.day, _STAGING[tumour.entity], conclusion, visit)


def _pneumonitis(chart: Chart, tumour: TumourCourse) -> None:
    """Week five of the story's therapy: the CT after the call, and what it showed. It healed."""
    therapy = next(event for event in tumour.events if isinstance(event, Systemic))
    if therapy.hospital != chart.member.id:
        return
    day = therapy.begin + timedelta(days=36)
    visit = write_visit(chart, day, "oncology", "Atemnot unter Therapie")
    text = "Milchglastrübungen beidseits, vereinbar mit Pneumonitis Grad 2. Kein Rezidiv."
    write_imaging(chart, day, CHEST_CT, text, visit)
    write_condition(chart, "J70.2", day, encounter=visit, ended=day + timedelta(days=40))
