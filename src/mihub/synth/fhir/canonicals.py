"""Canonical addresses of profiles and code systems that the synthetic sites use. MII modules of 2025, our
own names.

A flat catalogue. Source: the profile packages of the MII core data set (reference: canonicals per module).
"""

from __future__ import annotations

MII = "https://www.medizininformatik-initiative.de/fhir"
PATIENT = f"{MII}/core/modul-person/StructureDefinition/Patient"
VITAL_STATUS = f"{MII}/core/modul-person/StructureDefinition/Vitalstatus"
ENCOUNTER = f"{MII}/core/modul-fall/StructureDefinition/KontaktGesundheitseinrichtung"
CONDITION = f"{MII}/core/modul-diagnose/StructureDefinition/Diagnose"
PROCEDURE = f"{MII}/core/modul-prozedur/StructureDefinition/Procedure"
LABORATORY = f"{MII}/core/modul-labor/StructureDefinition/ObservationLab"
LABORATORY_REPORT = f"{MII}/core/modul-labor/StructureDefinition/DiagnosticReportLab"
MEDICATION_STATEMENT = f"{MII}/core/modul-medikation/StructureDefinition/MedicationStatement"
CONSENT = f"{MII}/modul-consent/StructureDefinition/mii-pr-consent-einwilligung"
IMAGING_STUDY = f"{MII}/ext/modul-bildgebung/StructureDefinition/mii-pr-bildgebung-bildgebungsstudie"
RADIOLOGY_REPORT = f"{MII}/ext/modul-bildgebung/StructureDefinition/mii-pr-bildgebung-radiologischer-befund"
PATHOLOGY_REPORT = f"{MII}/ext/modul-patho/StructureDefinition/mii-pr-patho-report"
PATHOLOGY_DIAGNOSIS = f"{MII}/ext/modul-patho/StructureDefinition/mii-pr-patho-diagnostic-conclusion-grouper"
SPECIMEN = f"{MII}/ext/modul-patho/StructureDefinition/mii-pr-patho-specimen"
BOARD = f"{MII}/ext/modul-onko/StructureDefinition/mii-pr-onko-tumorkonferenz"

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
ICD10GM = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
OPS = "http://fhir.de/CodeSystem/bfarm/ops"
ATC = "http://fhir.de/CodeSystem/bfarm/atc"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
KVNR_SYSTEM = "http://fhir.de/sid/gkv/kvid-10"
IKNR_SYSTEM = "http://fhir.de/sid/arge-ik/iknr"

MIHUB = "https://mihub.example"
OWN = f"{MIHUB}/fhir"
MEMBER_SYSTEM = f"{MIHUB}/sid/member"
TASK = f"{OWN}/CodeSystem/task"
COMMUNICATION = f"{OWN}/CodeSystem/communication"
OBSERVATION = f"{OWN}/CodeSystem/observation"
ANCHOR = f"{OWN}/StructureDefinition/anchor"


def patient_system(member: str) -> str:
    """The naming system of a site's own patient numbers."""
    return f"{MIHUB}/{member}/patient-id"
