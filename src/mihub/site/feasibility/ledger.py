"""The overlap ledger in files: one a project, one line a release, durable before an answer leaves.

A torn last line was never answered and is dropped; any other damage makes the ledger refuse, because a
forgotten release could be differenced. Holds keyed tags, no patient ids. Implements
`core.disclosure.ledger.Ledger`.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import orjson

from mihub.core.disclosure.ledger import Release
from mihub.errors import StorageFull, Unavailable


class FileLedger:
    """A folder of its own, used by one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, list[Release]] = {}

    def released(self, project: str) -> Sequence[Release]:
        """See `Ledger.released`. Raises `Unavailable` when a line can not be read."""
        if project not in self._known:
            self._known[project] = self._read(self._path(project))
        return tuple(self._known[project])

    def record(self, project: str, release: Release) -> None:
        """See `Ledger.record`. Raises `StorageFull`; then nothing was released."""
        self.released(project)
        path = self._path(project)
        try:
            self._append(path, _line(release))
        except OSError as error:
            # The file may hold half a line now: read it again before the next use.
            del self._known[project]
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise StorageFull(
                "The disk is full, so that this count can not be remembered and does not leave.",
                where="overlap ledger",
                next_step="Make room and ask again.",
            ) from error
        self._known[project].append(release)

    def _path(self, project: str) -> Path:
        return self._folder / f"{hashlib.sha256(project.encode()).hexdigest()[:32]}.jsonl"

    def _append(self, path: Path, line: bytes) -> None:
        new = not path.exists()
        with path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if new:
            _sync_folder(self._folder)

    def _read(self, path: Path) -> list[Release]:
        if not path.exists():
            return []
        whole, _, torn = path.read_bytes().rpartition(b"\n")
        if torn:
            _cut(path, len(whole) + 1 if whole else 0)
        return [_release(line, path, number) for number, line in enumerate(whole.splitlines(), start=1)]


def _line(release: Release) -> bytes:
    tags = sorted(release.people)
    packed = base64.b64encode(struct.pack(f"<{len(tags)}Q", *tags)).decode()
    return orjson.dumps({"query": release.query, "value": release.value, "people": packed}) + b"\n"


def _release(line: bytes, path: Path, number: int) -> Release:
    try:
        body = orjson.loads(line)
        packed = base64.b64decode(body["people"], validate=True)
        people = frozenset(struct.unpack(f"<{len(packed) // 8}Q", packed))
        return Release(str(body["query"]), people, int(body["value"]))
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise Unavailable(
            "The memory of released counts is damaged, so that no count can leave for this project.",
            where=f"{path.name}, line {number}",
            rule="overlap ledger",
            next_step="Restore the file from the backup, or close the project and open a new one.",
        ) from error


def _cut(path: Path, size_bytes: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size_bytes)
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
