"""Reads an oBDS file patient by patient in constant memory and hands over one record for each report
(Meldung).

No external entities, no network, no document types. A report that breaks a rule is refused alone; a file that
breaks off keeps the patients before the break. Source: oBDS 3.0.x. Above: `importer`. Below: `xml`,
`meldung`, `patient`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from mihub.core.mii.canonicals import patient_number_system
from mihub.errors import MihubError
from mihub.site.ingest.fhir_resource import MEDICAL_RECORD, is_made_from_reports
from mihub.site.ingest.ndjson import Source
from mihub.site.ingest.obds.kept import report_body
from mihub.site.ingest.obds.meldung import Known, PatientReports, meldung_violations, provenance_ids, refusals
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.patient import made_id, make_patient, newer_of
from mihub.site.ingest.obds.reasons import REASONS_PER_REPORT, refused, violated
from mihub.site.ingest.obds.rules import violations
from mihub.site.ingest.obds.xml import Header, read_patients
from mihub.site.ingest.records import Body, Record, Rejected
from mihub.site.ingest.report import Reason
from mihub.site.store.protocol import Put

_READ_AHEAD_REPORTS: Final = 200


def read_obds(stream: io.BufferedReader, source: Source, known: Known) -> Iterator[Record]:
    """The records of one file. Raises `InvalidInput` where the XML breaks off or is not what it says."""
    any_report = False
    for window in _windows(read_patients(stream, source.limits)):
        _ask_together([node for _, node in window], source.member, known)
        for header, node in window:
            for record in _patient_records(header, node, source, known):
                any_report = True
                yield record
    known.forget_read()
    if not any_report:
        yield Rejected((refused(source.file, 1, "The file holds no report (Meldung)."),))


def _windows(patients: Iterator[tuple[Header, Node]]) -> Iterator[list[tuple[Header, Node]]]:
    """Some patients at a time; when the file breaks off, those before the break and then the error."""
    window: list[tuple[Header, Node]] = []
    size = 0
    broken: MihubError | OSError | None = None
    try:
        for header, node in patients:
            window.append((header, node))
            size += 1 + sum(1 for _ in node.all("Menge_Meldung", "Meldung"))
            if size >= _READ_AHEAD_REPORTS:
                yield window
                window, size = [], 0
    except (MihubError, OSError) as error:
        broken = error
    if window:
        yield window
    if broken is not None:
        raise broken


def _ask_together(nodes: list[Node], member: str, known: Known) -> None:
    """One question each for the patients, and for what earlier versions of their reports wrote."""
    known.forget_read()
    numbers = [node.attribute("Patient_ID") for node in nodes if node.attribute("Patient_ID")]
    for system in (patient_number_system(member), MEDICAL_RECORD):
        known.find_ahead("Patient", system, numbers)
    known.read_ahead("Patient", [made_id(member, number) for number in numbers])
    origins = [
        one
        for node in nodes
        for meldung in node.all("Menge_Meldung", "Meldung")
        for one in provenance_ids(member, node.attribute("Patient_ID"), meldung)
    ]
    known.read_ahead("Provenance", sorted(set(origins)))


def _patient_records(header: Header, node: Node, source: Source, known: Known) -> Iterator[Record]:
    meldungen = list(node.all("Menge_Meldung", "Meldung"))
    master = node.first("Patienten_Stammdaten")
    faults = _patient_faults(header, node, master, source.file)
    if not meldungen:
        yield Rejected(
            (refused(source.file, node.line, "The patient has no report (Meldung)."),),
            body=report_body(source.member, header.reported, node, ()),
        )
    elif faults or master is None:
        body = report_body(source.member, header.reported, node, meldungen)
        yield from _all_refused(meldungen, faults, source.file, body)
    else:
        reports = _reports(header, node, master, source, known)
        for meldung in meldungen:
            reports.add(meldung)
        _add_patient(reports)
        yield from reports.rest
        yield from reports.accepted


def _patient_faults(header: Header, node: Node, master: Node | None, file: str) -> list[Reason]:
    faults = [refused(file, line, what) for line, what in header.faults]
    if not 0 < len(node.attribute("Patient_ID")) <= 50:
        faults.append(refused(file, node.line, "Patient/@Patient_ID is missing or not an identifier."))
    if master is None:
        faults.append(refused(file, node.line, "Patient/Patienten_Stammdaten is missing."))
    else:
        faults += [violated(file, found) for found in violations(master, "Patienten_Stammdaten")]
    return faults[:REASONS_PER_REPORT]


def _all_refused(meldungen: list[Node], faults: list[Reason], file: str, body: Body) -> Iterator[Record]:
    """The patient's faults once, then what each report has wrong besides, so that one export corrects all."""
    own = tuple(reason for meldung in meldungen for reason in refusals(file, meldung_violations(meldung)))
    yield Rejected((*faults, *own), records=len(meldungen), body=body)


def _reports(header: Header, node: Node, master: Node, source: Source, known: Known) -> PatientReports:
    number = node.attribute("Patient_ID")
    patient_id = _stored_patient(source, number) or made_id(source.member, number)
    reference = {"reference": f"Patient/{patient_id}"}

    def body_of(meldung: Node) -> Body:
        return report_body(source.member, header.reported, node, [meldung])

    return PatientReports(
        source.member, source.file, number, reference, header.reported, master, known, body_of
    )


def _stored_patient(source: Source, number: str) -> str:
    """The Patient with this number: under our own system, else the only one with it as medical record number."""
    own = source.find("Patient", patient_number_system(source.member), number)
    theirs = [] if own else source.find("Patient", MEDICAL_RECORD, number)
    return own[0] if own else theirs[0] if len(theirs) == 1 else ""


def _add_patient(reports: PatientReports) -> None:
    """Put the Patient before the first accepted report, unless a FHIR Patient is there already."""
    if not reports.news:
        return
    patient_id = reports.reference["reference"].partition("/")[2]
    stored = reports.known.current("Patient", patient_id)
    if stored is not None and not is_made_from_reports(stored):
        return
    made = make_patient(reports.member, reports.number, reports.master, reports.reported, reports.died)
    written = newer_of({**made, "id": patient_id}, stored)
    if written is not None:
        first = reports.accepted[0]
        reports.accepted[0] = replace(first, entries=(Put(written), *first.entries))
