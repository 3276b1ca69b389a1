"""A view run over chunks into one file: rows, what was left out, what did not fit, what could not be read.

Above: `apps.views`, `exports`. Below: `crew`, `target`.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mihub.core.fhir.views import Findings, View
from mihub.site.views.crew import Crew
from mihub.site.views.formats import Format
from mihub.site.views.target import sink
from mihub.site.views.work import AnyChunk, Part, Task, Unreadable

# Called after each part with the counts so far; may raise to stop the run.
Watch = Callable[[Findings], None]


@dataclass(frozen=True, slots=True)
class Report:
    """One run. `aside`: the file with the lines that could not be read, None when all could."""

    view: str
    path: Path
    form: str
    rows: int
    resources: int
    excluded: int
    unreadable: int
    mismatches: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float
    size_bytes: int
    aside: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Counts and names; nothing of a patient."""
        return {
            "view": self.view,
            "file": str(self.path),
            "format": self.form,
            "rows": self.rows,
            "resources": self.resources,
            "excluded_by_where": self.excluded,
            "unreadable_lines": self.unreadable,
            "unreadable_file": str(self.aside) if self.aside else None,
            "mismatches": list(self.mismatches),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "size_bytes": self.size_bytes,
        }


@dataclass(slots=True)
class _Aside:
    """The lines that could not be read, beside the result, written when there is a first one."""

    path: Path
    count: int = 0
    source: str = ""
    lines_before: int = 0

    def take(self, part: Part) -> None:
        """Called for every part in order: lines counted from 1 in their part get their number in the source."""
        if part.source != self.source:
            self.source, self.lines_before = part.source, 0
        before, found = self.lines_before, part.unreadable
        self.lines_before += part.lines
        if not found:
            return
        descriptor = os.open(
            self.path, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if self.count else os.O_TRUNC), 0o600
        )
        with os.fdopen(descriptor, "wb") as stream:
            for one in found:
                stream.write(orjson.dumps(_kept(one, one.line + before), option=orjson.OPT_APPEND_NEWLINE))
        self.count += len(found)


def run(
    view: View,
    chunks: Iterator[AnyChunk],
    path: Path,
    form: Format,
    *,
    header: bool = True,
    helpers: int | None = None,
    crew: Crew | None = None,
    takes_part: bool = True,
    watch: Watch | None = None,
) -> Report:
    """Write the table, by the processes of `crew`, or of a new one with so many `helpers`.

    Raises what reading, rows and writing raise; then there is no file.
    """
    started = time.perf_counter()
    findings = Findings()
    aside = _Aside(path.with_name(path.name + ".unreadable.ndjson"))
    with suppress(FileNotFoundError):
        aside.path.unlink()
    task = Task(view.document, form)
    with sink(path, view, form, header=header) as out, nullcontext(crew) if crew else Crew(helpers) as hands:
        for part in hands.work(chunks, task, takes_part=takes_part):
            _put(part, out.put, findings, aside)
            if watch is not None:
                watch(findings)
    return Report(
        view=view.name,
        path=path,
        form=form.name,
        rows=findings.rows,
        resources=findings.resources,
        excluded=findings.excluded,
        unreadable=aside.count,
        mismatches=tuple(map(str, findings.listed())),
        notes=view.notes,
        seconds=time.perf_counter() - started,
        size_bytes=path.stat().st_size,
        aside=aside.path if aside.count else None,
    )


def _put(part: Part, put: Callable[[bytes], None], findings: Findings, aside: _Aside) -> None:
    for batch in part.batches:
        put(batch)
    findings.add(part.findings)
    aside.take(part)


def _kept(one: Unreadable, line: int) -> dict[str, Any]:
    """The place and the line itself, which holds what the input holds."""
    place = {"file": one.source, "line": line, "reason": one.reason}
    try:
        return {**place, "text": one.text.decode("utf-8")}
    except UnicodeDecodeError:
        return {**place, "base64": base64.b64encode(one.text).decode()}
