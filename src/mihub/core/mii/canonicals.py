"""Names of the MII core data set: profile canonicals by module, and the systems that its resources use.

A flat catalogue; it never reads a package. Source: the packages of the modules 2025 and 2026 (canonicals
unchanged between them). Above: `oncology` (code tables) and `site.ingest` (what produces and recognises these
resources).
"""

from __future__ import annotations

from typing import Final

MII: Final = "https://www.medizininformatik-initiative.de/fhir"
ONCOLOGY: Final = f"{MII}/ext/modul-onko"

# Systems of identifiers and codes.
ICD_10_GM: Final = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
OPS: Final = "http://fhir.de/CodeSystem/bfarm/ops"
ATC: Final = "http://fhir.de/CodeSystem/bfarm/atc"
ICD_O_3: Final = "http://terminology.hl7.org/CodeSystem/icd-o-3"
SNOMED: Final = "http://snomed.info/sct"
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
MEDDRA: Final = "https://www.meddra.org"
KVNR: Final = "http://fhir.de/sid/gkv/kvid-10"
IKNR: Final = "http://fhir.de/sid/arge-ik/iknr"
IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
IDENTIFIER_TYPE_DE: Final = "http://fhir.de/CodeSystem/identifier-type-de-basis"
OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
CONDITION_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"

# Extensions.
ASSERTED_DATE: Final = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
GENDER_DE: Final = "http://fhir.de/StructureDefinition/gender-amtlich-de"
GENDER_DE_CODES: Final = "http://fhir.de/CodeSystem/gender-amtlich-de"

# Our own.
OURS: Final = "https://mihub.example/fhir"
OBDS_REPORTED: Final = f"{OURS}/CodeSystem/obds-meldedatum"
OBDS_ACCURACY: Final = f"{OURS}/StructureDefinition/obds-datumsgenauigkeit"
OBDS_COMPLETENESS: Final = f"{OURS}/CodeSystem/obds-completeness"

PROFILES: Final[dict[str, dict[str, str]]] = {
    "person": {
        tail: f"{MII}/core/modul-person/StructureDefinition/{tail}"
        for tail in ("Patient", "PatientPseudonymisiert", "Vitalstatus", "Todesursache")
    },
    "diagnose": {"Diagnose": f"{MII}/core/modul-diagnose/StructureDefinition/Diagnose"},
    "prozedur": {"Procedure": f"{MII}/core/modul-prozedur/StructureDefinition/Procedure"},
    "fall": {
        "KontaktGesundheitseinrichtung": (
            f"{MII}/core/modul-fall/StructureDefinition/KontaktGesundheitseinrichtung"
        )
    },
    "labor": {
        tail: f"{MII}/core/modul-labor/StructureDefinition/{tail}"
        for tail in ("ObservationLab", "DiagnosticReportLab", "ServiceRequestLab")
    },
    "medikation": {
        tail: f"{MII}/core/modul-medikation/StructureDefinition/{tail}"
        for tail in ("Medication", "MedicationAdministration", "MedicationRequest", "MedicationStatement")
    },
    "biobank": {
        tail: f"{MII}/ext/modul-biobank/StructureDefinition/{tail}" for tail in ("Specimen", "SpecimenCore")
    },
    "onkologie": {
        tail: f"{ONCOLOGY}/StructureDefinition/mii-pr-onko-{tail}"
        for tail in (
            "allgemeiner-leistungszustand-ecog",
            "allgemeiner-leistungszustand-karnofsky",
            "anzahl-befallene-lymphknoten",
            "anzahl-befallene-sentinel-lymphknoten",
            "anzahl-untersuchte-lymphknoten",
            "anzahl-untersuchte-sentinel-lymphknoten",
            "befund",
            "diagnose-primaertumor",
            "fernmetastasen",
            "genetische-variante",
            "grading",
            "histologie-icdo3",
            "liste-evidenz-erstdiagnose",
            "nebenwirkung-adverse-event",
            "operation",
            "residualstatus",
            "specimen",
            "strahlentherapie",
            "strahlentherapie-bestrahlung-nuklearmedizin",
            "strahlentherapie-bestrahlung-strahlentherapie",
            "studienteilnahme",
            "systemische-therapie",
            "systemische-therapie-medikation",
            "tnm-a-symbol",
            "tnm-klassifikation",
            "tnm-l-kategorie",
            "tnm-m-kategorie",
            "tnm-m-symbol",
            "tnm-n-kategorie",
            "tnm-pn-kategorie",
            "tnm-r-symbol",
            "tnm-s-kategorie",
            "tnm-t-kategorie",
            "tnm-v-kategorie",
            "tnm-y-symbol",
            "tod",
            "tumorkonferenz",
            "verlauf",
            "weitere-klassifikationen",
        )
    },
}


def oncology_profile(tail: str) -> str:
    """The canonical of `mii-pr-onko-{tail}`.

    Raises `KeyError` for a profile that the module does not have.
    """
    return PROFILES["onkologie"][tail]


def oncology_extension(tail: str) -> str:
    """The URL of the extension `mii-ex-onko-{tail}`."""
    return f"{ONCOLOGY}/StructureDefinition/mii-ex-onko-{tail}"


def patient_number_system(member: str) -> str:
    """The system of a member's own patient numbers."""
    return f"https://mihub.example/{member}/patient-id"


def tumour_number_system(member: str) -> str:
    """The system of a member's own tumour numbers (oBDS Tumor_ID)."""
    return f"https://mihub.example/{member}/tumor-id"
