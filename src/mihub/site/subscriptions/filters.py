"""Does a version of a resource meet a subscription's filters? Asked of the search's own engine, for just this version.

The change log is followed a moment later, when the record may hold a newer version; so the version itself is put before
the engine, and only what its references lead to comes from the record as it is. Above: `follower`. Below: `site.search`.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from mihub import log
from mihub.core.policy.restriction import Restriction
from mihub.errors import MihubError
from mihub.site.search.memory import MemorySearch
from mihub.site.search.question import Question
from mihub.site.store.deciding import Key
from mihub.site.store.memory import MemoryStore, Record
from mihub.site.store.protocol import Version
from mihub.site.store.rows import Indexer
from mihub.site.subscriptions.versions import Versions


class Filters:
    """Remembers what one round has read; make a new one for the next."""

    def __init__(self, index: Indexer, versions: Versions) -> None:
        self._index, self._versions = index, versions
        self._made: dict[tuple[str, str, int], Record | None] = {}

    def met(self, version: Version, questions: Iterable[Question], within: Restriction) -> bool:
        """Does it meet all of them, and may it be seen? A deleted one meets nothing, and neither does a missing one."""
        record = self._record(version)
        if record is None or not within.allows(
            version.resource_type, record.rows.patients, withheld=record.rows.withheld
        ):
            return False
        store = MemoryStore(self._index)
        store.records = _Reached(self)
        store.records[version.resource_type, version.id] = record
        search = MemorySearch(store)
        return all(search.ids(question, within) == [version.id] for question in questions)

    def patients(self, version: Version) -> tuple[str, ...]:
        """The patients in whose compartment the version was."""
        record = self._record(version)
        return record.rows.patients if record is not None else ()

    def current(self, key: Key) -> Record | None:
        """What the record holds now, where a chain leads to it."""
        version = self._versions.current(*key)
        return self._record(version) if version is not None else None

    def _record(self, version: Version) -> Record | None:
        key = (version.resource_type, version.id, version.version_id)
        if key not in self._made:
            self._made[key] = self._read(version)
        return self._made[key]

    def _read(self, version: Version) -> Record | None:
        if version.body is None:
            return None
        try:
            rows = self._index(orjson.loads(version.body))
        except MihubError as error:
            # Stored under older rules; it is found by no search either, and must not stop what comes after it.
            log.warning(
                "a version can not be indexed",
                resource_type=version.resource_type,
                error=type(error).__name__,
            )
            return None
        return Record(1, [version], b"there", rows)


class _Reached(dict[Key, Record]):
    """Holds the one version; what its references name is read when the engine asks for it."""

    def __init__(self, filters: Filters) -> None:
        super().__init__()
        self._filters = filters

    def get(self, key: Key, default: Record | None = None) -> Record | None:  # type: ignore[override]  # one use
        if key in self:
            return self[key]
        # Not kept: only the version itself is listed when the engine goes through all there is.
        return self._filters.current(key) or default
