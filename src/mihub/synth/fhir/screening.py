"""Screening as the examining site writes it: procedure with dose, study, nodule, reading by both readers,
result.

Own codes say what no standard code says: reading step, Lung-RADS category, finding by the ordinance. Second
reading at the specialised hospital. Source of categories: domain rules 5.1 and 5.3. Above: `record`.
"""

from __future__ import annotations

from typing import Any

from mihub.synth.calendar import add_months
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, category, concept, quantity
from mihub.synth.fhir.imaging import LOW_DOSE_CT, write_imaging
from mihub.synth.fhir.procedures import write_procedure
from mihub.synth.screening_course import CONTROL_MONTHS, Nodule, Scan

FINDING = f"{url.OWN}/CodeSystem/lung-screening-finding"
FINDING_CODE = {
    "unremarkable": "unremarkable",
    "control": "control-requiring",
    "clarify": "clarification-requiring",
}
_LOBE = {
    "RUL": "rechter Oberlappen",
    "RML": "Mittellappen",
    "RLL": "rechter Unterlappen",
    "LUL": "linker Oberlappen",
    "LLL": "linker Unterlappen",
}


def write_first_reading(chart: Chart, scan: Scan) -> None:
    """The scan and the first reader's report, at the site that examined."""
    dose = [{"url": f"{url.OWN}/StructureDefinition/ctdi-vol", "valueQuantity": quantity(scan.dose, "mGy")}]
    write_procedure(chart, "3-222", LOW_DOSE_CT.title, scan.day, extension=dose)
    nodules = [_nodule(chart, scan.nodule, scan)] if scan.nodule else None
    dose_text = str(scan.dose).replace(".", ",")
    text = f"{conclusion(scan)} CTDIvol {dose_text} mGy; ohne CAD, dann mit CAD gelesen."
    write_imaging(chart, scan.day, LOW_DOSE_CT, text, conclusionCode=_codes(scan), result=nodules)


def write_second_reading(chart: Chart, scan: Scan) -> None:
    """The independent second reading at the specialised hospital: a report, no new study."""
    if scan.second_reading is None:
        return
    chart.add(
        "DiagnosticReport",
        url.RADIOLOGY_REPORT,
        status="final",
        category=[concept(f"{url.TERMINOLOGY}/v2-0074", "RAD")],
        code=concept(
            f"{url.OWN}/CodeSystem/observation",
            "second-reading",
            "Second reading",
            "Zweitbefundung Lungenscreening",
        ),
        subject=chart.patient,
        effectiveDateTime=scan.second_reading.isoformat(),
        issued=f"{scan.second_reading.isoformat()}T15:00:00Z",
        performer=[chart.organization, chart.staff("radiologist")],
        conclusion=f"Zweitbefundung ohne, dann mit CAD. {conclusion(scan)}",
        conclusionCode=_codes(scan),
    )


def conclusion(scan: Scan) -> str:
    """The finding in words."""
    if scan.nodule is None:
        return "Unauffällig. Keine Rundherde. Nächste Früherkennung in 12 Monaten."
    size = f"{str(scan.nodule.diameter).replace('.', ',')} mm ({scan.nodule.volume} mm³)"
    found = f"Solider Rundherd {_LOBE[scan.nodule.lobe]}, {size}, Lung-RADS {scan.category}."
    if scan.action == "clarify":
        return f"{found} Abklärungsbedürftig."
    if scan.action == "control":
        months = CONTROL_MONTHS[scan.category]
        due = add_months(scan.day, months)
        return f"{found} Kontrollbedürftig: Niedrigdosis-CT in {months} Monaten ({due:%m/%Y})."
    return f"{found} Unauffällig im Sinne der Früherkennung."


def _nodule(chart: Chart, nodule: Nodule, scan: Scan) -> dict[str, str]:
    return chart.add(
        "Observation",
        status="final",
        category=category("imaging"),
        code=concept(url.OBSERVATION, "lung-nodule", "Lung nodule", "Rundherd"),
        subject=chart.patient,
        effectiveDateTime=scan.day.isoformat(),
        bodySite={"text": _LOBE[nodule.lobe]},
        component=[
            _part("nodule-diameter", valueQuantity=quantity(nodule.diameter, "mm")),
            _part("nodule-volume", valueQuantity=quantity(nodule.volume, "mm3")),
            _part("lung-rads", valueString=scan.category),
        ],
    )


def _part(code: str, **value: Any) -> dict[str, Any]:
    return {"code": concept(url.OBSERVATION, code), **value}


def _codes(scan: Scan) -> list[dict[str, Any]]:
    return [concept(FINDING, FINDING_CODE[scan.action])]
