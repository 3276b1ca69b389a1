"""A pathology report: its findings, the local residual status, and the text as a DiagnosticReport where there
is one.

Profile: mii-pr-onko-befund 2025.1.0 (which asks for a conclusion). Above: `mapping`. Below: `report`,
`findings`.
"""

from __future__ import annotations

from mihub.core.mii.canonicals import LOINC
from mihub.site.ingest.obds.dates import put_date, read_date
from mihub.site.ingest.obds.findings import add_findings
from mihub.site.ingest.obds.operation import add_residual_status
from mihub.site.ingest.obds.report import Report, coded, reference


def add_pathology(report: Report) -> None:
    """All that the pathologist reported."""
    node = report.node
    report.default_date = read_date(node.first("Histologie", "Tumor_Histologiedatum")) or read_date(
        report.case.assignment.first("Diagnosedatum")
    )
    add_findings(report)
    add_residual_status(report, node.value("Lokale_Beurteilung_Residualstatus"))
    if node.value("Befundtext"):
        _add_text(report)


def _add_text(report: Report) -> None:
    found = list(report.resources)
    text = report.new("DiagnosticReport", "pathology", profile="befund")
    identifier = report.identifier("Befund_ID")
    if identifier:
        text["identifier"] = identifier
    text.update(status="final", code=coded(LOINC, "22034-3", "Pathology report"), subject=report.case.patient)
    put_date(text, "effectiveDateTime", report.default_date)
    specimens = [reference(resource) for resource in found if resource["resourceType"] == "Specimen"]
    results = [reference(resource) for resource in found if resource["resourceType"] == "Observation"]
    if specimens:
        text["specimen"] = specimens
    if results:
        text["result"] = results
    text["conclusion"] = report.node.value("Befundtext")
