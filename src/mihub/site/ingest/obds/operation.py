"""An operation: one Procedure per OPS code (the profile admits one), the first is the main one; residual
status, findings.

Profiles: mii-pr-onko-operation and mii-pr-onko-residualstatus 2025.1.0. Above: `mapping`. Below: `report`,
`findings`.
"""

from __future__ import annotations

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import LOINC, OPS, SNOMED, oncology_extension
from mihub.core.mii.oncology import operation_category, table
from mihub.site.ingest.obds.dates import put_date, read_date
from mihub.site.ingest.obds.diagnosis import icd_concept
from mihub.site.ingest.obds.findings import add_findings
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, coded, reference


def add_operation(report: Report) -> None:
    """The Procedures and all that was found in the operation."""
    report.default_date = read_date(report.node.first("Datum"))
    main: Resource | None = None
    for number, ops in enumerate(report.node.all("Menge_OPS", "OPS"), start=1):
        procedure = _procedure(report, ops, number)
        if main is None:
            main = procedure
            _outcome(report, main)
        else:
            procedure["partOf"] = [reference(main)]
    if main is None:
        return
    made = len(report.resources)
    add_findings(report)
    add_residual_status(report, report.node.value("Residualstatus", "Gesamtbeurteilung_Residualstatus"))
    for finding in report.resources[made:]:
        if finding["resourceType"] == "Observation":
            finding["partOf"] = [reference(main)]


def _procedure(report: Report, ops: Node, number: int) -> Resource:
    procedure = report.new("Procedure", "operation", str(number), profile="operation")
    code = ops.value("Code")
    intention = table("intention-operation").concept(report.node.value("Intention"))
    procedure["extension"] = [
        {"url": oncology_extension("operation-intention"), "valueCodeableConcept": intention}
    ]
    identifier = report.identifier("OP_ID")
    if identifier:
        procedure["identifier"] = identifier
    procedure.update(
        status="completed",
        category={"coding": [operation_category(code)]},
        code=coded(OPS, code, version=ops.value("Version")),
        subject=report.case.patient,
    )
    put_date(procedure, "performedDateTime", report.default_date)
    procedure["reasonReference"] = [report.case.condition]
    return procedure


def _outcome(report: Report, procedure: Resource) -> None:
    local = report.node.value("Residualstatus", "Lokale_Beurteilung_Residualstatus")
    if local:
        procedure["outcome"] = table("residual-status").concept(local)
    complications = [
        _complication(node)
        for node in report.node.all("Komplikationen", "Menge_Komplikation", "Komplikation")
    ]
    none_or_unknown = report.node.value("Komplikationen", "Komplikation_nein_oder_unbekannt")
    if none_or_unknown and not complications:
        complications = [table("complication").concept(none_or_unknown)]
    if complications:
        procedure["complication"] = complications


def _complication(node: Node) -> Json:
    short = node.value("Kuerzel")
    return table("complication").concept(short) if short else icd_concept(node.first("ICD"))


def add_residual_status(report: Report, value: str) -> None:
    """The overall residual status; "unknown" has no place in the value set and makes no observation."""
    if not value or value == "U":
        return
    code = {"coding": [*coded(LOINC, "84892-9")["coding"], *coded(SNOMED, "445200009")["coding"]]}
    observation = report.observation("residual", profile="residualstatus", code=code)
    report.dated(observation, None)
    observation["valueCodeableConcept"] = table("residual-status").concept(value)
