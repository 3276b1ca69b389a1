"""The files of an export: select once, then append portion by portion, keeping after every few how far it is.

What is in a file beyond what was kept is cut off when the export goes on, so nothing comes twice and nothing is missing.
Above: `exports`, `apps`. Below: `record`, `made`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, Final

import orjson

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.errors import Forbidden, StorageFull
from mihub.site.export.elements import only
from mihub.site.export.made import File, Kind, Listed, Made
from mihub.site.export.record import Filters, Record, Row
from mihub.site.export.wish import Wish
from mihub.site.jobs import durable

FILE_BYTES: Final = 256 * 1024 * 1024
_PORTION_BYTES: Final = 4 * 1024 * 1024
_PORTION_ROWS: Final = 4_000
_KEPT_BYTES: Final = 32 * 1024 * 1024
_SPARE_BYTES: Final = 64 * 1024 * 1024
_DELETES_A_LINE: Final = 500


class Writing:
    """One run. `keep` is called with what is on the disk for certain; `step` often, and raises to end the run."""

    def __init__(
        self, record: Record, wish: Wish, folder: Path, keep: Callable[[Made], None], step: Callable[[], None]
    ) -> None:
        self._record, self._wish, self._folder, self._keep, self._step = record, wish, folder, keep, step

    def run(self, made: Made, filters: Filters, access: Access, within: Restriction) -> Made:
        """Everything that is still to be done. Raises `Forbidden`, `StorageFull`, `Unavailable`, `OSError`."""
        allowed = _allowed(within)
        if not made.time:
            made = self._select(made, filters, access, within, allowed)
        elif made.within != allowed:
            raise Forbidden(
                "What this role may export has changed since the export began.",
                rule="access rules (docs/reference/roles.md)",
                next_step="Start it again.",
            )
        self._write(made)
        if made.erased:
            self._say_erased(made)
        for listed in made.listed:
            with suppress(FileNotFoundError):
                (self._folder / listed.list_name).unlink()
        self._keep(made)
        return made

    def _select(
        self, made: Made, filters: Filters, access: Access, within: Restriction, allowed: dict[str, Any]
    ) -> Made:
        selected = self._record.select(self._wish, filters, access, within, self._folder, self._step)
        made = replace(
            made, time=selected.time, position=selected.position, within=allowed, listed=selected.listed
        )
        needed, free = made.total_bytes + _SPARE_BYTES, shutil.disk_usage(self._folder).free
        if needed > free:
            raise StorageFull(
                f"The export needs about {_mib(needed)} MiB and the disk has {_mib(free)} MiB left.",
                next_step="Free disk space, or export fewer types at once.",
            )
        if selected.deleted:
            self._whole(made, "deleted", "Bundle", "deleted.ndjson", list(_bundles(selected.deleted)))
        self._keep(made)
        return made

    def _write(self, made: Made) -> None:
        unkept = 0
        stream: IO[bytes] | None = None
        try:
            while made.type_number < len(made.listed):
                listed = made.listed[made.type_number]
                if made.row >= listed.count:
                    made.type_number, made.row = made.type_number + 1, 0
                    continue
                file, stream = self._file(made, listed, stream)
                rows = self._portion(listed, made.row)
                text, count = self._record.lines(listed.resource_type, rows)
                text = only(text, listed.resource_type, self._wish.elements) if self._wish.elements else text
                stream.write(text)
                made.row += len(rows)
                made.erased += len(rows) - count
                file.count, file.size_bytes = file.count + count, file.size_bytes + len(text)
                unkept += len(text)
                self._step()
                if unkept >= _KEPT_BYTES:
                    durable.force(stream)
                    self._keep(made)
                    unkept = 0
        finally:
            if stream is not None:
                _closed(stream)
        made.files[:] = [file for file in made.files if file.count or file.kind != "output"]

    def _file(self, made: Made, listed: Listed, stream: IO[bytes] | None) -> tuple[File, IO[bytes]]:
        """The file to append to: the last one, unless it is of another type or full."""
        last = made.files[-1] if made.files else None
        fits = last is not None and last.kind == "output" and last.resource_type == listed.resource_type
        if last is not None and fits and last.size_bytes < FILE_BYTES:
            return last, stream or durable.open_at(self._folder / last.name, last.size_bytes)
        if stream is not None:
            _closed(stream)
        number = (
            sum(one.resource_type == listed.resource_type and one.kind == "output" for one in made.files) + 1
        )
        file = File("output", listed.resource_type, f"{listed.resource_type}.{number:03}.ndjson")
        made.files.append(file)
        return file, durable.open_at(self._folder / file.name, 0)

    def _portion(self, listed: Listed, first: int) -> Sequence[Row]:
        rows = self._record.rows(self._folder, listed, first, _PORTION_ROWS)
        size = 0
        for number, row in enumerate(rows):
            size += row.size_bytes
            if size > _PORTION_BYTES:
                return rows[: number + 1]
        return rows

    def _say_erased(self, made: Made) -> None:
        issue = {
            "severity": "warning",
            "code": "deleted",
            "details": {
                "text": f"{made.erased} resources were erased for good while the export ran; they are left out."
            },
        }
        outcome = orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}) + b"\n"
        made.files[:] = [one for one in made.files if one.kind != "error"]
        self._whole(made, "error", "OperationOutcome", "errors.ndjson", [outcome])

    def _whole(self, made: Made, kind: Kind, resource_type: str, name: str, lines: list[bytes]) -> None:
        content = b"".join(lines)
        durable.replace(self._folder / name, content)
        made.files.append(File(kind, resource_type, name, len(lines), len(content)))


def _bundles(deleted: list[tuple[str, str]]) -> Iterator[bytes]:
    for start in range(0, len(deleted), _DELETES_A_LINE):
        entries = [
            {"request": {"method": "DELETE", "url": f"{kind}/{resource_id}"}}
            for kind, resource_id in deleted[start : start + _DELETES_A_LINE]
        ]
        yield orjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + b"\n"


def _allowed(within: Restriction) -> dict[str, Any]:
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in asdict(within).items()
    }


def _closed(stream: IO[bytes]) -> None:
    # A file is on the disk before the next one begins; with a full disk this is what says so.
    try:
        durable.force(stream)
    finally:
        stream.close()


def _mib(size_bytes: int) -> int:
    return -(-size_bytes // 1024**2)
