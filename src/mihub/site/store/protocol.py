"""The seam of the record store: what an engine must do. `memory` is the reference, `postgres` the product.

Everything written goes through `write`: resource version, search index, change log and audit in one transaction.
Everything read names an access. Callers are `site.api` and `site.ingest` (writing) and `site.search`, `site.facts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access

Effect = Literal["created", "updated", "unchanged", "deleted"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one resource. `body` is the stored JSON, returned untouched; `None` when this version deleted it."""

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
    """What one entry did. "unchanged" when the content equals the current version: no new version is made."""

    resource_type: str
    id: str
    version_id: int
    effect: Effect


class Store(Protocol):
    """Synchronous; web handlers call it in a thread."""

    def write(self, entries: Sequence[Put | Delete], access: Access) -> list[Written]:
        """All entries or none, in order, durable when it returns. Raises `PreconditionFailed`, `StorageFull`."""
        ...

    def read(self, resource_type: str, resource_id: str, access: Access) -> Version | None:
        """The current version (also a deleting one), or None. The access is audited before this returns."""
        ...

    def history(self, resource_type: str, resource_id: str, access: Access) -> list[Version]:
        """All versions, newest first; empty when never there."""
        ...

    def position(self) -> int:
        """The newest position of the change log; 0 for an empty store."""
        ...

    def changes(self, after: int, limit: int) -> list[Version]:
        """Versions with a position greater than `after`, oldest first. For projections inside the site only."""
        ...

    def close(self) -> None:
        """Give back connections. Nothing acknowledged is lost without it."""
        ...
