"""The files of a region, opened once and written as people stream by.

One NDJSON file per member and resource type, numbered so that what others refer to comes first; one oBDS
file per fifty patients of a hospital. Never keeps a person in memory. Above: `region`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import orjson

from mihub.core.fhir import Resource
from mihub.synth.life import Life
from mihub.synth.members import BY_ID
from mihub.synth.obds.document import PATIENTS_PER_FILE, write_document

_FIRST = ("Organization", "Practitioner", "PractitionerRole", "Patient", "Encounter", "Condition")


class RegionFiles:
    """Open files of one region; use as a context manager."""

    def __init__(self, out: Path, today: date) -> None:
        self._out = out
        self._today = today
        self._tumours: dict[str, list[str]] = {}
        self._tumour_files: dict[str, int] = {}
        self._open: dict[tuple[str, str], BinaryIO] = {}
        self._truth: BinaryIO | None = None
        self._people = 0
        self.size_bytes = 0

    def __enter__(self) -> RegionFiles:
        self._out.mkdir(parents=True, exist_ok=True)
        self._truth = (self._out / "truth.json").open("wb")
        self._append(self._truth, b"{\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for member in list(self._tumours):
            self._flush_tumours(member)
        if self._truth:
            self._append(self._truth, b"\n}\n")
            self._truth.close()
        for handle in self._open.values():
            handle.close()

    def _append(self, handle: BinaryIO, content: bytes) -> None:
        handle.write(content)
        self.size_bytes += len(content)

    def write(self, member: str, resource: Resource) -> None:
        """One resource as one line."""
        key = (member, resource["resourceType"])
        handle = self._open.get(key)
        if handle is None:
            handle = self._open[key] = self._open_for(*key)
        self._append(handle, orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))

    def _open_for(self, member: str, resource_type: str) -> BinaryIO:
        folder = self._out / member / "fhir"
        folder.mkdir(parents=True, exist_ok=True)
        rank = _FIRST.index(resource_type) if resource_type in _FIRST else len(_FIRST)
        return (folder / f"{rank}-{resource_type}.ndjson").open("wb", buffering=1 << 16)

    def write_tumour(self, member: str, patient: str) -> None:
        """One Patient element of the hospital's tumour documentation."""
        waiting = self._tumours.setdefault(member, [])
        waiting.append(patient)
        if len(waiting) >= PATIENTS_PER_FILE:
            self._flush_tumours(member)

    def _flush_tumours(self, member: str) -> None:
        waiting = self._tumours.pop(member, [])
        if waiting:
            number = self._tumour_files[member] = self._tumour_files.get(member, 0) + 1
            document = write_document(BY_ID[member], waiting, self._today)
            self.write_document(f"{member}/obds/tumours-{number:04d}.xml", document)

    def remember_person(self, life: Life) -> None:
        """The person's records, one line of truth.json."""
        if self._truth is None:
            raise RuntimeError("RegionFiles is not open: use it in a with statement.")
        records = [[record.member, record.number] for record in life.records]
        name = f"person-{life.person.index:06d}"
        separator = b",\n" if self._people else b""
        self._append(self._truth, separator + orjson.dumps(name) + b": " + orjson.dumps(records))
        self._people += 1

    def write_document(self, name: str, content: bytes) -> None:
        """One whole file in the region's folder."""
        path = self._out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.size_bytes += len(content)
