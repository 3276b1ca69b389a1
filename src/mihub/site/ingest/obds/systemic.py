"""Systemic therapy: one Procedure for the therapy and one MedicationStatement for each substance.

Profiles: mii-pr-onko-systemische-therapie, -systemische-therapie-medikation 2025.1.0. A substance by name
gets its ATC code where our table knows it. Above: `mapping`. Below: `report`, `side_effects`, `radiotherapy`
(shared extensions), `core.mii`.
"""

from __future__ import annotations

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import ATC
from mihub.core.mii.oncology import substance_code, table
from mihub.site.ingest.obds.dates import absent, period, read_date
from mihub.site.ingest.obds.findings import add_findings
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.radiotherapy import therapy_extensions
from mihub.site.ingest.obds.report import Report, coded, reference
from mihub.site.ingest.obds.side_effects import add_side_effects


def add_systemic_therapy(report: Report) -> None:
    """The therapy with its substances and side effects."""
    node = report.node
    report.default_date = read_date(node.first("Beginn"))
    ended = bool(node.value("Ende") or node.value("Ende_Grund"))
    therapy = report.new("Procedure", "systemic", profile="systemische-therapie")
    therapy["extension"] = therapy_extensions(node, "systemische-therapie", "intention-systemic")
    identifier = report.identifier("SYST_ID")
    if identifier:
        therapy["identifier"] = identifier
    code = table("systemic-kind").concept(node.value("Therapieart"))
    if node.value("Protokoll"):
        code["text"] = node.value("Protokoll")
    therapy.update(
        status="completed" if ended else "in-progress",
        code=code,
        subject=report.case.patient,
        performedPeriod=period(report.default_date, read_date(node.first("Ende"))),
        reasonReference=[report.case.condition],
    )
    if node.value("Ende_Grund"):
        therapy["outcome"] = table("end-reason-systemic").concept(node.value("Ende_Grund"))
    for number, substance in enumerate(node.all("Menge_Substanz", "Substanz"), start=1):
        _medication(report, substance, number, therapy)
    add_side_effects(report, therapy)
    add_findings(report)


def _medication(report: Report, node: Node, number: int, therapy: Resource) -> None:
    statement = report.new(
        "MedicationStatement", "substance", str(number), profile="systemische-therapie-medikation"
    )
    statement.update(
        partOf=[reference(therapy)],
        status="completed" if therapy["status"] == "completed" else "active",
        medicationCodeableConcept=_substance(node),
        subject=report.case.patient,
        effectivePeriod=therapy["performedPeriod"],
        dateAsserted=report.reported,
        reasonReference=[report.case.condition],
    )


def _substance(node: Node) -> Json:
    name = node.value("Bezeichnung")
    code = node.value("ATC", "Code") or substance_code(name)
    if code is None:
        return {"coding": [absent()], "text": name}
    concept = coded(ATC, code, version=node.value("ATC", "Version"))
    if name:
        concept["text"] = name
    return concept
