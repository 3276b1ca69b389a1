"""The import of files and folders: finds, recognises, reads and writes them, FHIR before reports, and
accounts for all.

Never lets one file's fault end the run; only a full or lost store does. Above: `apps` (command line),
`site.site`. Below: `sniff` and the readers (parse), `writing` (execute), `report` (render).
"""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mihub.core.policy.actor import MemberId
from mihub.errors import MihubError
from mihub.site.ingest.limits import Limits
from mihub.site.ingest.ndjson import Source, read_document, read_lines
from mihub.site.ingest.obds.reader import read_obds
from mihub.site.ingest.open_references import Place
from mihub.site.ingest.opening import as_utf8, open_bounded
from mihub.site.ingest.protocol import RecordWriter
from mihub.site.ingest.records import Accepted, Noted, Record, Rejected
from mihub.site.ingest.rehearsal import Rehearsal
from mihub.site.ingest.report import ImportReport, Progress, Reason
from mihub.site.ingest.seen_in_file import SeenInFile
from mihub.site.ingest.sniff import HEAD_BYTES, NOT_READ, Format, sniff
from mihub.site.ingest.writing import Stopped, Writing

_PROGRESS_RECORDS: Final = 1_000
_COLLECT_RECORDS: Final = 50_000
# Patients that a hospital knows in FHIR come before the reports that refer to them.
_ORDER: Final = {Format.LINES: 0, Format.DOCUMENT: 0, Format.OBDS: 1}


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    shown: str
    format: Format


class Importer:
    """Imports files into one member's record."""

    def __init__(self, record: RecordWriter, member: MemberId, *, limits: Limits | None = None) -> None:
        self._record, self._member, self._limits = record, member, limits or Limits()

    def run(
        self,
        paths: Iterable[Path | str],
        dry_run: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> ImportReport:
        """Import every file named and every file below a folder named.

        Never raises for what a file holds. When the store is full or away the report's `stopped` says so and
        everything written before is complete. A dry run gives the report that the real run would give, and
        writes nothing.
        """
        report = ImportReport(dry_run=dry_run, max_reasons=self._limits.max_reasons)
        record = Rehearsal(self._record) if dry_run else self._record
        writing = Writing(record, report, self._limits)
        with _collector_paused():
            try:
                self._import_all(list(self._found(paths, report)), writing, report, progress)
            except Stopped:
                return report
        _note_open(writing, record, report)
        return report

    def _found(self, paths: Iterable[Path | str], report: ImportReport) -> Iterator[_File]:
        for path in map(Path, paths):
            inside = (
                sorted(below for below in path.rglob("*") if not below.is_dir()) if path.is_dir() else [path]
            )
            if not inside:
                report.files += 1
                report.reject(
                    (
                        _reason(
                            str(path),
                            "The folder holds no file.",
                            "a folder holds files",
                            "Name another folder.",
                        ),
                    )
                )
            for file in inside:
                report.files += 1
                yield from self._recognised(file, report)

    def _recognised(self, path: Path, report: ImportReport) -> Iterator[_File]:
        shown = str(path)
        try:
            with open_bounded(path, self._limits) as stream:
                found = sniff(stream.read(HEAD_BYTES))
        except (MihubError, OSError) as error:
            report.reject((_unreadable(shown, error),))
            return
        if found in NOT_READ:
            report.reject((_reason(shown, *NOT_READ[found]),))
        else:
            yield _File(path, shown, found)

    def _import_all(
        self,
        files: list[_File],
        writing: Writing,
        report: ImportReport,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        ordered = sorted(files, key=lambda file: (_ORDER[file.format], file.shown))
        for done, file in enumerate(ordered):
            shown = _Shown(file.shown, done, len(ordered), report, progress)
            self._import_file(file, writing, report, shown)
            writing.flush()
        if progress is not None:
            progress(Progress("", len(ordered), len(ordered), report.read))

    def _import_file(self, file: _File, writing: Writing, report: ImportReport, shown: _Shown) -> None:
        seen = None if file.format is Format.OBDS else SeenInFile()
        try:
            with open_bounded(file.path, self._limits) as stream:
                for record in self._records(file, stream, writing):
                    _execute(record, seen, writing, report)
                    shown.step()
        except (MihubError, OSError) as error:
            report.reject((_unreadable(file.shown, error),))

    def _records(self, file: _File, stream: io.BufferedReader, writing: Writing) -> Iterator[Record]:
        source = Source(file.shown, self._member, writing.find, self._limits)
        if file.format is Format.OBDS:
            return read_obds(stream, source, writing)
        text = as_utf8(stream)
        return read_lines(text, source) if file.format is Format.LINES else read_document(text, source)


def _execute(record: Record, seen: SeenInFile | None, writing: Writing, report: ImportReport) -> None:
    if isinstance(record, Rejected):
        report.reject(record.reasons, record.records)
    elif isinstance(record, Noted):
        report.note(record.note)
    elif seen is not None and seen.clashes(record):
        report.reject((_twice(record),), record.records)
    else:
        writing.accept(record)


@dataclass(slots=True)
class _Shown:
    """Tells the caller how far it is, every thousand records."""

    file: str
    done: int
    total: int
    report: ImportReport
    progress: Callable[[Progress], None] | None
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps % _COLLECT_RECORDS == 0:
            gc.collect()
        if self.progress is not None and self.steps % _PROGRESS_RECORDS == 1:
            self.progress(Progress(self.file, self.done, self.total, self.report.read))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Millions of short-lived objects without cycles: looking for cycles would only cost time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _note_open(writing: Writing, record: RecordWriter, report: ImportReport) -> None:
    for resource_type, resource_id, place in writing.open_references.still_open():
        if record.current(resource_type, resource_id) is None:
            report.note(_open(place, f"A reference names a {resource_type} that is not in the record (yet)."))
    if writing.open_references.more:
        report.note(
            _open(
                ("", None, None), f"{writing.open_references.more} more open references were not followed up."
            )
        )


def _open(place: Place, reason: str) -> Reason:
    file, line, entry = place
    return replace(
        _reason(
            file,
            reason,
            "references are loaded as they come",
            "Import the file that holds it, if there is one.",
        ),
        line=line,
        entry=entry,
    )


def _twice(record: Accepted) -> Reason:
    return Reason(
        file=record.file,
        reason="The id occurs twice in this file with different content; the first one is kept.",
        rule="one id names one resource in a file",
        next="Keep one of the two.",
        line=record.line,
        entry=record.entry,
    )


def _unreadable(shown: str, error: MihubError | OSError) -> Reason:
    if isinstance(error, MihubError):
        return _reason(shown, error.what, error.rule, error.next_step)
    if isinstance(error, FileNotFoundError):
        return _reason(shown, "There is no such file.", "every path named exists", "Check the path.")
    if isinstance(error, PermissionError):
        return _reason(
            shown,
            "The file may not be read.",
            "the import reads as the user it runs as",
            "Give it the right to read.",
        )
    return _reason(
        shown,
        "The file cannot be read to its end.",
        "the file system gives every byte",
        "Copy the file again.",
    )


def _reason(file: str, reason: str, rule: str, next_step: str) -> Reason:
    return Reason(file=file, reason=reason, rule=rule, next=next_step)
