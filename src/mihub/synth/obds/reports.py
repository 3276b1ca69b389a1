"""The reports (Meldungen) of one tumour from one hospital, one for each event, in the order of the events.

Codes are those of oBDS: diagnosis certainty 7 (histology of the primary tumour), intention K or P, position
to surgery, Ende_Grund. Neighbours: `findings` (histology, TNM, variants), `therapies`.
"""

from __future__ import annotations

from mihub.synth.events import (
    Board,
    Course,
    Death,
    Diagnosis,
    Event,
    Operation,
    Radiotherapy,
    Systemic,
    TumourCourse,
)
from mihub.synth.obds.element import coded, exact_day, parent, tag
from mihub.synth.obds.findings import distant, histology, tnm, variants
from mihub.synth.obds.therapies import operation, radiotherapy, systemic
from mihub.synth.records import SiteRecord


def write_reports(record: SiteRecord, tumour: TumourCourse) -> list[str]:
    """All Meldung elements of this hospital."""
    bodies: list[tuple[str, str]] = []
    if tumour.diagnosis.hospital == record.member:
        bodies.append(("DI", _diagnosis(record.number, tumour.diagnosis)))
        if record.member == "dresden":
            bodies.append(("PA", _pathology(record.number, tumour.diagnosis)))
    for position, event in enumerate(tumour.events):
        if event.hospital == record.member:
            bodies.append(_event(record.number, position, event, tumour.diagnosis))
    return [
        _report(record, tumour.diagnosis, f"{record.number}-{kind}-{place}", body)
        for place, (kind, body) in enumerate(bodies, 1)
    ]


def _report(record: SiteRecord, found: Diagnosis, identity: str, body: str) -> str:
    return parent(
        "Meldung",
        tag("Meldebegruendung", "I"),
        tag("Eigene_Leistung", "J"),
        _tumour(record, found),
        body,
        Meldung_ID=identity,
        Melder_ID=record.member,
    )


def _tumour(record: SiteRecord, found: Diagnosis) -> str:
    return parent(
        "Tumorzuordnung",
        coded("Primaertumor_ICD", found.icd, f"10 {found.day.year} GM"),
        exact_day("Diagnosedatum", found.day),
        tag("Seitenlokalisation", found.side),
        coded("Morphologie_ICD_O", found.morphology, "33"),
        Tumor_ID=f"{record.number}-1",
    )


def _diagnosis(number: str, found: Diagnosis) -> str:
    return parent(
        "Diagnose",
        tag("Primaertumor_Diagnosetext", found.text),
        coded("Primaertumor_Topographie_ICD_O", found.topography, "33"),
        tag("Diagnosesicherung", "7"),
        histology(f"{number}-H1", found.histology_day, found.morphology, found.histology_text, found.grading),
        distant(found.metastases, found.day),
        tnm("cTNM", f"{number}-T1", found.tnm),
        variants(found.variants, found.day),
        tag("Allgemeiner_Leistungszustand", found.ecog),
    )


def _pathology(number: str, found: Diagnosis) -> str:
    """The university's own pathology confirms the same histology."""
    return parent(
        "Pathologie",
        tag("Primaertumor_Diagnosetext", found.text),
        tag("Diagnosesicherung", "7"),
        histology(f"{number}-H1", found.histology_day, found.morphology, found.histology_text, found.grading),
        tag("Befundtext", f"{found.histology_text}, G{found.grading}."),
        Befund_ID=f"{number}-B1",
    )


def _event(number: str, position: int, event: Event, found: Diagnosis) -> tuple[str, str]:
    identity = f"{number}-{position}"
    if isinstance(event, Operation):
        return "OP", operation(identity, event, found)
    if isinstance(event, Radiotherapy):
        return "ST", radiotherapy(identity, event)
    if isinstance(event, Systemic):
        return "SY", systemic(identity, event)
    if isinstance(event, Board):
        return "TK", _board(identity, event)
    if isinstance(event, Course):
        return "VE", _course(identity, event)
    return "TO", _death(identity, event)


def _board(identity: str, event: Board) -> str:
    advice = parent(
        "Menge_Typ_Therapieempfehlung", *(tag("Typ_Therapieempfehlung", kind) for kind in event.advice)
    )
    wish = tag("Abweichung_Patientenwunsch", "J" if event.patient_deviates else "N")
    return parent(
        "Tumorkonferenz",
        tag("Meldeanlass", "behandlungsbeginn" if event.kind == "praeth" else "statusaenderung"),
        exact_day("Datum", event.day),
        tag("Typ", event.kind),
        parent("Therapieempfehlung", advice, wish),
        Tumorkonferenz_ID=identity,
    )


def _course(identity: str, event: Course) -> str:
    return parent(
        "Verlauf",
        tag("Meldeanlass", "statusmeldung" if event.overall in "VK" else "statusaenderung"),
        tag("Untersuchungsdatum_Verlauf", event.day),
        tag("Gesamtbeurteilung_Tumorstatus", event.overall),
        tag("Verlauf_Lokaler_Tumorstatus", event.local),
        tag("Verlauf_Tumorstatus_Lymphknoten", event.nodes),
        tag("Verlauf_Tumorstatus_Fernmetastasen", event.distant),
        distant(event.metastases, event.day),
        tag("Allgemeiner_Leistungszustand", event.ecog),
        Verlauf_ID=identity,
    )


def _death(identity: str, event: Death) -> str:
    return parent(
        "Tod",
        tag("Sterbedatum", event.day),
        tag("Tod_tumorbedingt", "J" if event.by_tumour else "N"),
        parent("Menge_Todesursachen", coded("Todesursache_ICD", event.icd, f"10 {event.day.year} GM")),
        Abschluss_ID=identity,
    )
