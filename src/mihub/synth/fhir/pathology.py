"""The pathology report: what was taken, and the conclusion in words. Codes of the tumour come as oBDS.

Profile: MII pathology. Neighbour: `hospital`.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.synth.calendar import instant
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, category, concept, loinc, numbered, ordered

_METHODS = {True: ("86273004", "Biopsy"), False: ("65801008", "Excision")}


def write_pathology(
    chart: Chart, taken: date, until: date, what: str, conclusion: str, *, biopsy: bool
) -> None:
    """Specimen, diagnosis and report; the report follows within days, never after `until`."""
    reported = min(taken + timedelta(days=chart.dice.whole(2, 4)), until)
    number = f"E{taken:%y}-{chart.record.number}-{len(chart.resources)}"
    specimen = _specimen(chart, taken, number, what, biopsy)
    diagnosis = _diagnosis(chart, taken, specimen, conclusion)
    chart.add(
        "DiagnosticReport",
        url.PATHOLOGY_REPORT,
        identifier=[numbered(chart, "ACSN", number, "pathology")],
        basedOn=ordered(chart, number, "pathology"),
        status="final",
        category=[concept(f"{url.TERMINOLOGY}/v2-0074", "PAT")],
        code=loinc("60568-3", "Pathology Synoptic report", "Pathologiebefund"),
        subject=chart.patient,
        effectiveDateTime=instant(taken, 11),
        issued=instant(reported, 16),
        performer=[chart.organization],
        specimen=[specimen],
        result=[diagnosis],
        conclusion=conclusion,
    )


def _specimen(chart: Chart, taken: date, number: str, what: str, biopsy: bool) -> dict[str, str]:
    method = concept(url.SNOMED, *_METHODS[biopsy])
    return chart.add(
        "Specimen",
        url.SPECIMEN,
        accessionIdentifier=numbered(chart, "ACSN", number, "pathology"),
        status="available",
        type=concept(url.SNOMED, "119376003", "Tissue specimen", what),
        subject=chart.patient,
        collection={"collectedDateTime": instant(taken, 11), "method": method},
    )


def _diagnosis(chart: Chart, taken: date, specimen: dict[str, str], conclusion: str) -> dict[str, str]:
    return chart.add(
        "Observation",
        url.PATHOLOGY_DIAGNOSIS,
        status="final",
        category=category("laboratory"),
        code=loinc("22637-3", "Pathology report diagnosis", "Pathologische Diagnose"),
        subject=chart.patient,
        effectiveDateTime=instant(taken, 11),
        specimen=specimen,
        valueString=conclusion,
    )
