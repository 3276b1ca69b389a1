"""A record in memory for tests of the import: complete, simple, and it can be told to fail."""

from __future__ import annotations

from collections.abc import Sequence

from mihub.core.fhir import Resource
from mihub.errors import MihubError
from mihub.site.ingest.fhir_resource import canonical_bytes, identifiers
from mihub.site.store.protocol import Delete, Effect, Put, Written


class MemoryRecord:
    """A `RecordWriter`.

    `fail_at`: the resource count at which `failure` is raised, nothing of that batch kept.
    """

    def __init__(self, failure: MihubError | None = None, fail_at: int = 0) -> None:
        self.resources: dict[tuple[str, str], Resource] = {}
        self.writes = 0
        self.versions = 0
        self._failure, self._fail_at = failure, fail_at

    def write(self, entries: Sequence[Put | Delete]) -> list[Written]:
        """All or none."""
        self.writes += 1
        before, versions = dict(self.resources), self.versions
        written = [
            self._delete(entry) if isinstance(entry, Delete) else self._put(entry) for entry in entries
        ]
        if self._failure is not None and self.versions >= self._fail_at:
            self.resources, self.versions = before, versions
            raise self._failure
        return written

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        """The current content."""
        return self.resources.get((resource_type, resource_id))

    def current_many(self, resource_type: str, ids: Sequence[str]) -> dict[str, Resource]:
        """The current contents by id."""
        return {
            one: self.resources[resource_type, one] for one in ids if (resource_type, one) in self.resources
        }

    def check(self, resource: Resource) -> None:
        """Takes every content."""

    def with_identifiers(self, resource_type: str, system: str, values: Sequence[str]) -> list[Resource]:
        """All with one of these identifiers."""
        found = {one for value in values for one in self.find(resource_type, system, value)}
        return [self.resources[resource_type, one] for one in sorted(found)]

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        """The ids with this identifier."""
        return [
            resource_id
            for (kind, resource_id), resource in self.resources.items()
            if kind == resource_type and (system, value) in set(identifiers(resource))
        ]

    def of(self, resource_type: str, profile: str = "") -> list[Resource]:
        """All resources of a type, or of a profile whose canonical ends like this."""
        return [
            resource
            for (kind, _), resource in sorted(self.resources.items())
            if kind == resource_type
            and any(one.endswith(profile) for one in resource.get("meta", {}).get("profile", [""]))
        ]

    def _put(self, entry: Put) -> Written:
        key = (str(entry.resource["resourceType"]), str(entry.resource["id"]))
        there = self.resources.get(key)
        same = there is not None and canonical_bytes(there) == canonical_bytes(entry.resource)
        effect: Effect = "created" if there is None else "unchanged" if same or entry.if_absent else "updated"
        if effect != "unchanged":
            self.resources[key] = entry.resource
            self.versions += 1
        return Written(*key, version_id=1, effect=effect)

    def _delete(self, entry: Delete) -> Written:
        gone = self.resources.pop((entry.resource_type, entry.id), None)
        self.versions += gone is not None
        return Written(entry.resource_type, entry.id, 1, "unchanged" if gone is None else "deleted")
