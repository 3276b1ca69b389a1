"""A record on PostgreSQL read for views: one repeatable-read transaction, one cursor, rows as they are stored.

Below: `site.store`'s tables, `site.search.postgres_sql`. Above: `record`. Only this file of the room knows the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.site.search.postgres_sql import restriction_sql
from mihub.site.store.protocol import Audit, Note
from mihub.site.views.record import Selection, Snapshot, check_allowed, joined
from mihub.site.views.work import Chunk

_FETCHED: Final = 2_000
# Lines of the audit made durable at once.
_NOTED: Final = 20_000


class PostgresRecords:
    """See `record.Records`."""

    def __init__(self, pool: Pool, audit: Audit) -> None:
        self._pool = pool
        self._audit = audit

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See `Records.snapshot`. Holds one connection."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # Every cursor here is read to its end; the planner would else choose what gives the first rows soonest.
            connection.execute("SET LOCAL cursor_tuple_fraction = 1.0")
            yield _Snapshot(connection, self._audit)


class _Snapshot:
    def __init__(self, connection: Connection, audit: Audit) -> None:
        self._connection = connection
        self._audit = audit

    def chunks(self, selection: Selection, access: Access, within: Restriction) -> Iterator[Chunk]:
        """See `Snapshot.chunks`."""
        check_allowed(selection, access, within, self._audit)
        where, values = _where(selection, within)
        with translated():
            self._note(selection, access, where, values)
        return joined(self._bodies(where, values))

    def _note(self, selection: Selection, access: Access, where: str, values: list[Any]) -> None:
        """One line for each patient, written by a connection of its own before anything is given."""
        concerned = f"SELECT c.patient, count(*) FROM resource r JOIN compartment c USING (rid) WHERE {where} GROUP BY 1"
        noted = 0
        with self._connection.cursor(name="concerned") as cursor:
            cursor.execute(concerned, values)
            while rows := cursor.fetchmany(_NOTED):
                noted += len(rows)
                self._audit.note([_line(selection, patient, count) for patient, count in rows], access)
        if not noted:
            row = self._connection.execute(
                f"SELECT count(*) FROM resource r WHERE {where}", values
            ).fetchone()
            self._audit.note([_line(selection, "", int(row[0]) if row else 0)], access)

    def _bodies(self, where: str, values: list[Any]) -> Iterator[bytes]:
        statement = f"SELECT r.body FROM resource r WHERE {where} ORDER BY r.rid"
        with translated(), self._connection.cursor(name="bodies", binary=True) as cursor:
            cursor.execute(statement, values)
            while rows := cursor.fetchmany(_FETCHED):
                for row in rows:
                    yield row[0]


def _line(selection: Selection, patient: str, count: int) -> Note:
    return Note("E", selection.interaction, selection.resource_type, "", patient, count, "0", selection.names)


def _where(selection: Selection, within: Restriction) -> tuple[str, list[Any]]:
    allowed, allowed_values = restriction_sql(within, "r")
    pieces: list[str] = ["r.digest IS NOT NULL", "r.type = %s"]
    values: list[Any] = [selection.resource_type]
    if selection.patients is not None:
        pieces.append("EXISTS (SELECT 1 FROM compartment p WHERE p.rid = r.rid AND p.patient = ANY(%s))")
        values.append(list(selection.patients))
    if selection.since is not None:
        pieces.append("r.last_updated > %s")
        values.append(selection.since)
    return " AND ".join([*pieces, allowed]), [*values, *allowed_values]
