"""The site's own record as `stored.Record`: which terminology resources it holds now, and whether that changed.

Reads only CodeSystem, ValueSet and ConceptMap, in the name of the site itself; each listing leaves its line in the audit.
Above: `site.site`. Below: `site.search`, the store's change log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from mihub.core.fhir import Resource
from mihub.core.policy.actor import Access, Actor, MemberId, Purpose, Role
from mihub.site.search.parse import Parser
from mihub.site.search.protocol import Search
from mihub.site.store.protocol import Store
from mihub.site.terminology.stored import TYPES

_PAGE = "200"


class SiteRecord:
    """Implements `stored.Record`."""

    def __init__(self, store: Store, search: Search, parser: Parser, member: MemberId) -> None:
        self._store = store
        self._search = search
        self._parser = parser
        actor = Actor("site-terminology", "mihub site terminology", Role.SYSTEM, member)
        self._access = Access(actor, Purpose.OPERATIONS)

    def position(self) -> int:
        """See `stored.Record`."""
        return self._store.position()

    def current(self) -> Sequence[Resource]:
        """See `stored.Record`. Types that are not there are not searched for, and leave no line in the audit."""
        there = self._store.counts()
        return [resource for name in TYPES if there.get(name) for resource in self._all(name)]

    def _all(self, resource_type: str) -> list[Resource]:
        question = self._parser.parse(resource_type, [("_count", _PAGE)])
        found: list[Resource] = []
        while True:
            page = self._search.find(question, self._access)
            found += [orjson.loads(version.body) for version in page.matches if version.body is not None]
            if page.after is None:
                return found
            question = replace(question, after=page.after)

    def touched(self, after: int, limit: int) -> bool:
        """See `stored.Record`."""
        return any(version.resource_type in TYPES for version in self._store.changes(after, limit))
