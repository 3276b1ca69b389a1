"""Which events somebody may be told of at this moment, and the notification that tells them; with its lines in the audit.

The one place where content leaves by a subscription. Asked at each attempt, because a right can end while an event
waits. Above: `dispatcher`, websockets, $events. Below: `filters`, `versions`, `notification`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.site.store.protocol import Audit, Note
from mihub.site.store.rows import Indexer
from mihub.site.subscriptions.filters import Filters
from mihub.site.subscriptions.kept import Event
from mihub.site.subscriptions.notification import Told
from mihub.site.subscriptions.versions import Versions

_FACTS: Final = {"create": "C", "update": "U", "leave": "U", "delete": "D"}


@dataclass(frozen=True, slots=True)
class Permitted:
    """`told` may be told, `withheld` are the numbers of those that may not."""

    told: tuple[Told, ...]
    withheld: tuple[int, ...]
    notes: tuple[Note, ...]


class Telling:
    """`within`: what an access may read today."""

    def __init__(
        self, versions: Versions, index: Indexer, within: Callable[[Access], Restriction], audit: Audit
    ) -> None:
        self._versions, self._index, self._within, self._audit = versions, index, within, audit

    def permitted(self, events: Sequence[Event], access: Access, content: str, interaction: str) -> Permitted:
        """Sorted by what `access` may read today; the notes are not kept yet."""
        within, filters = self._within(access), Filters(self._index, self._versions)
        told, withheld, notes = [], [], []
        for event in events:
            found = self._one(event, within, filters, content)
            if found is None:
                withheld.append(event.number)
                continue
            one, patients = found
            told.append(one)
            notes += [Note("R", interaction, event.type, event.id, patient) for patient in patients or ("",)]
        return Permitted(tuple(told), tuple(withheld), tuple(notes))

    def note(self, notes: Sequence[Note], access: Access) -> None:
        """Keep the lines, before anything leaves."""
        if notes:
            self._audit.note(notes, access)

    def _one(
        self, event: Event, within: Restriction, filters: Filters, content: str
    ) -> tuple[Told, tuple[str, ...]] | None:
        shown = event.version_id - 1 if event.effect == "delete" else event.version_id
        version = self._versions.one(event.type, event.id, shown)
        current = self._versions.current(event.type, event.id)
        if version is None or current is None or not filters.met(version, (), within):
            return None
        # Where it is today counts as much as where it was: a resource can change its patient.
        if current.body is not None and not filters.met(current, (), within):
            return None
        body = version.body if content == "full-resource" and event.effect != "delete" else None
        return Told(event, body), filters.patients(version)
