"""Everything one member stores about one person, in the order in which the facts refer to each other.

Above: `region`. Below: one file per kind of site and per subject.
"""

from __future__ import annotations

from datetime import date

from mihub.core.fhir import Resource
from mihub.synth.care_record.record import write_care_record
from mihub.synth.fhir.chart import Chart
from mihub.synth.fhir.hospital import write_hospital
from mihub.synth.fhir.imaging import CHEST_XRAY, write_imaging
from mihub.synth.fhir.patient import write_patient
from mihub.synth.fhir.practice import write_practice
from mihub.synth.fhir.screening import write_first_reading, write_second_reading
from mihub.synth.life import Life
from mihub.synth.records import SiteRecord


def write_record(seed: int, life: Life, record: SiteRecord, today: date) -> list[Resource]:
    """All resources of this person at this member."""
    chart = Chart(seed, record)
    write_patient(chart, life.death)
    if chart.member.kind == "practice":
        write_practice(chart, life, today)
    elif chart.member.is_hospital:
        write_hospital(chart, life, today)
    elif chart.member.kind == "radiology-practice":
        _radiology(chart, life)
    else:
        write_care_record(chart, life, today)
    _screening(chart, life)
    return chart.resources


def _screening(chart: Chart, life: Life) -> None:
    for scan in life.screening.scans if life.screening else ():
        if scan.site == chart.member.id:
            write_first_reading(chart, scan)
        if scan.second_reading and chart.member.id == "dresden":
            write_second_reading(chart, scan)


def _radiology(chart: Chart, life: Life) -> None:
    """Who is here without a screening scan came for an X-ray before the diagnosis."""
    if life.tumour and not life.screening:
        text = (
            "Verschattung, weitere Abklärung empfohlen."
            if life.tumour.entity == "lung"
            else "Altersentsprechend."
        )
        write_imaging(chart, life.tumour.diagnosis.day, CHEST_XRAY, text)
