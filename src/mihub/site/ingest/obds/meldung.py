"""One Meldung becomes one record: held against the rules, mapped, compared with an earlier version.
wrote.

Above: `reader`. Below: `rules`, `mapping`, `provenance`, `reasons`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from mihub.core.fhir import Json, Resource
from mihub.site.ingest.obds.diagnosis import add_minimal_condition
from mihub.site.ingest.obds.mapping import REPORTS, map_report, report_number
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.provenance import (
    is_known,
    make_provenance,
    no_longer_said,
    report_digest,
    report_id,
)
from mihub.site.ingest.obds.reasons import REASONS_PER_REPORT, left_out, not_mapped, replaced, violated
from mihub.site.ingest.obds.report import Case, Report
from mihub.site.ingest.obds.rules import Violation, violations
from mihub.site.ingest.records import Accepted, Body, Noted, Record, Rejected
from mihub.site.ingest.report import Reason
from mihub.site.store.protocol import Delete, Put


class Known(Protocol):
    """What the record holds, including what this run is about to write."""

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        """The current content, or None."""
        ...

    def read_ahead(self, resource_type: str, ids: Sequence[str]) -> None:
        """These will be asked for: fetch them together."""
        ...

    def find_ahead(self, resource_type: str, system: str, values: Sequence[str]) -> None:
        """These identifiers will be asked for: fetch them together."""
        ...

    def forget_read(self) -> None:
        """What was fetched together is done with."""
        ...


_NOT_MAPPED: Final = ("Modul_Mamma", "Modul_Darm", "Modul_Prostata", "Modul_Malignes_Melanom", "Modul_DKKR")


@dataclass(slots=True)
class PatientReports:
    """One patient while their reports are read.

    `news`: some report says what the record does not know yet.
    """

    member: str
    file: str
    number: str
    reference: Json
    reported: str
    master: Node
    known: Known
    body_of: Callable[[Node], Body] | None = None
    died: str = ""
    news: bool = False
    accepted: list[Accepted] = field(default_factory=list)
    rest: list[Record] = field(default_factory=list)
    provenances: dict[str, Resource] = field(default_factory=dict)
    tumours: set[str] = field(default_factory=set)

    def add(self, meldung: Node) -> None:
        """Take one Meldung into account."""
        found = meldung_violations(meldung)
        refusing = refusals(self.file, found)
        if refusing:
            self.rest.append(Rejected(refusing, body=self._body(meldung)))
            return
        self._note(meldung, found)
        parts = frozenset(id(violation.part) for violation in found)
        mapped = self._map(meldung.without(parts) if parts else meldung)
        self.accepted.append(replace(mapped, body=self._body(meldung)))

    def _body(self, meldung: Node) -> Body | None:
        return self.body_of(meldung) if self.body_of is not None else None

    def _note(self, meldung: Node, found: list[Violation]) -> None:
        notes = [left_out(self.file, violation) for violation in found]
        notes += [
            not_mapped(self.file, meldung.line, name)
            for element in meldung.children
            for name in _NOT_MAPPED
            if element.first(name) is not None
        ]
        self.rest += [Noted(note) for note in notes]

    def _map(self, meldung: Node) -> Accepted:
        case = Case(self.member, self.number, self.reference, meldung.first("Tumorzuordnung") or meldung)
        entries: list[Put | Delete] = []
        already = 0
        for report in _reports(case, meldung, self.reported):
            element = report.node
            digest = report_digest(self.master, case.assignment, element)
            stored = self._stored(report_id(report))
            if is_known(stored, report, digest):
                already += len((stored or {}).get("target", []))
                self.rest.append(Noted(replaced(self.file, meldung.line)))
            else:
                entries += self._written(report, meldung, digest, stored)
        return Accepted(tuple(entries), self.file, line=meldung.line, already=already)

    def _stored(self, provenance_id: str) -> Resource | None:
        return self.provenances.get(provenance_id) or self.known.current("Provenance", provenance_id)

    def _written(
        self, report: Report, meldung: Node, digest: str, stored: Resource | None
    ) -> list[Put | Delete]:
        self.news = True
        if report.node.name == "Tod":
            self.died = report.node.value("Sterbedatum")
        minimal = None if report.node.name == "Diagnose" else add_minimal_condition(report)
        map_report(report)
        provenance = make_provenance(report, meldung, digest, stored)
        self.provenances[provenance["id"]] = provenance
        written_before = minimal is not None and minimal["id"] in self.tumours
        self.tumours.add(report.case.condition_id)
        puts = [
            Put(resource, if_absent=resource is minimal)
            for resource in report.resources
            if not (written_before and resource is minimal)
        ]
        return [*puts, Put(provenance), *no_longer_said(stored, report)]


def _reports(case: Case, meldung: Node, reported: str) -> Iterator[Report]:
    for position, element in enumerate(child for child in meldung.children if child.name in REPORTS):
        yield Report(
            case, element, report_number(element, meldung.attribute("Meldung_ID"), position), reported
        )


def provenance_ids(member: str, number: str, meldung: Node) -> list[str]:
    """The ids under which earlier versions of these reports would be remembered."""
    case = Case(member, number, {}, meldung.first("Tumorzuordnung") or meldung)
    return [report_id(report) for report in _reports(case, meldung, "")]


def meldung_violations(meldung: Node) -> list[Violation]:
    """All that the rules forbid in a Meldung."""
    found = list(violations(meldung, "Meldung"))
    for element in meldung.children:
        if element.name in REPORTS:
            found += violations(element, element.name, f"Meldung/{element.name}")
    return found


def refusals(file: str, found: list[Violation]) -> tuple[Reason, ...]:
    """The reasons among them that refuse the whole Meldung; empty when it may be loaded."""
    refusing = [violation for violation in found if violation.part is None]
    return tuple(violated(file, violation) for violation in refusing[:REASONS_PER_REPORT])
