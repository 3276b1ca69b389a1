"""Fits a record store to what the importer needs: one access for all it does, reading ahead by search.

Above: `site.site` opens it. Below: `site.store.protocol`; the searches are given, because search is another
room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import orjson

from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.site.ingest.fhir_resource import MEDICAL_RECORD, identifiers
from mihub.site.search.parse import Parser
from mihub.site.search.protocol import Search
from mihub.site.store.protocol import Delete, Put, Store, Written

# Type, system, value -> ids of the resources that carry this identifier.
FindByIdentifier = Callable[[str, str, str], list[str]]
# Type, parameter (`_id` or `identifier`), values -> the resources for which one of the values holds.
ReadMany = Callable[[str, str, Sequence[str]], list[Resource]]
_VALUES_PER_QUESTION: Final = 100


def import_access(member: MemberId, who: str = "import") -> Access:
    """The access under which files enter a site: record management by the site itself."""
    actor = Actor(id=who, name="Import", role=Role.SYSTEM, organization=member)
    return Access(actor=actor, purpose=Purpose.RECORD_MANAGEMENT)


def search_reader(search: Search, parser: Parser, access: Access) -> ReadMany:
    """Reads many resources by one search instead of one read each; the audit has a line for each patient."""

    def read_many(resource_type: str, parameter: str, values: Sequence[str]) -> list[Resource]:
        found: list[Resource] = []
        for some in _portions(values):
            asked = [(parameter, ",".join(some)), ("_count", str(_VALUES_PER_QUESTION))]
            question = parser.parse(resource_type, asked)
            while True:
                page = search.find(question, access)
                found += [orjson.loads(version.body) for version in page.matches if version.body is not None]
                if page.after is None:
                    break
                question = replace(question, after=page.after)
        return found

    return read_many


def escaped(value: str) -> str:
    """A value as it stands in a search (https://hl7.org/fhir/R4/search.html#escaping)."""
    for sign in ("\\", ",", "|", "$"):
        value = value.replace(sign, f"\\{sign}")
    return value


class StoreWriter:
    """A `RecordWriter` over a `Store`. With `read_many` an import of reports asks once for many patients."""

    def __init__(
        self, store: Store, access: Access, find: FindByIdentifier, read_many: ReadMany | None = None
    ) -> None:
        self._store = store
        self._access = access
        self._find = find
        self._read_many = read_many

    def write(self, entries: Sequence[Put | Delete]) -> list[Written]:
        """All entries or none."""
        return self._store.write(entries, self._access)

    def check(self, resource: Resource) -> None:
        """Raises what a write would raise because of the content."""
        self._store.check(resource)

    def current(self, resource_type: str, resource_id: str) -> Resource | None:
        """The current content, or None."""
        version = self._store.read(resource_type, resource_id, self._access)
        if version is None or version.body is None:
            return None
        body: Resource = orjson.loads(version.body)
        return body

    def current_many(self, resource_type: str, ids: Sequence[str]) -> dict[str, Resource]:
        """The current contents by id."""
        if self._read_many is not None:
            return {str(found["id"]): found for found in self._read_many(resource_type, "_id", ids)}
        read = {one: self.current(resource_type, one) for one in ids}
        return {one: resource for one, resource in read.items() if resource is not None}

    def with_identifiers(self, resource_type: str, system: str, values: Sequence[str]) -> list[Resource]:
        """All resources with one of these identifiers."""
        if self._read_many is not None:
            prefix = "" if system == MEDICAL_RECORD else f"{escaped(system)}|"
            return self._read_many(resource_type, "identifier", [prefix + escaped(one) for one in values])
        ids = {found for value in values for found in self._find(resource_type, system, value)}
        return list(self.current_many(resource_type, sorted(ids)).values())

    def find(self, resource_type: str, system: str, value: str) -> list[str]:
        """The ids of the resources with this identifier."""
        if system != MEDICAL_RECORD:
            return self._find(resource_type, system, value)
        found = self.with_identifiers(resource_type, system, [value])
        return [str(one["id"]) for one in found if (system, value) in identifiers(one)]


def _portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), _VALUES_PER_QUESTION):
        yield values[start : start + _VALUES_PER_QUESTION]
