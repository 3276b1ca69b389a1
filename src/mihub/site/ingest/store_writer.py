"""Fits a record store to what the importer needs: one access for all it does, identifiers found through the
search.

Above: `site.site` opens it. Below: `site.store.protocol`; the lookup is given, because search is another
room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson

from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.site.store.protocol import Delete, Put, Store, Written

# Type, system, value -> ids of the resources that carry this identifier.
FindByIdentifier = Callable[[str, str, str], list[str]]


def import_access(member: MemberId, who: str = "import") -> Access:
    """The access under which files enter a site: record management by the site itself."""
    actor = Actor(id=who, name="Import", role=Role.SYSTEM, organization=member)
    return Access(actor=actor, purpose=Purpose.RECORD_MANAGEMENT)


class StoreWriter:
    """A `RecordWriter` over a `Store`."""

    def __init__(self, store: Store, access: Access, find: FindByIdentifier) -> None:
        self._store = store
        self._access = access
        self._find = find

    def write(self, entries: Sequence[Put | Delete]) -> list[Written]:
        """All entries or none."""
        return self._store.write(entries, self._access)

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        """The current content, or None."""
        version = self._store.read(resource_type, resource_id, self._access)
        if version is None or version.body is None:
            return None
        body: Resource = orjson.loads(version.body)
        return body

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        """The ids of the resources with this identifier."""
        return self._find(resource_type, system, value)
