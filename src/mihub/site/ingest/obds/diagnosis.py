"""The primary Condition: whole from a diagnosis report, minimal from the tumour assignment that every report
carries.

Profile: mii-pr-onko-diagnose-primaertumor 2025.1.0. A minimal one is written only where none is, and says so
by a tag; the diagnosis report completes it. Above: `mapping`. Below: `report`, `core.mii`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import (
    ASSERTED_DATE,
    CONDITION_VERIFICATION,
    ICD_10_GM,
    ICD_O_3,
    OBDS_COMPLETENESS,
    oncology_extension,
)
from mihub.core.mii.oncology import table, topography_site
from mihub.site.ingest.obds.dates import put_date, read_date
from mihub.site.ingest.obds.findings import add_findings
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, coded, reference

_ICD_10_WHO: Final = "http://hl7.org/fhir/sid/icd-10"
# The cancer registry laws ask for a report once the diagnosis is sufficiently certain: it is confirmed.
_CONFIRMED: Final = {"system": CONDITION_VERIFICATION, "code": "confirmed"}
_EVIDENCE: Final = ("Observation", "DiagnosticReport")


def add_diagnosis(report: Report) -> None:
    """The complete Condition, its evidence, and the tumours before it."""
    node = report.node
    report.default_date = read_date(report.case.assignment.first("Diagnosedatum"))
    condition = _condition(report)
    code = table("diagnosis-certainty").coding(node.value("Diagnosesicherung"))
    condition["verificationStatus"] = {"coding": [code, _CONFIRMED]}
    if node.value("Primaertumor_Diagnosetext"):
        condition["code"]["text"] = node.value("Primaertumor_Diagnosetext")
    _add_site(condition, report.case.assignment.value("Seitenlokalisation"), node)
    add_findings(report)
    _add_evidence(report, condition)
    for number, earlier in enumerate(
        node.all("Menge_Fruehere_Tumorerkrankung", "Fruehere_Tumorerkrankung"), start=1
    ):
        _add_earlier(report, earlier, number)


def add_minimal_condition(report: Report) -> Resource:
    """What the tumour assignment says, for a record that has no diagnosis report of this tumour yet."""
    condition = _condition(report)
    condition["meta"]["tag"] = [{"system": OBDS_COMPLETENESS, "code": "tumour-assignment-only"}]
    _add_site(condition, report.case.assignment.value("Seitenlokalisation"), None)
    return condition


def _condition(report: Report) -> Resource:
    case, assignment = report.case, report.case.assignment
    condition = report.new_at(case.condition_id, "Condition", profile="diagnose-primaertumor")
    diagnosed = read_date(assignment.first("Diagnosedatum"))
    asserted: Json = {"url": ASSERTED_DATE}
    put_date(asserted, "valueDateTime", diagnosed, required=True)
    condition["extension"] = [asserted, *_morphology(assignment)]
    condition["identifier"] = [case.tumour_identifier()]
    condition["code"] = icd_concept(assignment.first("Primaertumor_ICD"))
    condition["subject"] = case.patient
    put_date(condition, "onsetDateTime", diagnosed)
    condition["recordedDate"] = report.reported
    return condition


def _morphology(assignment: Node) -> list[Json]:
    code = assignment.value("Morphologie_ICD_O", "Code")
    if not code:
        return []
    concept = coded(ICD_O_3, code, version=assignment.value("Morphologie_ICD_O", "Version"))
    return [
        {"url": oncology_extension("histology-morphology-behavior-icdo3"), "valueCodeableConcept": concept}
    ]


def _add_site(condition: Resource, side: str, node: Node | None) -> None:
    topography = node.value("Primaertumor_Topographie_ICD_O", "Code") if node else ""
    if not topography and not side:
        return
    codings: list[Json] = [topography_site(topography)]
    if topography and node is not None:
        version = node.value("Primaertumor_Topographie_ICD_O", "Version")
        codings += coded(ICD_O_3, topography, version=version)["coding"]
    if side:
        codings.append(table("laterality").coding(side))
    site: Json = {"coding": codings}
    if node is not None and node.value("Primaertumor_Topographie_Freitext"):
        site["text"] = node.value("Primaertumor_Topographie_Freitext")
    condition["bodySite"] = [site]


def _add_evidence(report: Report, condition: Resource) -> None:
    findings = [resource for resource in report.resources if resource["resourceType"] in _EVIDENCE]
    if not findings:
        return
    evidence = report.new("List", "evidence", profile="liste-evidenz-erstdiagnose")
    evidence.update(
        status="current",
        mode="snapshot",
        title="Liste der Evidenz zum Erstdiagnosezeitpunkt",
        subject=report.case.patient,
        entry=[{"item": reference(finding)} for finding in findings],
    )
    condition["evidence"] = [{"detail": [reference(evidence)]}]


def _add_earlier(report: Report, node: Node, number: int) -> None:
    icd, text = node.first("ICD"), node.value("Freitext")
    if icd is None and not text:
        return
    condition = report.new("Condition", "earlier-tumour", str(number))
    condition["code"] = icd_concept(icd) if icd is not None else {}
    if text:
        condition["code"]["text"] = text
    condition["subject"] = report.case.patient
    put_date(condition, "onsetDateTime", read_date(node.first("Diagnosedatum")))
    condition["recordedDate"] = report.reported


def icd_concept(node: Node | None) -> Json:
    """An ICD-10 code as CodeableConcept.

    German modification unless the report says WHO; the year as version.
    """
    if node is None:
        return {}
    words = node.value("Version").split()
    system = _ICD_10_WHO if words[-1:] == ["WHO"] else ICD_10_GM
    return coded(system, node.value("Code"), version=words[1] if len(words) == 3 else "Sonstige")
