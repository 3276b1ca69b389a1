"""The Patient element: master data as this hospital has them, and all its reports.

`Patient_ID` is the patient number of the hospital, the same as the MR identifier of its FHIR Patient.
"""

from __future__ import annotations

from mihub.synth.events import TumourCourse
from mihub.synth.obds.element import exact_day, parent, tag
from mihub.synth.obds.reports import write_reports
from mihub.synth.records import SiteRecord


def write_patient(record: SiteRecord, tumour: TumourCourse) -> tuple[str, int]:
    """(Patient element, number of reports)."""
    reports = write_reports(record, tumour)
    element = parent(
        "Patient", _master_data(record), parent("Menge_Meldung", *reports), Patient_ID=record.number
    )
    return element, len(reports)


def _master_data(record: SiteRecord) -> str:
    home = record.address
    return parent(
        "Patienten_Stammdaten",
        _insurance(record),
        tag("Nachname", record.family),
        tag("Vornamen", " ".join(record.given)),
        tag("Geburtsname", record.birth_family),
        tag("Geschlecht", {"female": "W", "male": "M"}.get(record.sex, "D")),
        exact_day("Geburtsdatum", record.birth_date),
        parent(
            "Adresse",
            tag("Strasse", home.street),
            tag("Hausnummer", home.house_number),
            tag("Land", "DE"),
            tag("PLZ", home.postal_code),
            tag("Ort", home.city),
        ),
    )


def _insurance(record: SiteRecord) -> str:
    if record.kvnr is None:
        return parent("Versichertendaten_Sonstige", tag("KrankenkassenName", record.insurer))
    return parent(
        "Versichertendaten_GKV",
        tag("IKNR", record.insurer_code),
        tag("GKV_Versichertennummer", record.kvnr),
    )
