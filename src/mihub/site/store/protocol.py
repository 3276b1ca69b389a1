"""The seam of the record store: what an engine must do. `memory` is the reference, `postgres` the product.

Everything written goes through `write`: resource version, search index, change log and audit in one
transaction. Everything read names an access. Callers are `site.api` and `site.ingest` (writing) and
`site.search`, `site.facts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from mihub.core.audit.entry import ActionCode, AuditEntry, OutcomeCode
from mihub.core.fhir import Resource
from mihub.core.fhir.dates import Span
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction

Effect = Literal["created", "updated", "unchanged", "deleted"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource. `body` is the stored JSON, returned untouched; `None` when this version
    deleted it.
    """

    resource_type: str
    id: str
    version_id: int
    last_updated: datetime
    position: int  # in the change log: grows by commit, no two alike
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Put:
    """Create or replace at the resource's own type and id.

    `if_match`: the version that must be current. `if_absent`: leave an existing one alone ("unchanged").
    """

    resource: Resource
    if_match: int | None = None
    if_absent: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete; deleting what is not there is "unchanged"."""

    resource_type: str
    id: str
    if_match: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """What one entry did. "unchanged" when the content equals the current version: no new version is made.

    `version` is the version that was made, None when unchanged.
    """

    resource_type: str
    id: str
    version_id: int
    effect: Effect
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One line to be, without time, number and access. `first` and `last` are positions written, 0 for a
    read.
    """

    action: ActionCode
    interaction: str
    resource_type: str
    resource_id: str = ""
    patient: str = ""
    count: int = 1
    outcome: OutcomeCode = "0"
    parameters: str = ""
    first: int = 0
    last: int = 0


Entries = Sequence[Put | Delete]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """`resource_type` "" asks for every type, `resource_id` "" for every resource.

    `since`: not before this moment. `current_in`: only versions that were current at some time from the first moment up to,
    not including, the second. `before`: the position of the last version of the page before. `names`: for the audit.
    """

    resource_type: str = ""
    resource_id: str = ""
    since: datetime | None = None
    current_in: Span | None = None
    count: int = 50
    before: int | None = None
    names: str = ""

    @property
    def interaction(self) -> str:
        """As FHIR names it."""
        if self.resource_id:
            return "history-instance"
        return "history-type" if self.resource_type else "history-system"


@dataclass(frozen=True, slots=True)
class Past:
    """A version, and whether it made the resource: there was none before, or it had been deleted."""

    version: Version
    made: bool


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """`before` leads to the next page, None on the last. `total`: of all pages, None when it would tell of withheld ones.

    `there`: whether the resource that was asked for may be seen at all; always so without an id.
    """

    versions: list[Past]
    total: int | None
    before: int | None
    there: bool = True


@dataclass(frozen=True, slots=True)
class Labels:
    """Profiles, tags and security labels in use, each once, sorted; a label is its system ("" for none) and code."""

    profiles: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    security: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which lines of the audit: by patient, by resource (`Type/id`), by time; newest first, older than
    `before_id`.
    """

    patient: str | None = None
    entity: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    before_id: int | None = None


class Audit(Protocol):
    """What a room needs that gives something away without reading a resource, or refuses before it reads."""

    def note(self, notes: Sequence[Note], access: Access) -> None:
        """Keep lines of the audit, durable when it returns."""
        ...


class Store(Audit, Protocol):
    """Synchronous; web handlers call it in a thread. `within` is what the policy allows this access."""

    def write(
        self, entries: Entries | Callable[[], Entries], access: Access, within: Restriction = EVERYTHING
    ) -> list[Written]:
        """All entries or none, in order, durable when it returns.

        A function instead of entries is called when no other writer can change the record any more: it looks
        up what a conditional create or reference depends on. Raises `PreconditionFailed`, `StorageFull`,
        `Forbidden` for what `within` does not let through, `NotFound` for what it does not let see,
        `InvalidInput` with the entry.
        """
        ...

    def read(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> Version | None:
        """The current version (also a deleting one), or None. The access is audited before this returns."""
        ...

    def vread(
        self,
        resource_type: str,
        resource_id: str,
        version_id: int,
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Version | None:
        """One version, current or old, or None. Whoever may see the current one may see the old ones, but for
        those that were withheld from patients.
        """
        ...

    def history(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> list[Version]:
        """All versions that may be seen, newest first; empty when never there."""
        ...

    def history_page(
        self, query: HistoryQuery, access: Access, within: Restriction = EVERYTHING
    ) -> HistoryPage:
        """A page of the history of a resource, a type or the whole record, newest first; audited like a search."""
        ...

    def labels(
        self,
        resource_type: str,
        parameters: Mapping[int, str],
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Labels:
        """What the current resources of a type ("" for all) are labelled with; audited.

        `parameters`: the index numbers that hold labels, each with `_profile`, `_tag` or `_security`.
        """
        ...

    def audit(self, query: AuditQuery, access: Access, within: Restriction = EVERYTHING) -> list[AuditEntry]:
        """Lines of the audit, newest first; a restriction to one patient shows lines of this patient only."""
        ...

    def position(self) -> int:
        """The newest position of the change log; 0 for an empty store."""
        ...

    def changes(self, after: int, limit: int) -> list[Version]:
        """Versions with a position greater than `after`, oldest first. For projections inside the site only."""
        ...

    def check(self, resource: Resource) -> None:
        """Raises what `write` would raise because of the content of this resource; writes nothing."""
        ...

    def counts(self) -> dict[str, int]:
        """How many current resources of each type; types without one are left out. For the site's own status."""
        ...

    def close(self) -> None:
        """Give back connections. Nothing acknowledged is lost without it."""
        ...
