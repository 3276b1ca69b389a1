"""One packed part of R4: which resources it holds, and each one's JSON, read no earlier than it is asked for.

Written by `tools/build_r4_index.py`; no other file knows the form: eight bytes of length, a zlib-packed JSON table of
contents, then zlib-packed blocks, each a JSON array of resources. Never holds narrative. Above: `core`.
"""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import Final

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Known

_FOLDER: Final = "data"
_LENGTH_BYTES: Final = 8
# Unpacked blocks kept; a block is 24 to 96 kB of JSON, so a walk over one resource type stays cheap and memory small.
_KEPT_BLOCKS: Final = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where a resource stands: block number and position inside it."""

    block: int
    position: int


@dataclass(slots=True, eq=False)
class PackedPart:
    """One file of the packaged index."""

    name: str
    package: str
    _bytes: bytes = b""
    _contents: list[tuple[Known, Place]] = field(default_factory=list)
    _starts: list[tuple[int, int]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def contents(self) -> list[tuple[Known, Place]]:
        """Everything in the part, in the order of its canonicals."""
        with self._lock:
            if not self._contents:
                self._open()
        return self._contents

    def read(self, place: Place) -> Resource:
        """The resource at a place of `contents()`; others may hold the same object, so nobody changes it."""
        return _block(self, place.block)[place.position]

    def _open(self) -> None:
        packed = resources.files("mihub.core.fhir").joinpath(_FOLDER, f"r4-{self.name}.bin").read_bytes()
        length = int.from_bytes(packed[:_LENGTH_BYTES], "big")
        table = orjson.loads(zlib.decompress(packed[_LENGTH_BYTES : _LENGTH_BYTES + length]))
        offset = _LENGTH_BYTES + length
        for size in table["blocks"]:
            self._starts.append((offset, offset + size))
            offset += size
        self._bytes = packed
        self._contents = [self._entry(*row) for row in table["rows"]]

    def _entry(self, block: int, position: int, *known: str) -> tuple[Known, Place]:
        kind, url, version, identity, name, of_type, derivation = known
        return Known(kind, url, version, self.package, identity, name, of_type, derivation), Place(
            block, position
        )

    def unpack(self, block: int) -> list[Resource]:
        """One block's resources."""
        start, end = self._starts[block]
        found: list[Resource] = orjson.loads(zlib.decompress(self._bytes[start:end]))
        return found


@lru_cache(maxsize=_KEPT_BLOCKS)
def _block(part: PackedPart, block: int) -> list[Resource]:
    return part.unpack(block)
