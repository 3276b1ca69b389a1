"""Executes records: batches them into transactions, counts what they did, turns a refusal into a reason.

A batch is one transaction; when the store refuses it, each record is tried alone, so that one bad record does
not take others with it. A full disk or a lost store ends the run. Above: `importer`. Below: `protocol`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mihub.core.fhir import Resource
from mihub.errors import MihubError, StorageFull, Unavailable
from mihub.site.ingest.fhir_resource import MEDICAL_RECORD, identifiers
from mihub.site.ingest.limits import Limits
from mihub.site.ingest.open_references import OpenReferences
from mihub.site.ingest.protocol import RecordWriter
from mihub.site.ingest.records import Accepted, Rejected
from mihub.site.ingest.refusing import Refusing
from mihub.site.ingest.rehearsal import READ_BACK, key_of
from mihub.site.ingest.report import ImportReport, Reason
from mihub.site.store.protocol import Delete, Put, Written

# Types whose identifiers are found before their batch is written.
_FOUND_BY_IDENTIFIER: Final = frozenset({"Patient", "Practitioner", "Organization"})


class Stopped(Exception):
    """The store cannot go on; what it was is in the report."""


class Writing:
    """One run's way to the store; also answers what is there including what waits in the batch."""

    def __init__(
        self, record: RecordWriter, report: ImportReport, limits: Limits, refusing: Refusing
    ) -> None:
        self._record, self._report, self._limits, self._refusing = record, report, limits, refusing
        self._carried: dict[str, Put] = {}
        self._waiting: list[Accepted] = []
        self._waiting_keys: set[tuple[str, str]] = set()
        self._waiting_entries = 0
        self._waiting_bodies: dict[tuple[str, str], Resource | None] = {}
        self._identifiers: dict[tuple[str, str, str], str] = {}
        self._read: dict[tuple[str, str], Resource | None] = {}
        self._found: dict[tuple[str, str, str], list[str]] = {}
        self.open_references = OpenReferences(limits.max_open_references)

    def accept(self, record: Accepted) -> None:
        """Write it now or with its batch, unless validation forbids it. Raises `Stopped`."""
        judged = self._refusing.judged(record)
        if judged is None:
            self._carry(record)
            return
        record = self._with_patient(judged)
        keys = {key_of(entry) for entry in record.entries}
        if record.alone:
            self.flush()
        self._waiting.append(record)
        self._waiting_keys |= keys
        for entry in record.entries:
            self._remember(entry)
        self.open_references.referred(record.references, (record.file, record.line, record.entry))
        self._waiting_entries += len(record.entries)
        if record.alone or self._waiting_entries >= self._limits.batch_resources:
            self.flush()

    def flush(self) -> None:
        """Write what waits, keep what was refused. Raises `Stopped`."""
        self._keep_refused()
        waiting, self._waiting = self._waiting, []
        self._read |= self._waiting_bodies
        self._waiting_keys, self._waiting_bodies, self._waiting_entries = set(), {}, 0
        if not waiting:
            return
        try:
            self._write(waiting)
        except (StorageFull, Unavailable) as error:
            self._stop(error, waiting)
        except MihubError as error:
            if len(waiting) == 1:
                self._refuse(error, waiting[0])
            else:
                self._one_by_one(waiting)

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        """The content as it will be when the batch is written; only for types that an import reads back."""
        key = (resource_type, resource_id)
        if key in self._waiting_bodies:
            return self._waiting_bodies[key]
        if key in self._waiting_keys:
            self.flush()
        return self._read[key] if key in self._read else self._record.current(resource_type, resource_id)

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        """Ids by identifier, in the store and in this run."""
        key = (resource_type, system, value)
        if key in self._identifiers:
            # Two Patients of this run with one medical record number: neither is meant.
            return [self._identifiers[key]] if self._identifiers[key] else []
        return self._found[key] if key in self._found else self._record.find(resource_type, system, value)

    def forget_read(self) -> None:
        """Give back what was read ahead; nothing depends on it but speed."""
        self._read, self._found = {}, {}

    def read_ahead(self, resource_type: str, ids: Sequence[str]) -> None:
        """Ask for many contents at once; `current` will know them."""
        found = self._record.current_many(resource_type, ids)
        for one in ids:
            self._read.setdefault((resource_type, one), found.get(one))

    def find_ahead(self, resource_type: str, system: str, values: Sequence[str]) -> None:
        """Ask for many identifiers at once; `find` and `current` will know them."""
        self._found |= {(resource_type, system, value): [] for value in values}
        for resource in self._record.with_identifiers(resource_type, system, values):
            self._read.setdefault((resource_type, str(resource["id"])), resource)
            for identifier in identifiers(resource):
                if (resource_type, *identifier) in self._found:
                    self._found[resource_type, *identifier].append(str(resource["id"]))

    def _keep_refused(self) -> None:
        try:
            self._refusing.flush()
        except MihubError as error:
            # What is refused must not disappear: where it can not be kept, the run ends and the files stay the source.
            self._report.stopped = error
            raise Stopped from error

    def _carry(self, record: Accepted) -> None:
        """A report's Patient stands with the first report only; when that is refused, the next one brings the Patient."""
        if record.body is None or record.body.kind != "obds":
            return
        for entry in record.entries:
            if isinstance(entry, Put) and entry.resource.get("resourceType") == "Patient":
                self._carried[f"Patient/{entry.resource['id']}"] = entry

    def _with_patient(self, record: Accepted) -> Accepted:
        if not self._carried or record.body is None or record.body.kind != "obds":
            return record
        subjects = {_subject(entry) for entry in record.entries if isinstance(entry, Put)}
        wanted = [self._carried.pop(key) for key in sorted(subjects & self._carried.keys())]
        if not wanted:
            return record
        judged = self._refusing.judged(replace(record, entries=tuple(wanted), records=0, body=None))
        return replace(record, entries=(*judged.entries, *record.entries)) if judged is not None else record

    def _remember(self, entry: Put | Delete) -> None:
        key = key_of(entry)
        if isinstance(entry, Delete):
            if key[0] in READ_BACK:
                self._waiting_bodies[key] = None
            return
        self.open_references.written(*key)
        if key[0] in READ_BACK and not entry.if_absent:
            self._waiting_bodies[key] = entry.resource
        if key[0] in _FOUND_BY_IDENTIFIER:
            for system, value in identifiers(entry.resource):
                known = self._identifiers.setdefault((key[0], system, value), key[1])
                if system == MEDICAL_RECORD and known != key[1]:
                    self._identifiers[key[0], system, value] = ""

    def _write(self, records: list[Accepted]) -> None:
        entries = [entry for record in records for entry in record.entries]
        written = self._record.write(entries) if entries else []
        self._count(written)
        self._report.loaded += sum(record.records for record in records)
        already = sum(record.already for record in records)
        if already:
            self._report.resources["unchanged"] += already

    def _count(self, written: list[Written]) -> None:
        for one in written:
            self._report.resources[one.effect] += 1

    def _one_by_one(self, records: list[Accepted]) -> None:
        for position, record in enumerate(records):
            try:
                self._write([record])
            except (StorageFull, Unavailable) as error:
                self._stop(error, records[position:])
            except MihubError as error:
                self._refuse(error, record)

    def _refuse(self, error: MihubError, record: Accepted) -> None:
        self._refusing.refuse(Rejected((_reason(error, record),), record.records, record.body))

    def _stop(self, error: MihubError, records: list[Accepted]) -> None:
        self._report.stopped = error
        self._report.reject((_reason(error, records[0]),), sum(record.records for record in records))
        raise Stopped


def _subject(entry: Put) -> str:
    subject = entry.resource.get("subject") or entry.resource.get("patient")
    return str(subject.get("reference", "")) if isinstance(subject, dict) else ""


def _reason(error: MihubError, record: Accepted) -> Reason:
    return Reason(
        file=record.file,
        reason=error.what,
        rule=error.rule or type(error).__name__,
        next=error.next_step or "Correct it and import again.",
        line=record.line,
        entry=record.entry,
    )
