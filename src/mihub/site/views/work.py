"""One chunk of lines into encoded rows: what every process of a run does.

A line that can not be read is kept aside with its place and the rest goes on; a resource for which the view has no
allowed rows stops the run. Above: `crew`. Below: `encoding`, `core.fhir.views`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.core.fhir.views import Findings, Runner, read
from mihub.core.fhir.views.definition import RowError
from mihub.errors import TooLarge
from mihub.site.views.encoding import encoder
from mihub.site.views.formats import Format
from mihub.site.views.reading import Reader, is_utf8, reader

# Rows encoded at once, and those that one chunk may become.
ROWS_PER_BATCH: Final = 10_000
MAX_ROWS_PER_CHUNK: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines of JSON, one resource each. `first_line` counts from 1; `source` names the file, "" for a record."""

    data: bytes
    source: str = ""
    first_line: int = 1

    @property
    def size_bytes(self) -> int:
        """Of the lines."""
        return len(self.data)

    def text(self) -> tuple[bytes, int]:
        """The lines and the number of the first one."""
        return self.data, self.first_line


@dataclass(frozen=True, slots=True)
class Stretch:
    """A chunk that still lies in a plain file: whole lines from `offset`. Who works on it reads it.

    How many lines stand before it nobody has counted; its lines count from 1.
    """

    path: Path
    offset: int
    size_bytes: int

    @property
    def source(self) -> str:
        """The file's name."""
        return self.path.name

    def text(self) -> tuple[bytes, int]:
        """The lines, counted from 1."""
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(self.size_bytes), 1

    def lines_before(self) -> int:
        """How many lines stand before it, for the one error that ends a run."""
        counted, left = 0, self.offset
        with self.path.open("rb") as stream:
            while left > 0 and (piece := stream.read(min(left, 1024 * 1024))):
                counted += piece.count(b"\n")
                left -= len(piece)
        return counted


AnyChunk = Chunk | Stretch


@dataclass(frozen=True, slots=True)
class Task:
    """What to make of chunks: a ViewDefinition that was checked, and a format."""

    document: dict[str, Any]
    form: Format


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no resource; `text` is kept so that it can be repaired."""

    source: str
    line: int
    reason: str
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """What one chunk became: encoded batches in order.

    `lines`: how many it had, when its lines were counted from 1; 0 when their numbers are those of the source.
    """

    batches: tuple[bytes, ...]
    findings: Findings
    unreadable: tuple[Unreadable, ...] = ()
    source: str = ""
    lines: int = 0


class Worker:
    """Works on one chunk after the other; belongs to one thread."""

    def __init__(self, task: Task) -> None:
        self._view = read(task.document)
        self._encoder = encoder(self._view, task.form)
        self._runner = Runner(self._view)
        self._partly = reader(self._runner.keys) if self._runner.keys else None

    def run(self, chunk: AnyChunk) -> Part:
        """The rows of a chunk. Raises `RowError` with the line, `TooLarge`."""
        self._runner.findings = findings = Findings()
        with _collector_resting():
            text, first = chunk.text()
            # What is passed over is not looked at for broken UTF-8: only where the whole piece is sound.
            partly = self._partly if self._partly and is_utf8(text) else None
            batches, unreadable = self._run(chunk, text, first, partly)
        if isinstance(chunk, Stretch):
            # The whole path: two files of a folder may have one name.
            lines = text.count(b"\n")
            return Part(tuple(batches), findings, tuple(unreadable), str(chunk.path), lines)
        return Part(tuple(batches), findings, tuple(unreadable), chunk.source)

    def _run(
        self, chunk: AnyChunk, text: bytes, first: int, partly: Reader | None
    ) -> tuple[list[bytes], list[Unreadable]]:
        batches: list[bytes] = []
        unreadable: list[Unreadable] = []
        rows: list[tuple[Any, ...]] = []
        loads, rows_of, find = orjson.loads, self._runner.rows, text.find
        # Looked at where they lie: to copy the lines takes a tenth of the time of all the rest.
        whole, begin, size, number = memoryview(text), 0, len(text), first - 1
        while begin < size:
            end = find(b"\n", begin)
            line = whole[begin : end if end >= 0 else size]
            begin, number = end + 1 if end >= 0 else size, number + 1
            try:
                if partly is not None and (known := partly(line)) is not None:
                    rows += rows_of(known, partial(loads, line))
                    if len(rows) >= ROWS_PER_BATCH:
                        self._take(rows, batches)
                    continue
                resource = loads(line)
                if resource.__class__ is not dict or "resourceType" not in resource:
                    unreadable.append(
                        Unreadable(chunk.source, number, "It is not a FHIR resource.", bytes(line))
                    )
                    continue
                rows += rows_of(resource)
            except orjson.JSONDecodeError as error:
                if line and not (kept := bytes(line)).isspace():
                    reason = f"It is not JSON (column {error.colno})."
                    unreadable.append(Unreadable(chunk.source, number, reason, kept))
            except RowError as error:
                raise _placed(error, chunk, number) from error
            if len(rows) >= ROWS_PER_BATCH:
                self._take(rows, batches)
        self._take(rows, batches)
        return batches, unreadable

    def _take(self, rows: list[tuple[Any, ...]], batches: list[bytes]) -> None:
        findings = self._runner.findings
        if findings.rows > MAX_ROWS_PER_CHUNK:
            raise TooLarge(
                f"A piece of the input becomes more than {MAX_ROWS_PER_CHUNK} rows.",
                where=self._view.name or "the view",
                rule="limits of a view (docs/reference/views.md)",
                next_step="Put the forEach that stand beside each other into views of their own.",
            )
        if rows:
            batches.append(self._encoder.encode(rows, findings))
            rows.clear()


def _placed(error: RowError, chunk: AnyChunk, number: int) -> RowError:
    if isinstance(chunk, Stretch):
        number += chunk.lines_before()
    source = f"{chunk.source}, line {number}" if chunk.source else "a resource of the record"
    where = f"{source}; {error.where}" if error.where else source
    return RowError(error.what, where=where, rule=error.rule, next_step=error.next_step)


@contextmanager
def _collector_resting() -> Iterator[None]:
    # Parsed JSON holds no circles; looking for some in it costs as much as parsing it.
    switched = gc.isenabled()
    if switched:
        gc.disable()
    try:
        yield
    finally:
        if switched:
            gc.enable()
