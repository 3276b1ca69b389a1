"""The seam of reading a record for views: whole types, as stored, in one consistent state, only what the policy allows.

Who reads is noted for every patient concerned before the first byte is given. `paged` works on any search; `postgres` is
the product. Never reads without an access. Below: `site.search`, `site.store`. Above: `exports`, `site.api`, `apps`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.errors import Forbidden
from mihub.site.search.protocol import Search
from mihub.site.search.question import Condition, DateValue, OfPatient, Question, Updated
from mihub.site.store.protocol import Audit, Note
from mihub.site.views.work import Chunk

CHUNK_BYTES: Final = 1024 * 1024
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Which resources of one type. `patients` None: of everybody; `since`: changed after this moment.

    `interaction` and `names` (of the parameters, never values) go into the audit.
    """

    resource_type: str
    patients: tuple[str, ...] | None = None
    since: datetime | None = None
    interaction: str = "viewdefinition-run"
    names: str = ""


class Snapshot(Protocol):
    """One state of the record; every reading of one run sees the same, where the engine can."""

    def chunks(self, selection: Selection, access: Access, within: Restriction) -> Iterator[Chunk]:
        """The current resources as lines. Raises `Forbidden` when no rule speaks for the type."""
        ...


class Records(Protocol):
    """Opens snapshots."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Closed with the block."""
        ...


def check_allowed(selection: Selection, access: Access, within: Restriction, audit: Audit) -> None:
    """Raises `Forbidden`, after it was noted, when no rule speaks for the type."""
    if within.names(selection.resource_type):
        return
    audit.note(
        [
            Note(
                "E",
                selection.interaction,
                selection.resource_type,
                outcome="4",
                count=0,
                parameters=selection.names,
            )
        ],
        access,
    )
    raise Forbidden(
        f"This role may not read whole tables of {selection.resource_type} here.",
        rule="access rules (docs/reference/roles.md)",
        next_step="Sign in with a role that may, or ask the organisation.",
    )


def joined(bodies: Iterator[bytes]) -> Iterator[Chunk]:
    """Stored JSON, which holds no line feed, as chunks of lines."""
    kept: list[bytes] = []
    size, first = 0, 1
    for body in bodies:
        kept.append(body)
        size += len(body)
        if size >= CHUNK_BYTES:
            yield Chunk(b"\n".join(kept), "", first)
            first += len(kept)
            kept, size = [], 0
    if kept:
        yield Chunk(b"\n".join(kept), "", first)


class PagedRecords:
    """Any search, page by page: complete and slow. A page is a state of its own."""

    def __init__(self, search: Search, audit: Audit) -> None:
        self._search = search
        self._audit = audit

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See `Records.snapshot`."""
        yield self

    def chunks(self, selection: Selection, access: Access, within: Restriction) -> Iterator[Chunk]:
        """See `Snapshot.chunks`. The search notes the patients of every page."""
        check_allowed(selection, access, within, self._audit)
        return joined(self._bodies(selection, access, within))

    def _bodies(self, selection: Selection, access: Access, within: Restriction) -> Iterator[bytes]:
        seen: set[str] = set()
        for patient in (None,) if selection.patients is None else selection.patients:
            for key, body in self._of(selection, patient, access, within):
                if key not in seen:
                    # Who belongs to several patients comes once.
                    if selection.patients is not None:
                        seen.add(key)
                    yield body

    def _of(
        self, selection: Selection, patient: str | None, access: Access, within: Restriction
    ) -> Iterator[tuple[str, bytes]]:
        conditions: list[Condition] = [] if patient is None else [OfPatient(patient)]
        if selection.since is not None:
            # The record knows milliseconds; the moment itself is not after it.
            later = selection.since + timedelta(milliseconds=1)
            conditions.append(Updated((DateValue("sa", later, later),)))
        after: tuple[object, ...] | None = None
        while True:
            question = Question(
                selection.resource_type,
                tuple(conditions),
                count=_PAGE,
                total=False,
                after=after,
                names=selection.names,
            )
            page = self._search.find(question, access, within)
            yield from ((one.id, one.body) for one in page.matches if one.body is not None)
            if page.after is None:
                return
            after = page.after
