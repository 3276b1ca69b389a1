"""Procedures of a site that are not part of the tumour documentation: bronchoscopy, colonoscopy, biopsy.

Profile: MII procedure; OPS with its yearly version, SNOMED CT category.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept

_PROCEDURES = {
    "lung": ("1-620.00", "Diagnostische Tracheobronchoskopie"),
    "colorectal": ("1-650.2", "Diagnostische Koloskopie mit Biopsie"),
    "breast": ("1-493.3", "Stanzbiopsie der Mamma"),
}


def write_biopsy(chart: Chart, entity: str, day: date, encounter: dict[str, str]) -> None:
    """How the tissue was taken."""
    code, title = _PROCEDURES[entity]
    write_procedure(chart, code, title, day, encounter=encounter)


def write_procedure(
    chart: Chart,
    code: str,
    title: str,
    day: date,
    *,
    encounter: dict[str, str] | None = None,
    extension: list[dict[str, Any]] | None = None,
) -> dict[str, str]:
    """One completed diagnostic procedure with its OPS code."""
    coding = {"system": url.OPS, "version": str(day.year), "code": code, "display": title}
    return chart.add(
        "Procedure",
        url.PROCEDURE,
        extension=extension,
        status="completed",
        category=concept(url.SNOMED, "103693007", "Diagnostic procedure"),
        code={"coding": [coding], "text": title},
        subject=chart.patient,
        encounter=encounter,
        performedDateTime=day.isoformat(),
    )
