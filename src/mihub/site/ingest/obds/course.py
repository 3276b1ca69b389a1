"""A report of the course: overall assessment, state of tumour, nodes and metastases, and what was found with
it.

Profile: mii-pr-onko-verlauf 2025.1.0. Above: `mapping`. Below: `report`, `findings`, `core.mii`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json
from mihub.core.mii.canonicals import DATA_ABSENT, SNOMED
from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.dates import read_date
from mihub.site.ingest.obds.findings import add_findings
from mihub.site.ingest.obds.report import Report, coded, reference

# Element, code table, SNOMED CT code and display (the profile fixes both).
_STATES: Final = (
    (
        "Verlauf_Lokaler_Tumorstatus",
        "course-local",
        "445200009",
        "Status of residual neoplasm (observable entity)",
    ),
    (
        "Verlauf_Tumorstatus_Lymphknoten",
        "course-nodes",
        "399656008",
        "Presence of metastatic neoplasm in regional lymph node (observable entity)",
    ),
    (
        "Verlauf_Tumorstatus_Fernmetastasen",
        "course-distant",
        "399608002",
        "Status of distant metastasis (observable entity)",
    ),
)


def add_course(report: Report) -> None:
    """The course Observation; the findings of the same report are its members."""
    node = report.node
    report.default_date = read_date(node.first("Untersuchungsdatum_Verlauf"))
    code = coded(SNOMED, "396432002", "Status of regression of tumor (observable entity)")
    observation = report.observation("course", profile="verlauf", code=code)
    identifier = report.identifier("Verlauf_ID")
    if identifier:
        observation["identifier"] = identifier
    report.dated(observation, None)
    observation["valueCodeableConcept"] = table("course-overall").concept(
        node.value("Gesamtbeurteilung_Tumorstatus")
    )
    observation["component"] = _components(report)
    made = len(report.resources)
    add_findings(report)
    members = [
        reference(found) for found in report.resources[made:] if found["resourceType"] == "Observation"
    ]
    if members:
        observation["hasMember"] = members


def _components(report: Report) -> list[Json]:
    components = [
        {"code": coded(SNOMED, code, display), "valueCodeableConcept": table(name).concept(value)}
        for element, name, code, display in _STATES
        if (value := report.node.value(element))
    ]
    return components or [_nothing_reported()]


def _nothing_reported() -> Json:
    """The profile asks for one component: the local state, said to be unknown."""
    _, _, code, display = _STATES[0]
    unknown = coded(DATA_ABSENT.replace("StructureDefinition", "CodeSystem"), "unknown")
    unknown["coding"][0]["system"] = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
    return {"code": coded(SNOMED, code, display), "dataAbsentReason": unknown}
