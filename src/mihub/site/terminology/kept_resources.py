"""Resources that clients send once and name later by a `cache-id`: bounded, forgotten when others need the room.

Only canonical resources of terminology, never patient data; nothing is written. Source: the terminology ecosystem's
`cache-id`. Above: `terminology`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from mihub.core.fhir import Resource

_CLIENTS: Final = 64
_RESOURCES_EACH: Final = 500


class KeptResources:
    """The last clients' resources; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_id: OrderedDict[str, dict[tuple[str, str, str], Resource]] = OrderedDict()

    def add(self, cache_id: str, resources: Sequence[Resource]) -> Sequence[Resource]:
        """Keep these too; everything kept under this id, the newest of one canonical only."""
        with self._lock:
            kept = self._by_id.setdefault(cache_id[:128], {})
            self._by_id.move_to_end(cache_id[:128])
            for one in resources:
                key = (one["resourceType"], str(one.get("url", "")), str(one.get("version", "")))
                kept.pop(key, None)
                kept[key] = one
            while len(kept) > _RESOURCES_EACH:
                del kept[next(iter(kept))]
            while len(self._by_id) > _CLIENTS:
                self._by_id.popitem(last=False)
            return list(kept.values())
