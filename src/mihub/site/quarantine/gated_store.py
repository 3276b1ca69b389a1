"""The record behind the door: a `Store` that stores nothing which validation forbids, and counts what it stores.

Whoever writes to a site's record holds this store and no other, so that no write can pass by. Reading is handed on
untouched. Above: `site.site`. Below: `door`, `tally`, the engine of the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mihub import log
from mihub.core.audit.entry import AuditEntry
from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.errors import MihubError, StorageFull, Unavailable
from mihub.site.quarantine.door import Door, Judged, NotConformant, Stored, refusals, verdicts
from mihub.site.quarantine.protocol import Quarantine
from mihub.site.quarantine.tally import Tally
from mihub.site.store.protocol import (
    AuditQuery,
    Delete,
    Entries,
    HistoryPage,
    HistoryQuery,
    Labels,
    Note,
    Put,
    Store,
    Version,
    Written,
)

_STORED: Final = frozenset({"created", "updated"})


class GatedStore:
    """A `Store` over another one. `door`, `tally` and `quarantine` are shared with the rooms that use them directly."""

    def __init__(self, inner: Store, door: Door, tally: Tally, quarantine: Quarantine) -> None:
        self.inner, self.door, self.tally, self.quarantine = inner, door, tally, quarantine
        # What other rooms refuse to keep because of its content; each raises a `MihubError`.
        self.checks: list[Callable[[Resource], None]] = []

    def write(
        self, entries: Entries | Callable[[], Entries], access: Access, within: Restriction = EVERYTHING
    ) -> list[Written]:
        """See `Store.write`. Raises `NotConformant` when validation forbids an entry; then nothing is written."""
        passed: list[Put | Delete] = []

        def through() -> Entries:
            listed = entries() if callable(entries) else entries
            self._check(listed)
            passed[:] = [self.door.through(entry, "api") for entry in listed]
            # Who may not write a type at all is told that by the record, and leaves nothing in the quarantine.
            refused = [one for one in refusals(passed) if within.names(one[1].resource_type)]
            if refused:
                raise NotConformant(refused, {number: _resource(passed[number]) for number, _ in refused})
            return passed

        # What is given as a list is judged before the record is held; conditions can only be looked up while it is.
        written = self.inner.write(through if callable(entries) else through(), access, within)
        self._count(passed, written)
        return [_said(one, entry) for one, entry in zip(written, passed, strict=True)]

    def _check(self, entries: Entries) -> None:
        for number, entry in enumerate(entries):
            if isinstance(entry, Delete):
                continue
            try:
                for check in self.checks:
                    check(entry.resource)
            except MihubError as error:
                error.where = f"entry {number}, {error.where}"
                raise

    def _count(self, passed: Sequence[Put | Delete], written: Sequence[Written]) -> None:
        stored = {number for number, one in enumerate(written) if one.effect in _STORED}
        for number, verdict in verdicts(passed):
            if number in stored:
                self.tally.stored(verdict, written[number])
        if not stored:
            return
        try:
            self.quarantine.accepted(
                [f"{written[number].resource_type}/{written[number].id}" for number in sorted(stored)]
            )
        except (StorageFull, Unavailable):
            # The record is written and acknowledged; what waits stays waiting, and the next write is told.
            return
        except MihubError as error:
            log.warning("quarantine-not-settled", error=type(error).__name__)

    def read(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> Version | None:
        """See `Store.read`."""
        return self.inner.read(resource_type, resource_id, access, within)

    def vread(
        self,
        resource_type: str,
        resource_id: str,
        version_id: int,
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Version | None:
        """See `Store.vread`."""
        return self.inner.vread(resource_type, resource_id, version_id, access, within)

    def history(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> list[Version]:
        """See `Store.history`."""
        return self.inner.history(resource_type, resource_id, access, within)

    def history_page(
        self, query: HistoryQuery, access: Access, within: Restriction = EVERYTHING
    ) -> HistoryPage:
        """See `Store.history_page`."""
        return self.inner.history_page(query, access, within)

    def labels(
        self,
        resource_type: str,
        parameters: Mapping[int, str],
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Labels:
        """See `Store.labels`."""
        return self.inner.labels(resource_type, parameters, access, within)

    def audit(self, query: AuditQuery, access: Access, within: Restriction = EVERYTHING) -> list[AuditEntry]:
        """See `Store.audit`."""
        return self.inner.audit(query, access, within)

    def note(self, notes: Sequence[Note], access: Access) -> None:
        """See `Audit.note`."""
        self.inner.note(notes, access)

    def position(self) -> int:
        """See `Store.position`."""
        return self.inner.position()

    def changes(self, after: int, limit: int) -> list[Version]:
        """See `Store.changes`."""
        return self.inner.changes(after, limit)

    def check(self, resource: Resource) -> None:
        """See `Store.check`."""
        self.inner.check(resource)

    def counts(self) -> dict[str, int]:
        """See `Store.counts`."""
        return self.inner.counts()

    def close(self) -> None:
        """See `Store.close`."""
        self.tally.flush_if_possible()
        self.inner.close()


def _resource(entry: Put | Delete) -> Resource:
    return entry.resource if isinstance(entry, Put) else {}


def _said(written: Written, entry: Put | Delete) -> Written:
    if not isinstance(entry, Judged):
        return written
    return Stored(
        written.resource_type, written.id, written.version_id, written.effect, written.version, entry.verdict
    )
