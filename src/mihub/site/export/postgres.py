"""The record on PostgreSQL for bulk export: one repeatable-read transaction selects, short statements read afterwards.

No transaction stays open while files are written. Below: the tables of `site.store`, `site.search.postgres_sql`. Only this
file of the room knows the database.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.site.export.made import Listed
from mihub.site.export.record import Filters, Row, Selected
from mihub.site.export.wish import Wish
from mihub.site.jobs import durable
from mihub.site.search.catalogue import Catalogue
from mihub.site.search.postgres_sql import condition_sql, restriction_sql
from mihub.site.store.protocol import Audit, Note
from mihub.site.store.rows import Indexer

# From now on every change has a later time than the state that is read: nothing is lost between two exports.
_CUT: Final = """
UPDATE record_state SET last_write = greatest(coalesce(last_write, '-infinity'), date_trunc('milliseconds', clock_timestamp()))
  + interval '1 millisecond' RETURNING position, last_write - interval '1 millisecond'
"""
_TYPES: Final = """
SELECT t FROM unnest(%s::text[]) t WHERE EXISTS (SELECT 1 FROM resource r WHERE r.type = t AND r.digest IS NOT NULL) ORDER BY t
"""
_DELETED: Final = """
SELECT r.type, r.id, s.body FROM resource r JOIN superseded s ON s.rid = r.rid AND s.version_id = r.version_id - 1
WHERE r.digest IS NULL AND r.type = ANY(%s) AND r.last_updated > %s ORDER BY r.rid
"""
# Close together: one walk over the key, which costs half of what single look-ups do. What is larger than anything that is
# wanted is not brought along, so that memory stays bounded.
_NEAR: Final = """
COPY (SELECT r.rid, r.version_id, r.body FROM resource r WHERE r.rid BETWEEN %s AND %s AND r.type = %s AND r.digest IS NOT NULL
AND octet_length(r.body) <= %s) TO STDOUT (FORMAT BINARY)
"""
_FAR: Final = """
COPY (SELECT r.rid, r.version_id, r.body FROM unnest(%s::int8[]) AS a (rid) JOIN resource r ON r.rid = a.rid
WHERE r.digest IS NOT NULL) TO STDOUT (FORMAT BINARY)
"""
_OLDER: Final = """
SELECT s.rid, s.body FROM unnest(%s::int8[], %s::int4[]) AS a (rid, version_id)
JOIN superseded s ON s.rid = a.rid AND s.version_id = a.version_id WHERE s.body IS NOT NULL
"""
_NEAR_SPAN: Final = 4
# COPY's binary format: a header of 19 bytes, then rows of one shape.
_HEADER_BYTES: Final = 19
_ROW: Final = struct.Struct(">hiqiiii")
_BODY_ROW: Final = struct.Struct(">hiqiii")
_LISTED: Final = 50_000
_NOTED: Final = 2_000
_INTERACTION: Final = "export"
_SUPPORTING: Final = """
EXISTS (SELECT 1 FROM index_link x JOIN compartment p ON p.rid = x.rid JOIN resource q ON q.rid = x.rid
        WHERE x.type = r.type AND x.id = r.id AND q.digest IS NOT NULL{whose} AND {allowed})
"""


class PostgresRecord:
    """See `record.Record`."""

    def __init__(self, pool: Pool, audit: Audit, catalogue: Catalogue, index: Indexer) -> None:
        self._pool, self._audit, self._catalogue, self._index = pool, audit, catalogue, index

    def select(
        self,
        wish: Wish,
        filters: Filters,
        access: Access,
        within: Restriction,
        folder: Path,
        step: Callable[[], None],
    ) -> Selected:
        """See `Record.select`."""
        concerned: Counter[str] = Counter()
        listed: list[Listed] = []
        with translated(), self._state() as (connection, position, time):
            for number, kind in enumerate(self._types(connection, wish, within)):
                step()
                where, values = self._where(wish, kind, filters.get(kind, []), within)
                path = folder / f".list-{number:03}"
                count = _list(connection, path, where, values)
                size = 0
                for rows in _rows_of(path, count):
                    step()
                    size += sum(row.size_bytes for row in rows)
                    concerned.update(_concerned(connection, [row.number for row in rows]))
                if count:
                    listed.append(Listed(kind, count, size, path.name))
            deleted = list(self._deleted(connection, wish, within, concerned))
        self._note(wish, access, concerned, sum(one.count for one in listed) + len(deleted), step)
        return Selected(_iso(time), position, listed, deleted)

    def rows(self, folder: Path, listed: Listed, first: int, most: int) -> list[Row]:
        """See `Record.rows`."""
        wanted = min(most, listed.count - first)
        with (folder / listed.list_name).open("rb") as stream:
            stream.seek(_HEADER_BYTES + first * _ROW.size)
            read = stream.read(wanted * _ROW.size)
        return _rows(read)

    def lines(self, resource_type: str, rows: Sequence[Row]) -> tuple[bytes, int]:
        """See `Record.lines`."""
        wanted = {row.number: row.version_id for row in rows}
        first, last = rows[0].number, rows[-1].number
        near = last - first < _NEAR_SPAN * len(rows)
        statement, values = (
            (_NEAR, [first, last, resource_type, max(row.size_bytes for row in rows)])
            if near
            else (_FAR, [list(wanted)])
        )
        with translated(), self._pool.connection() as connection:
            with connection.cursor() as cursor, cursor.copy(statement, values) as copy:
                found = _bodies(b"".join(copy), wanted)
            changed = [row for row in rows if row.number not in found]
            if changed:
                asked = ([row.number for row in changed], [row.version_id for row in changed])
                found.update(connection.execute(_OLDER, asked, binary=True).fetchall())
        bodies = [found[row.number] for row in rows if row.number in found]
        return b"\n".join([*bodies, b""]), len(bodies)

    @contextmanager
    def _state(self) -> Iterator[tuple[Connection, int, datetime]]:
        """One state of the record, its position and its time. The writer waits while it is taken, a millisecond or two."""
        with self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            with self._pool.connection() as cutting, cutting.transaction():
                cut = cutting.execute(_CUT).fetchone()
                # The first statement fixes what this transaction sees: all that is committed, and nothing later.
                connection.execute("SELECT 1 FROM record_state")
            position, time = cut if cut is not None else (0, datetime.now(UTC))
            yield connection, int(position), time

    def _types(self, connection: Connection, wish: Wish, within: Restriction) -> list[str]:
        wanted = wish.types
        if wanted is None:
            wanted = tuple(
                kind for kind in RESOURCE_TYPES if not wish.of_patients or self._in_compartments(kind)
            )
        allowed = sorted(kind for kind in wanted if within.names(kind))
        return [str(row[0]) for row in connection.execute(_TYPES, (allowed,))]

    def _in_compartments(self, kind: str) -> bool:
        return kind == "Patient" or bool(self._catalogue.compartment_of(kind))

    def _where(
        self, wish: Wish, kind: str, filters: list[tuple[Any, ...]], within: Restriction
    ) -> tuple[str, list[Any]]:
        pieces: list[tuple[str, list[Any]]] = [("r.digest IS NOT NULL AND r.type = %s", [kind])]
        if wish.of_patients:
            pieces.append(self._of_patients(wish, kind, within))
        if wish.since is not None:
            pieces.append(("r.last_updated > %s", [wish.since]))
        if filters:
            choices = [_all([condition_sql(one, "r", within) for one in each]) for each in filters]
            pieces.append(_joined(choices, " OR "))
        pieces.append(restriction_sql(within, "r"))
        return _joined(pieces, " AND ")

    def _of_patients(self, wish: Wish, kind: str, within: Restriction) -> tuple[str, list[Any]]:
        whose, values = (
            ("", []) if wish.patients is None else (" AND p.patient = ANY(%s)", [list(wish.patients)])
        )
        if self._in_compartments(kind):
            return f"EXISTS (SELECT 1 FROM compartment p WHERE p.rid = r.rid{whose})", values
        # Named, and nobody's: what the patients' resources refer to, such as a Medication.
        allowed, allowed_values = restriction_sql(within, "q")
        return _SUPPORTING.format(whose=whose, allowed=allowed), [*values, *allowed_values]

    def _deleted(
        self, connection: Connection, wish: Wish, within: Restriction, concerned: Counter[str]
    ) -> Iterator[tuple[str, str]]:
        if wish.since is None:
            return
        kinds = [kind for kind in wish.types or sorted(RESOURCE_TYPES) if within.names(kind)]
        with connection.cursor(name="deleted", binary=True) as cursor:
            cursor.execute(_DELETED, (kinds, wish.since))
            for kind, resource_id, body in cursor:
                if body is None:
                    continue
                # Whose it was stands in its last content only.
                rows = self._index(orjson.loads(body))
                theirs = not wish.of_patients or (
                    bool(rows.patients)
                    if wish.patients is None
                    else not set(wish.patients).isdisjoint(rows.patients)
                )
                if theirs and within.allows(kind, rows.patients, withheld=rows.withheld):
                    concerned.update(rows.patients)
                    yield kind, resource_id

    def _note(
        self, wish: Wish, access: Access, concerned: Counter[str], total: int, step: Callable[[], None]
    ) -> None:
        """One line for the run, and one for each patient, durable before the first byte is in a file."""
        notes = [Note("E", _INTERACTION, "", "", "", total, "0", wish.names)]
        for patient, count in sorted(concerned.items()):
            notes.append(Note("E", _INTERACTION, "", "", patient, count, "0", wish.names))
            if len(notes) >= _NOTED:
                step()
                self._audit.note(notes, access)
                notes = []
        if notes:
            self._audit.note(notes, access)


def _list(connection: Connection, path: Path, where: str, values: list[Any]) -> int:
    """Write the list; how many it lists. Sizes come along, so that room and portions are known before a body is read."""
    statement = (
        "COPY (SELECT r.rid, r.version_id, octet_length(r.body) FROM resource r"
        f" WHERE {where} ORDER BY r.rid) TO STDOUT (FORMAT BINARY)"
    )
    with durable.open_at(path, 0) as stream:
        with connection.cursor() as cursor, cursor.copy(statement, values) as copy:
            for block in copy:
                stream.write(block)
        durable.force(stream)
        return (stream.tell() - _HEADER_BYTES) // _ROW.size


def _rows_of(path: Path, count: int) -> Iterator[list[Row]]:
    """All rows of a list, some at a time."""
    with path.open("rb") as stream:
        stream.seek(_HEADER_BYTES)
        for first in range(0, count, _LISTED):
            yield _rows(stream.read(min(_LISTED, count - first) * _ROW.size))


def _rows(read: bytes) -> list[Row]:
    return [Row(one[2], one[4], one[6]) for one in _ROW.iter_unpack(read)]


def _bodies(copied: bytes, wanted: Mapping[int, int]) -> dict[int, bytes]:
    """The bodies of the versions that are wanted, out of what COPY gave."""
    found: dict[int, bytes] = {}
    at, end, header = _HEADER_BYTES, len(copied) - 2, _BODY_ROW.size
    while at < end:
        _, _, number, _, version_id, size = _BODY_ROW.unpack_from(copied, at)
        at += header
        if wanted.get(number) == version_id:
            found[number] = copied[at : at + size]
        at += size
    return found


def _concerned(connection: Connection, numbers: list[int]) -> dict[str, int]:
    """How many of these resources belong to each patient."""
    statement = "SELECT c.patient, count(*) FROM compartment c WHERE c.rid = ANY(%s) GROUP BY 1"
    return {str(row[0]): int(row[1]) for row in connection.execute(statement, (numbers,))}


def _all(pieces: Sequence[tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
    return _joined(pieces, " AND ") if pieces else ("true", [])


def _joined(pieces: Sequence[tuple[str, list[Any]]], word: str) -> tuple[str, list[Any]]:
    text = word.join(f"({text})" if word == " OR " else text for text, _ in pieces)
    return (f"({text})" if word == " OR " else text), [value for _, values in pieces for value in values]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
