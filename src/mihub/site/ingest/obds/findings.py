"""Findings that several kinds of report carry: histology, nodes, metastases, TNM, classifications, variants,
performance.

Profiles: the mii-pr-onko observations and specimen 2025.1.0. Above: the mapping files. Below: `report`,
`tnm`, `core.mii`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import ICD_O_3, LOINC, OBSERVATION_CATEGORY, SNOMED, UCUM
from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.dates import put_date, read_date
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, coded, reference
from mihub.site.ingest.obds.tnm import add_tnm

# Element, profile, LOINC, SNOMED CT of the counted lymph nodes.
_NODES: Final = (
    ("LK_untersucht", "anzahl-untersuchte-lymphknoten", "21894-1", "444025001"),
    ("LK_befallen", "anzahl-befallene-lymphknoten", "21893-3", "443527007"),
    ("Sentinel_LK_untersucht", "anzahl-untersuchte-sentinel-lymphknoten", "85347-3", "444411008"),
    ("Sentinel_LK_befallen", "anzahl-befallene-sentinel-lymphknoten", "92832-5", "1264491009"),
)
# Presence or absence of a variant (LOINC answer list LL1971-2) where the report says it.
_VARIANT_ANSWERS: Final = {
    "M": ("LA9633-4", "Present"),
    "W": ("LA9634-2", "Absent"),
    "N": ("LA11884-6", "Indeterminate"),
}


def add_findings(report: Report) -> None:
    """All findings of a report, in the order in which they refer to each other."""
    for histology in report.node.all("Histologie"):
        _add_histology(report, histology)
    for number, metastasis in enumerate(report.node.all("Menge_FM", "Fernmetastase"), start=1):
        _add_metastasis(report, metastasis, number)
    for name in ("cTNM", "pTNM", "TNM"):
        for classification in report.node.all(name):
            add_tnm(report, classification)
    for number, other in enumerate(
        report.node.all("Menge_Weitere_Klassifikation", "Weitere_Klassifikation"), start=1
    ):
        _add_classification(report, other, number)
    for number, variant in enumerate(report.node.all("Menge_Genetik", "Genetische_Variante"), start=1):
        _add_variant(report, variant, number)
    _add_performance(report)
    _add_study(report)


def laboratory() -> list[Json]:
    """The category of what a laboratory finds."""
    return [coded(OBSERVATION_CATEGORY, "laboratory")]


def _add_histology(report: Report, node: Node) -> None:
    number = node.attribute("Histologie_ID")
    specimen = report.new("Specimen", "specimen", number, profile="specimen")
    specimen["subject"] = report.case.patient
    if node.value("Histologie_EinsendeNr"):
        specimen["accessionIdentifier"] = {"value": node.value("Histologie_EinsendeNr")}
    collected = read_date(node.first("Tumor_Histologiedatum"))
    if collected is not None:
        specimen["collection"] = {}
        put_date(specimen["collection"], "collectedDateTime", collected)
    for position, morphology in enumerate(node.all("Morphologie_ICD_O"), start=1):
        _add_morphology(report, node, morphology, (number, str(position)), specimen)
    _add_grading(report, node, number, specimen)
    for element, profile, loinc, snomed in _NODES:
        if node.value(element):
            _add_node_count(report, node, (element, profile, loinc, snomed), number)


def _add_morphology(
    report: Report, node: Node, morphology: Node, key: tuple[str, str], specimen: Resource
) -> None:
    observation = report.observation(
        "histology", *key, profile="histologie-icdo3", code=coded(LOINC, "59847-4")
    )
    report.dated(observation, node.first("Tumor_Histologiedatum"))
    value = coded(ICD_O_3, morphology.value("Code"), version=morphology.value("Version"))
    if node.value("Morphologie_Freitext"):
        value["text"] = node.value("Morphologie_Freitext")
    observation.update(valueCodeableConcept=value, specimen=reference(specimen))


def _add_grading(report: Report, node: Node, number: str, specimen: Resource) -> None:
    code = {"coding": [*coded(LOINC, "33732-9")["coding"], *coded(SNOMED, "371469007")["coding"]]}
    observation = report.observation("grading", number, profile="grading", code=code)
    observation["category"] = laboratory()
    report.dated(observation, node.first("Tumor_Histologiedatum"), required=True)
    observation["valueCodeableConcept"] = table("grading").concept(node.value("Grading"))
    observation["specimen"] = reference(specimen)


def _add_node_count(report: Report, node: Node, element: tuple[str, str, str, str], number: str) -> None:
    name, profile, loinc, snomed = element
    code = {"coding": [*coded(LOINC, loinc)["coding"], *coded(SNOMED, snomed)["coding"]]}
    observation = report.observation(name.replace("_", "-").lower(), number, profile=profile, code=code)
    observation["category"] = laboratory()
    report.dated(observation, node.first("Tumor_Histologiedatum"), required=True)
    observation["valueQuantity"] = {"value": int(node.value(name)), "unit": "1", "system": UCUM, "code": "1"}


def _add_metastasis(report: Report, node: Node, number: int) -> None:
    code = coded(SNOMED, "385421009", "Site of distant metastasis")
    observation = report.observation("metastasis", str(number), profile="fernmetastasen", code=code)
    report.dated(observation, node.first("Diagnosedatum"), required=True)
    observation["valueCodeableConcept"] = table("metastasis-site").concept(node.value("Lokalisation"))


def _add_classification(report: Report, node: Node, number: int) -> None:
    code: Json = {"text": node.value("Name")}
    observation = report.observation(
        "classification", str(number), profile="weitere-klassifikationen", code=code
    )
    report.dated(observation, node.first("Datum"))
    observation["valueCodeableConcept"] = {"text": node.value("Stadium")}


def _add_variant(report: Report, node: Node, number: int) -> None:
    code = coded(LOINC, "69548-6", "Genetic variant assessment")
    observation = report.observation("variant", str(number), profile="genetische-variante", code=code)
    observation["category"] = laboratory()
    report.dated(observation, node.first("Datum"))
    expression, free = node.value("Auspraegung"), node.value("Sonstige_Auspraegung")
    observation["interpretation"] = [table("variant-expression").concept(expression or "S")]
    if expression in _VARIANT_ANSWERS:
        answer, display = _VARIANT_ANSWERS[expression]
        observation["valueCodeableConcept"] = coded(LOINC, answer, display)
    name = node.value("Bezeichnung")
    observation["note"] = [{"text": f"{name}: {free}" if free else name}]
    observation["component"] = [
        {"code": coded(LOINC, "48018-6", "Gene studied [ID]"), "valueCodeableConcept": {"text": name}}
    ]


def _add_performance(report: Report) -> None:
    value = report.node.value("Allgemeiner_Leistungszustand")
    if not value:
        return
    karnofsky = value.endswith("%")
    scale = "karnofsky" if karnofsky else "ecog"
    code = (
        coded(SNOMED, "761869008", "Karnofsky status")
        if karnofsky
        else coded(SNOMED, "423740007", "ECOG status")
    )
    observation = report.observation(
        "performance", profile=f"allgemeiner-leistungszustand-{scale}", code=code
    )
    report.dated(observation, None)
    observation["valueCodeableConcept"] = table(scale).concept(value)


def _add_study(report: Report) -> None:
    node = report.node.first("Modul_Allgemein", "Studienteilnahme")
    if node is None:
        return
    code = coded(SNOMED, "709491003", "Enrollment in clinical trial")
    observation = report.observation("study", profile="studienteilnahme", code=code)
    report.dated(observation, node.first("Datum"))
    observation["valueCodeableConcept"] = table("study").concept(
        "J" if node.value("Datum") else node.value("NU")
    )
