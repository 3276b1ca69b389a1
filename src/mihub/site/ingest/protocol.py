"""The seam to the record store: the little that an import needs. `StoreWriter` fits it to
`site.store.protocol.Store`.

Tests use a small one in memory. Synchronous, like the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mihub.core.fhir import Resource
from mihub.site.store.protocol import Delete, Put, Written


class RecordWriter(Protocol):
    """Errors are those of `mihub.errors`.

    `StorageFull` and `Unavailable` end an import, others reject a record.
    """

    def write(self, entries: Sequence[Put | Delete]) -> list[Written]:
        """All entries or none, in order, durable when it returns."""
        ...

    def check(self, resource: Resource) -> None:
        """Raises what `write` would raise because of the content of this resource; writes nothing."""
        ...

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        """The current content, or None when it is not there or deleted."""
        ...

    def current_many(self, resource_type: str, ids: Sequence[str]) -> dict[str, Resource]:
        """The current contents by id; what is not there is left out. One question for all of them."""
        ...

    def with_identifiers(self, resource_type: str, system: str, values: Sequence[str]) -> list[Resource]:
        """All resources with one of these identifiers. One question for all of them."""
        ...

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        """The ids of the resources with this identifier; empty when there is none."""
        ...
