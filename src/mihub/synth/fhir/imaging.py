"""Imaging: an ImagingStudy and its report.

Profile: MII imaging. No pictures: the study says what exists, the report what was seen. Neighbour:
`screening`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from mihub.synth.calendar import instant
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, loinc


@dataclass(frozen=True, slots=True)
class Examination:
    """One kind of imaging: DICOM modality, LOINC code, title."""

    modality: str
    code: str
    display: str
    title: str


CHEST_CT = Examination("CT", "30688-4", "CT Chest W contrast IV", "CT Thorax mit Kontrastmittel")
CHEST_XRAY = Examination("DX", "36643-5", "XR Chest 2 Views", "Röntgen Thorax in zwei Ebenen")
BRAIN_MRI = Examination("MR", "24590-2", "MR Brain W and WO contrast IV", "MRT Schädel")
PET_CT = Examination("PT", "44139-4", "PET+CT Whole body", "PET-CT")
ABDOMEN_CT = Examination("CT", "30620-7", "CT Abdomen and Pelvis W contrast IV", "CT Abdomen und Becken")
MAMMOGRAPHY = Examination("MG", "24606-6", "MG Breast Screening", "Mammografie")
LOW_DOSE_CT = Examination(
    "CT", "87279-6", "CT Chest for screening WO contrast", "Niedrigdosis-CT der Lunge (Früherkennung)"
)


def write_imaging(
    chart: Chart,
    day: date,
    examination: Examination,
    conclusion: str,
    encounter: dict[str, str] | None = None,
    **result: Any,
) -> dict[str, str]:
    """The study and its report; the report's reference comes back. `result`: more elements of the report."""
    start = instant(day, chart.dice.whole(8, 16), chart.dice.whole(0, 59))
    study = _study(chart, examination, start, encounter)
    return chart.add(
        "DiagnosticReport",
        url.RADIOLOGY_REPORT,
        status="final",
        category=[concept(f"{url.TERMINOLOGY}/v2-0074", "RAD")],
        code=loinc(examination.code, examination.display, examination.title),
        subject=chart.patient,
        encounter=encounter,
        effectiveDateTime=start,
        issued=instant(day, 17),
        performer=[chart.organization],
        imagingStudy=[study],
        conclusion=conclusion,
        **result,
    )


def _study(
    chart: Chart, examination: Examination, start: str, encounter: dict[str, str] | None
) -> dict[str, str]:
    accession = f"{chart.record.number}-I{len(chart.resources)}"
    return chart.add(
        "ImagingStudy",
        url.IMAGING_STUDY,
        identifier=[{"system": f"{url.MIHUB}/{chart.member.id}/accession", "value": accession}],
        status="available",
        modality=[{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": examination.modality}],
        subject=chart.patient,
        encounter=encounter,
        started=start,
        numberOfSeries=1,
        procedureCode=[loinc(examination.code, examination.display, examination.title)],
        description=examination.title,
    )
