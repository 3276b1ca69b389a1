"""The door of the room: facts that follow the store, and one engine that asks them.

The store is the truth; everything here can be rebuilt from its change log. One lock keeps an answer and its
position together. Above: `site.consent`, `site.feasibility`. Below: `extract`, `segments`, `engine`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from mihub.core.fhir import Resource
from mihub.core.query.facts import Fact
from mihub.site.facts.columns import table_of
from mihub.site.facts.engine import DuckEngine
from mihub.site.facts.extract import facts_of
from mihub.site.facts.segments import Manifest, Segment, SegmentFolder
from mihub.site.store.protocol import Version

_BATCH: Final = 2_000
# Rows kept in memory before a segment is written: some 30 MB.
_SEGMENT_ROWS: Final = 50_000
# More small segments, or more superseded rows than this, are merged into one sorted base.
_SEGMENTS: Final = 8
_STALE_SHARE: Final = 0.2


class ChangeLog(Protocol):
    """What facts need of a store; `site.store.protocol.Store` has it."""

    def position(self) -> int:
        """The newest position."""
        ...

    def changes(self, after: int, limit: int) -> list[Version]:
        """Versions after a position, oldest first."""
        ...


@dataclass(slots=True)
class _Pending:
    """Resources seen since the last segment; a later version replaces an earlier one."""

    facts: dict[str, list[Fact]] = field(default_factory=dict)
    consents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    rows: int = 0

    def add(self, version: Version) -> None:
        key = f"{version.resource_type}/{version.id}"
        self.rows -= len(self.facts.get(key, ()))
        self.consents.pop(key, None)
        resource: Resource = orjson.loads(version.body) if version.body else {}
        found = facts_of(resource) if version.body else []
        self.facts[key] = found
        self.rows += len(found)
        if version.body and version.resource_type == "Consent":
            self.consents[key] = (_patient_of(resource), version.body)


class FactTable:
    """The facts of one site. Make it with a folder of its own and the site's store."""

    def __init__(self, folder: Path, log: ChangeLog) -> None:
        self._log = log
        self._segments = SegmentFolder(folder)
        self._lock = threading.RLock()
        self._manifest = self._segments.read()
        self._engine = DuckEngine(self._segments)
        self._engine.use(self._manifest)

    @property
    def position(self) -> int:
        """The position of the change log that answers stand at; 0 before the first refresh."""
        return self._manifest.position

    @contextmanager
    def asking(self) -> Iterator[DuckEngine]:
        """The engine, at one position for the length of the block; other askers and refreshes wait."""
        with self._lock:
            yield self._engine

    def refresh(self) -> int:
        """Take in what the store committed since the last time; returns the new position.

        A store that is behind the facts is another store: everything is rebuilt.
        """
        with self._lock:
            if self._log.position() < self._manifest.position:
                return self.rebuild()
            self._follow()
            self._merge_if_worth()
            return self._manifest.position

    def rebuild(self) -> int:
        """Forget all facts and read the whole change log again."""
        with self._lock:
            self._publish(Manifest())
            self._follow()
            self._merge_if_worth()
            return self._manifest.position

    def close(self) -> None:
        """Give memory back; the files stay."""
        with self._lock:
            self._engine.close()

    def _follow(self) -> None:
        pending, position = _Pending(), self._manifest.position
        while versions := self._log.changes(position, _BATCH):
            for version in versions:
                pending.add(version)
            position = versions[-1].position
            if pending.rows >= _SEGMENT_ROWS:
                self._append(pending, position)
                pending = _Pending()
        if position > self._manifest.position:
            self._append(pending, position)

    def _append(self, pending: _Pending, position: int) -> None:
        number = self._manifest.next_number
        rows = [fact for facts in pending.facts.values() for fact in facts]
        self._segments.write_table("facts", number, table_of(rows, segment=number))
        self._segments.write_table("changed", number, _changed_table(list(pending.facts), number))
        self._segments.write_table("consents", number, _consent_table(pending.consents, number))
        segment = Segment(number, len(rows), len(pending.facts))
        self._publish(Manifest(position, (*self._manifest.segments, segment)))

    def _merge_if_worth(self) -> None:
        segments = self._manifest.segments
        later = sum(one.rows for one in segments[1:])
        if len(segments) < 2 or (len(segments) <= _SEGMENTS and later <= _STALE_SHARE * segments[0].rows):
            return
        number = self._manifest.next_number
        rows = self._engine.merge("facts", number)
        self._engine.merge("consents", number)
        self._segments.write_table("changed", number, _changed_table([], number))
        self._publish(Manifest(self._manifest.position, (Segment(number, rows, 0),)))

    def _publish(self, manifest: Manifest) -> None:
        self._segments.publish(manifest)
        self._manifest = manifest
        self._engine.use(manifest)


def _patient_of(consent: Resource) -> str:
    patient = consent.get("patient")
    reference = patient.get("reference") if isinstance(patient, dict) else None
    return str(reference or "").rpartition("Patient/")[2].partition("/")[0]


def _changed_table(resources: Sequence[str], number: int) -> Any:
    import pyarrow as pa

    segment = pa.array([number] * len(resources), pa.int32())
    return pa.table({"resource": pa.array(resources, pa.string()), "segment": segment})


def _consent_table(consents: dict[str, tuple[str, bytes]], number: int) -> Any:
    import pyarrow as pa

    return pa.table(
        {
            "resource": pa.array(list(consents), pa.string()),
            "patient": pa.array([patient for patient, _ in consents.values()], pa.string()),
            "body": pa.array([body.decode() for _, body in consents.values()], pa.string()),
            "segment": pa.array([number] * len(consents), pa.int32()),
        }
    )
