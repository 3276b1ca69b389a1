"""A dry run: says what writing would do and writes nothing. Agrees with the store on "created", "updated",
"unchanged".

Keeps a fingerprint of each resource it was given, and the content of the few kinds that the import reads
back. Above: `importer`. Below: the `RecordWriter` that it only reads from.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from mihub.core.fhir import Resource
from mihub.site.ingest.fhir_resource import canonical_bytes
from mihub.site.ingest.protocol import RecordWriter
from mihub.site.store.protocol import Delete, Effect, Put, Written

# What the import of oBDS reports reads back: who the patient is and what an earlier report wrote.
READ_BACK: Final = frozenset({"Patient", "Provenance"})
_GONE: Final = b""


class Rehearsal:
    """A `RecordWriter` whose writes only count."""

    def __init__(self, record: RecordWriter) -> None:
        self._record = record
        self._prints: dict[tuple[str, str], bytes] = {}
        self._bodies: dict[tuple[str, str], Resource | None] = {}

    def write(self, entries: Sequence[Put | Delete]) -> list[Written]:
        """What the store would answer. Raises what it would raise because of a content."""
        self._look_up(entries)
        for entry in entries:
            if isinstance(entry, Put) and not self._is_known(entry):
                self._record.check(entry.resource)
        return [self._delete(entry) if isinstance(entry, Delete) else self._put(entry) for entry in entries]

    def check(self, resource: Resource) -> None:
        """Raises what a write would raise because of the content."""
        self._record.check(resource)

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        """The content as it would be."""
        key = (resource_type, resource_id)
        return self._bodies[key] if key in self._bodies else self._record.current(resource_type, resource_id)

    def current_many(self, resource_type: str, ids: Sequence[str]) -> dict[str, Resource]:
        """The contents as they would be."""
        found = self._record.current_many(resource_type, ids)
        for one in ids:
            if (resource_type, one) in self._bodies:
                found.pop(one, None)
                body = self._bodies[resource_type, one]
                if body is not None:
                    found[one] = body
        return found

    def with_identifiers(self, resource_type: str, system: str, values: Sequence[str]) -> list[Resource]:
        """What the store holds now; what this run would add is known to the importer."""
        return self._record.with_identifiers(resource_type, system, values)

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        """What the store holds now; what this run would add is known to the importer."""
        return self._record.find(resource_type, system, value)

    def _is_known(self, entry: Put) -> bool:
        """Nothing would be written: the content is there, or anything is and that suffices."""
        old = self._prints[key_of(entry)]
        return old == _print(entry.resource) or (entry.if_absent and old != _GONE)

    def _put(self, entry: Put) -> Written:
        key = key_of(entry)
        new, old = _print(entry.resource), self._prints[key]
        effect: Effect = (
            "created" if old == _GONE else "unchanged" if entry.if_absent or old == new else "updated"
        )
        if effect != "unchanged":
            self._keep(key, new, entry.resource)
        return Written(*key, version_id=0, effect=effect)

    def _delete(self, entry: Delete) -> Written:
        key = key_of(entry)
        effect: Effect = "unchanged" if self._prints[key] == _GONE else "deleted"
        self._keep(key, _GONE, None)
        return Written(*key, version_id=0, effect=effect)

    def _look_up(self, entries: Sequence[Put | Delete]) -> None:
        """Fingerprints of what the store holds, with one question for each type."""
        unknown: dict[str, list[str]] = {}
        for entry in entries:
            key = key_of(entry)
            if key not in self._prints:
                self._prints[key] = _GONE
                unknown.setdefault(key[0], []).append(key[1])
        for resource_type, ids in unknown.items():
            for one, current in self._record.current_many(resource_type, ids).items():
                self._prints[resource_type, one] = _print(current)

    def _keep(self, key: tuple[str, str], fingerprint: bytes, body: Resource | None) -> None:
        self._prints[key] = fingerprint
        if key[0] in READ_BACK:
            self._bodies[key] = body


def key_of(entry: Put | Delete) -> tuple[str, str]:
    """Type and id of what an entry writes."""
    if isinstance(entry, Delete):
        return entry.resource_type, entry.id
    return str(entry.resource["resourceType"]), str(entry.resource["id"])


def _print(resource: Resource) -> bytes:
    return blake2b(canonical_bytes(resource), digest_size=16).digest()
