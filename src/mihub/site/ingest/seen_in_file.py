"""What one file already said about an id, so that an id that means two things in it is refused the second time.

Keeps hashes only: some 200 bytes for each id of the file that is being read. Above: `importer`.
"""

from __future__ import annotations

from mihub.site.ingest.fhir_resource import canonical_bytes
from mihub.site.ingest.records import Accepted
from mihub.site.store.protocol import Put


class SeenInFile:
    """The ids of one file."""

    def __init__(self) -> None:
        self._prints: dict[int, int] = {}

    def clashes(self, record: Accepted) -> bool:
        """Whether the record says something else about an id than an earlier one of this file.

        Remembers it if not.
        """
        new = {
            hash((entry.resource["resourceType"], entry.resource["id"])): hash(
                canonical_bytes(entry.resource)
            )
            for entry in record.entries
            if isinstance(entry, Put)
        }
        if any(self._prints.get(key, fingerprint) != fingerprint for key, fingerprint in new.items()):
            return True
        self._prints.update(new)
        return False
