"""The pathology report: what was taken, and the conclusion in words. Codes of the tumour come as oBDS.

Profile: MII pathology. Neighbour: `hospital`.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.synth.calendar import instant
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, loinc


def write_pathology(chart: Chart, taken: date, until: date, what: str, conclusion: str) -> None:
    """Specimen and report; the report follows within three working days, never after `until`."""
    reported = min(taken + timedelta(days=chart.dice.whole(2, 4)), until)
    specimen = chart.add(
        "Specimen",
        url.SPECIMEN,
        status="available",
        type={"text": what},
        subject=chart.patient,
        collection={"collectedDateTime": instant(taken, 11)},
    )
    chart.add(
        "DiagnosticReport",
        url.PATHOLOGY_REPORT,
        status="final",
        category=[concept(f"{url.TERMINOLOGY}/v2-0074", "PAT")],
        code=loinc("60568-3", "Pathology Synoptic report", "Pathologiebefund"),
        subject=chart.patient,
        effectiveDateTime=instant(taken, 11),
        issued=instant(reported, 16),
        specimen=[specimen],
        conclusion=conclusion,
    )
