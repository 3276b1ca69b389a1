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
from mihub.site.ingest.opening import as_utf8, bounded_bytes, open_bounded
from mihub.site.ingest.protocol import RecordWriter
from mihub.site.ingest.records import Accepted, Body, Noted, Record, Rejected
from mihub.site.ingest.refusing import Intake, Refusing
from mihub.site.ingest.rehearsal import Rehearsal
from mihub.site.ingest.report import ImportReport, Progress, Reason
from mihub.site.ingest.seen_in_file import SeenInFile
from mihub.site.ingest.sniff import HEAD_BYTES, NOT_READ, Format, sniff
from mihub.site.ingest.writing import Stopped, Writing
from mihub.site.quarantine.protocol import MAX_BODY_BYTES

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

    def __init__(
        self,
        record: RecordWriter,
        member: MemberId,
        *,
        limits: Limits | None = None,
        intake: Intake | None = None,
    ) -> None:
        self._record, self._member, self._limits = record, member, limits or Limits()
        self._intake = intake or Intake()

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
        refusing = Refusing(self._intake, report, dry_run)
        writing = Writing(record, report, self._limits, refusing)
        with _collector_paused():
            try:
                self._import_all(list(self._found(paths, refusing)), writing, refusing, progress)
                writing.flush()
            except Stopped:
                refusing.flush_if_possible()
                return report
        _note_open(writing, record, report)
        return report

    def again(self, body: bytes, shown: str) -> ImportReport:
        """Import what was kept of a refused record, named as it was then. Never raises for what it holds."""
        report = ImportReport(files=1, max_reasons=self._limits.max_reasons)
        refusing = Refusing(self._intake, report)
        writing = Writing(self._record, report, self._limits, refusing)
        try:
            with bounded_bytes(body, self._limits) as stream:
                found = sniff(stream.read(HEAD_BYTES))
            if found in NOT_READ:
                refusing.refuse(Rejected((_reason(shown, *NOT_READ[found]),), body=Body("file", body)))
            else:
                file = _File(Path(), shown, found)
                with bounded_bytes(body, self._limits) as stream:
                    self._read_all(file, stream, writing, refusing)
            writing.flush()
        except Stopped:
            return report
        except MihubError as error:
            refusing.refuse(Rejected((_unreadable(shown, error),), body=Body("file", body)))
        return report

    def _found(self, paths: Iterable[Path | str], refusing: Refusing) -> Iterator[_File]:
        report = refusing.report
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
                yield from self._recognised(file, refusing)

    def _recognised(self, path: Path, refusing: Refusing) -> Iterator[_File]:
        shown = str(path)
        try:
            with open_bounded(path, self._limits) as stream:
                found = sniff(stream.read(HEAD_BYTES))
        except (MihubError, OSError) as error:
            refusing.refuse(Rejected((_unreadable(shown, error),), body=_whole_file(path)))
            return
        if found in NOT_READ:
            refusing.refuse(Rejected((_reason(shown, *NOT_READ[found]),), body=_whole_file(path)))
        else:
            yield _File(path, shown, found)

    def _import_all(
        self,
        files: list[_File],
        writing: Writing,
        refusing: Refusing,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        report = refusing.report
        ordered = sorted(files, key=lambda file: (_ORDER[file.format], file.shown))
        for done, file in enumerate(ordered):
            shown = _Shown(file.shown, done, len(ordered), report, progress)
            self._import_file(file, writing, refusing, shown)
            writing.flush()
        if progress is not None:
            progress(Progress("", len(ordered), len(ordered), report.read))

    def _import_file(self, file: _File, writing: Writing, refusing: Refusing, shown: _Shown) -> None:
        try:
            with open_bounded(file.path, self._limits) as stream:
                self._read_all(file, stream, writing, refusing, shown)
        except (MihubError, OSError) as error:
            refusing.refuse(Rejected((_unreadable(file.shown, error),), body=_whole_file(file.path)))

    def _read_all(
        self,
        file: _File,
        stream: io.BufferedReader,
        writing: Writing,
        refusing: Refusing,
        shown: _Shown | None = None,
    ) -> None:
        refusing.source = "obds-import" if file.format is Format.OBDS else "fhir-import"
        seen = None if file.format is Format.OBDS else SeenInFile()
        for record in self._records(file, stream, writing):
            _execute(record, seen, writing, refusing)
            if shown is not None:
                shown.step()

    def _records(self, file: _File, stream: io.BufferedReader, writing: Writing) -> Iterator[Record]:
        source = Source(file.shown, self._member, writing.find, self._limits)
        if file.format is Format.OBDS:
            return read_obds(stream, source, writing)
        text = as_utf8(stream)
        return read_lines(text, source) if file.format is Format.LINES else read_document(text, source)


def _execute(record: Record, seen: SeenInFile | None, writing: Writing, refusing: Refusing) -> None:
    if isinstance(record, Rejected):
        refusing.refuse(record)
    elif isinstance(record, Noted):
        refusing.report.note(record.note)
    elif seen is not None and seen.clashes(record):
        # The first one is stored under the same key; that must not count as a repair of this one.
        body = replace(record.body, keys=()) if record.body is not None else None
        refusing.refuse(Rejected((_twice(record),), record.records, body))
    else:
        writing.accept(record)


def _whole_file(path: Path) -> Body | None:
    """The file itself when it is small enough to be kept; a larger one stays where it is."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BODY_BYTES:
            return None
        return Body("file", path.read_bytes())
    except OSError:
        return None


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
