"""The Parquet files of the facts, and the manifest that says which of them count.

A segment is written whole, made durable and then named by the manifest, which is replaced in one rename: a
crash leaves the old state or the new one. Files that no manifest names are removed. Never edits a file.
Above: `table`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.errors import StorageFull
from mihub.site.facts.columns import FORMAT

_MANIFEST: Final = "manifest.json"
PARTS: Final = ("facts", "changed", "consents")


@dataclass(frozen=True, slots=True)
class Segment:
    """One generation of files: what changed, its facts and its Consents. `rows` counts the facts."""

    number: int
    rows: int
    changed: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The segments that count, oldest first, and the position of the change log they were made at."""

    position: int = 0
    segments: tuple[Segment, ...] = ()

    @property
    def next_number(self) -> int:
        return self.segments[-1].number + 1 if self.segments else 1


class SegmentFolder:
    """A folder of segments. A missing, foreign or damaged manifest reads as empty: facts can be rebuilt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, part: str, number: int) -> Path:
        """Where a part (`facts`, `changed`, `consents`) of a segment lies."""
        return self.folder / f"{part}-{number:08d}.parquet"

    def read(self) -> Manifest:
        """The current manifest."""
        try:
            body = orjson.loads((self.folder / _MANIFEST).read_bytes())
            if body["format"] != FORMAT:
                return Manifest()
            manifest = Manifest(body["position"], tuple(Segment(**one) for one in body["segments"]))
        except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
            return Manifest()
        whole = all(self.path(part, one.number).is_file() for one in manifest.segments for part in PARTS)
        return manifest if whole else Manifest()

    def publish(self, manifest: Manifest) -> None:
        """Make this the current manifest, durable when it returns; then drop files that it does not name."""
        body = {
            "format": FORMAT,
            "position": manifest.position,
            "segments": [asdict(one) for one in manifest.segments],
        }
        self.write(self.folder / _MANIFEST, lambda path: _write_bytes(path, orjson.dumps(body)))
        named = {self.path(part, one.number) for one in manifest.segments for part in PARTS}
        for path in self.folder.glob("*.parquet*"):
            if path not in named:
                path.unlink(missing_ok=True)

    def write(self, path: Path, fill: Callable[[Path], object]) -> None:
        """Fill a file beside its place, make it durable and move it there. Raises `StorageFull`."""
        beside = path.with_name(path.name + ".part")
        with _full_disk_named():
            try:
                fill(beside)
                _sync(beside)
                beside.replace(path)
                _sync(self.folder)
            finally:
                beside.unlink(missing_ok=True)

    def write_table(self, part: str, number: int, table: Any) -> None:
        """Write one Arrow table as a part of a segment."""
        import pyarrow as pa
        from pyarrow import parquet

        self.write(self.path(part, number), lambda path: parquet.write_table(table, path, compression="zstd"))
        pa.default_memory_pool().release_unused()


def _write_bytes(path: Path, body: bytes) -> None:
    path.write_bytes(body)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StorageFull(
            "The disk is full; the facts stay as they were and nothing was half-written.",
            where="facts folder",
            next_step="Make room; the facts catch up by themselves.",
        ) from error
