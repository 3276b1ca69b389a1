"""The reference store: the whole record in dictionaries. For tests that compare engines, and for nothing to
install.

Complete, simple, not durable, never for patients. Search reads `records`. Below: `deciding` holds the rules.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from mihub.core.audit.entry import AuditEntry
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.site.store.content import now_milliseconds, shown, stamped
from mihub.site.store.deciding import Current, Key, Step, check, decide, keys_of
from mihub.site.store.history import filled, notes_of_history
from mihub.site.store.labels import labels_of, notes_of_labels
from mihub.site.store.noting import notes_of_audit, notes_of_read, notes_of_write
from mihub.site.store.protocol import (
    AuditQuery,
    Entries,
    HistoryPage,
    HistoryQuery,
    Labels,
    Note,
    Past,
    Version,
    Written,
)
from mihub.site.store.rows import NO_ROWS, Indexer, IndexRows


@dataclass(slots=True)
class Record:
    """One logical resource: its number in order of creation, its versions oldest first, its index rows."""

    number: int
    versions: list[Version] = field(default_factory=list)
    digest: bytes | None = None
    rows: IndexRows = NO_ROWS


class MemoryStore:
    """A `Store`. One writer at a time; readers see whole writes."""

    def __init__(self, index: Indexer) -> None:
        self._index = index
        self._lock = threading.RLock()
        self._log: list[Version] = []
        self._audit: list[AuditEntry] = []
        self.records: dict[Key, Record] = {}

    def write(
        self, entries: Entries | Callable[[], Entries], access: Access, within: Restriction = EVERYTHING
    ) -> list[Written]:
        """See `Store.write`."""
        with self._lock:
            listed = entries() if callable(entries) else entries
            keys = keys_of(listed)
            current = {key: _current(self.records[key]) for key in keys if key in self.records}
            plan = decide(listed, keys, current, self._index, within)
            # Serialising may still refuse; nothing is kept before all of it is done.
            # A clock that steps back gives no later version an earlier time.
            now = max([now_milliseconds(), *(one.last_updated for one in self._log[-1:])])
            bodies = [stamped(s.resource, s.version_id, now) if s.resource else None for s in plan.steps]
            before = len(self._log)
            for step, body in zip(plan.steps, bodies, strict=True):
                self._keep(step, Version(*step.key, step.version_id, now, len(self._log) + 1, body))
            self.note(notes_of_write(plan.steps, before + 1, len(self._log)), access)
            return plan.answers(self._log[before:])

    def read(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> Version | None:
        """See `Store.read`."""
        found = self._seen("read", (resource_type, resource_id), access, within)
        return found[-1] if found else None

    def vread(
        self,
        resource_type: str,
        resource_id: str,
        version_id: int,
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Version | None:
        """See `Store.vread`."""
        found = self._seen("vread", (resource_type, resource_id), access, within)
        return next((version for version in found if version.version_id == version_id), None)

    def history(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> list[Version]:
        """See `Store.history`."""
        return self._seen("history-instance", (resource_type, resource_id), access, within)[::-1]

    def history_page(
        self, query: HistoryQuery, access: Access, within: Restriction = EVERYTHING
    ) -> HistoryPage:
        """See `Store.history_page`."""
        with self._lock:
            asked = [one for one in reversed(self._log) if self._was(one, query) and self._may(one, within)]

            def fetch(before: int | None, most: int) -> list[Past]:
                older = [one for one in asked if before is None or one.position < before]
                return [Past(one, self._made(one)) for one in older[:most]]

            page, before = filled(query, within, fetch)
            key = (query.resource_type, query.resource_id)
            record = self.records.get(key)
            there = not query.resource_id or (record is not None and self._may(record.versions[-1], within))
            rows = [self.records[_key(one.version)].rows for one in page]
            if query.resource_id:
                rows = [record.rows] if record is not None else []
            patients = sorted({patient for one in rows for patient in one.patients})
            self.note(notes_of_history(query, patients, len(page), within, there=there), access)
            return HistoryPage(page, len(asked) if within.sees_withheld else None, before, there)

    def labels(
        self,
        resource_type: str,
        parameters: Mapping[int, str],
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Labels:
        """See `Store.labels`."""
        with self._lock:
            seen = [
                one.rows
                for key, one in self.records.items()
                if resource_type in ("", key[0])
                and one.digest is not None
                and self._may(one.versions[-1], within)
            ]
            used = labels_of([row for rows in seen for row in (*rows.tokens, *rows.links)], parameters)
            self.note(notes_of_labels(resource_type, within), access)
            return used

    def audit(self, query: AuditQuery, access: Access, within: Restriction = EVERYTHING) -> list[AuditEntry]:
        """See `Store.audit`."""
        with self._lock:
            found = [entry for entry in reversed(self._audit) if _asked(entry, query, within)][: query.limit]
            patient = query.patient or within.patient_id or ""
            self.note(notes_of_audit(patient, len(found), within), access)
            return found

    def position(self) -> int:
        """See `Store.position`."""
        return len(self._log)

    def changes(self, after: int, limit: int) -> list[Version]:
        """See `Store.changes`."""
        return self._log[after : after + limit]

    def check(self, resource: Resource) -> None:
        """See `Store.check`."""
        check(resource, self._index)

    def counts(self) -> dict[str, int]:
        """See `Store.counts`."""
        return dict(
            sorted(Counter(key[0] for key, one in self.records.items() if one.digest is not None).items())
        )

    def close(self) -> None:
        """Nothing to give back."""

    def note(self, notes: Sequence[Note], access: Access) -> None:
        """See `Audit.note`; search calls it too."""
        now, actor = now_milliseconds(), access.actor
        with self._lock:
            for note in notes:
                self._audit.append(
                    AuditEntry(
                        len(self._audit) + 1, now, actor.id, actor.name, actor.role.value, actor.organization,
                        access.purpose.value, access.care_relation, note.action, note.interaction,
                        note.resource_type, note.resource_id, note.patient, note.count, note.outcome, note.parameters,
                    )
                )  # fmt: skip

    def _keep(self, step: Step, version: Version) -> None:
        record = self.records.setdefault(step.key, Record(len(self.records) + 1))
        record.versions.append(version)
        record.digest, record.rows = step.digest, step.rows
        self._log.append(version)

    def _was(self, version: Version, query: HistoryQuery) -> bool:
        if query.resource_type not in ("", version.resource_type) or query.resource_id not in (
            "",
            version.id,
        ):
            return False
        if query.since is not None and version.last_updated < query.since:
            return False
        if query.current_in is None:
            return True
        low, high = query.current_in
        following = self.records[_key(version)].versions[version.version_id :]
        return version.last_updated < high and (not following or following[0].last_updated > low)

    def _may(self, version: Version, within: Restriction) -> bool:
        rows = self.records[_key(version)].rows
        return within.allows(version.resource_type, rows.patients, withheld=rows.withheld)

    def _made(self, version: Version) -> bool:
        if version.version_id == 1:
            return True
        return self.records[_key(version)].versions[version.version_id - 2].body is None

    def _seen(self, interaction: str, key: Key, access: Access, within: Restriction) -> list[Version]:
        with self._lock:
            record = self.records.get(key)
            rows = record.rows if record else NO_ROWS
            allowed = record is not None and within.allows(key[0], rows.patients, withheld=rows.withheld)
            self.note(notes_of_read(interaction, key, rows.patients, allowed=allowed), access)
            return shown(record.versions, within) if record is not None and allowed else []


def _key(version: Version) -> Key:
    return version.resource_type, version.id


def _current(record: Record) -> Current:
    rows = record.rows
    return Current(record.versions[-1].version_id, record.digest, rows.patients, rows.withheld)


def _asked(entry: AuditEntry, query: AuditQuery, within: Restriction) -> bool:
    return (
        within.allows("AuditEvent", [entry.patient], withheld=False)
        and query.patient in (None, entry.patient)
        and query.entity in (None, f"{entry.resource_type}/{entry.resource_id}")
        and (query.since is None or entry.recorded >= query.since)
        and (query.until is None or entry.recorded < query.until)
        and (query.before_id is None or entry.id < query.before_id)
    )
