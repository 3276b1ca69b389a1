"""Which references name a resource that is neither in this run nor in the store: loaded all the same, and
noted.

What was seen is kept as two bits in 16 MiB, so that a run of millions needs no more; a chance collision can
only swallow a note. Above: `importer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mihub.core.fhir.types import RESOURCE_TYPES

_LITERAL: Final = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/.*)?")
_BITS: Final = 1 << 27
# File, line, entry.
Place = tuple[str, int | None, int | None]


class OpenReferences:
    """Fed with what is written and what is referred to; tells what is still open."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen = bytearray(_BITS // 8)
        self._wanted: dict[tuple[str, str], Place] = {}
        self.more = 0

    def written(self, resource_type: str, resource_id: str) -> None:
        """This resource is here."""
        for position in _positions(resource_type, resource_id):
            self._seen[position >> 3] |= 1 << (position & 7)

    def referred(self, literals: tuple[str, ...], place: Place) -> None:
        """What stands at this place refers to these; what is no relative literal reference is left alone."""
        for literal in literals:
            match = _LITERAL.fullmatch(literal)
            if match is None or match[1] not in RESOURCE_TYPES:
                continue
            key = (match[1], match[2])
            if key in self._wanted or self._has_seen(*key):
                continue
            if len(self._wanted) < self._limit:
                self._wanted[key] = place
            else:
                self.more += 1

    def still_open(self) -> Iterator[tuple[str, str, Place]]:
        """Type, id and the first place of what this run did not write."""
        for (resource_type, resource_id), place in self._wanted.items():
            if not self._has_seen(resource_type, resource_id):
                yield resource_type, resource_id, place

    def _has_seen(self, resource_type: str, resource_id: str) -> bool:
        return all(
            self._seen[position >> 3] & (1 << (position & 7))
            for position in _positions(resource_type, resource_id)
        )


def _positions(resource_type: str, resource_id: str) -> tuple[int, int]:
    value = hash((resource_type, resource_id))
    return value & (_BITS - 1), (value >> 32) & (_BITS - 1)
