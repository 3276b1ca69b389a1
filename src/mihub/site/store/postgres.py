"""The product's store on PostgreSQL: one transaction a write, one audit line before an answer leaves.

The writer locks the row of `record_state` first, so positions commit in order and a conditional create can
not race. Stored bytes are returned untouched. Below: `postgres_writing`, `postgres_audit`, `database`. Above:
`site.site`.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from mihub.core.audit.entry import AuditEntry
from mihub.core.fhir import Resource
from mihub.core.fhir.dates import EARLIEST
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.database.faults import translated
from mihub.database.migrate import migrate
from mihub.database.pool import Connection, Pool
from mihub.site.store.content import now_milliseconds, shown
from mihub.site.store.deciding import check, decide, keys_of
from mihub.site.store.noting import notes_of_audit, notes_of_read, notes_of_write
from mihub.site.store.postgres_audit import find_lines, write_lines
from mihub.site.store.postgres_history import find_history
from mihub.site.store.postgres_labels import find_labels
from mihub.site.store.postgres_reindex import reindex
from mihub.site.store.postgres_writing import current_of, write_steps
from mihub.site.store.protocol import (
    AuditQuery,
    Entries,
    HistoryPage,
    HistoryQuery,
    Labels,
    Note,
    Version,
    Written,
)
from mihub.site.store.rows import Indexer

# Batches of this size are written with the cyclic garbage collector off: it costs five times the parsing
# otherwise.
_BATCH = 50

_READ = """
SELECT rid, version_id, last_updated, position, body,
       ARRAY(SELECT patient FROM compartment c WHERE c.rid = r.rid),
       EXISTS (SELECT 1 FROM withheld w WHERE w.rid = r.rid)
FROM resource r WHERE type = %s AND id = %s
"""
_STATE = "SELECT position, resources, last_write FROM record_state FOR UPDATE"
_OLD = "SELECT version_id, last_updated, position, body FROM superseded WHERE rid = %s"
_CHANGES = """
SELECT type, id, version_id, last_updated, position, body FROM (
    (SELECT type, id, version_id, last_updated, position, body FROM resource
     WHERE position > %(after)s ORDER BY position LIMIT %(limit)s)
    UNION ALL
    (SELECT r.type, r.id, s.version_id, s.last_updated, s.position, s.body
     FROM superseded s JOIN resource r USING (rid) WHERE s.position > %(after)s ORDER BY s.position LIMIT %(limit)s)
) changed ORDER BY position LIMIT %(limit)s
"""


class PostgresStore:
    """A `Store` on an open pool; several processes may hold the same database."""

    def __init__(self, pool: Pool, index: Indexer, *, catalogue: str = "") -> None:
        """Bring the tables up to date; when `catalogue` (what is indexed) changed, index everything again."""
        self.pool = pool
        self._index = index
        # Only one thread of this process waits for the lock in the database; the others keep no connection
        # busy.
        self._writing = threading.Lock()
        migrate(pool, "mihub.site.store")
        with translated(), pool.connection() as connection:
            reindex(connection, index, catalogue)

    def write(
        self, entries: Entries | Callable[[], Entries], access: Access, within: Restriction = EVERYTHING
    ) -> list[Written]:
        """See `Store.write`."""
        with translated(), self._writing, self.pool.connection() as connection, connection.transaction():
            state = connection.execute(_STATE).fetchone()
            position, resources, last_write = state if state is not None else (0, 0, None)
            listed = entries() if callable(entries) else entries
            keys = keys_of(listed)
            with _without_collector(len(listed) >= _BATCH):
                current, rids = current_of(connection, keys)
                plan = decide(listed, keys, current, self._index, within)
                # A clock that steps back gives no later version an earlier time.
                now = max(now_milliseconds(), last_write or EARLIEST)
                versions = (
                    write_steps(connection, plan.steps, rids, position, resources, now) if plan.steps else []
                )
            notes = notes_of_write(plan.steps, position + 1, position + len(plan.steps))
            write_lines(connection, notes, access)
        return plan.answers(versions)

    def read(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> Version | None:
        """See `Store.read`."""
        with translated(), self.pool.connection() as connection:
            found = _seen(connection, "read", resource_type, resource_id, access, within)
        return found[1] if found else None

    def vread(
        self,
        resource_type: str,
        resource_id: str,
        version_id: int,
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Version | None:
        """See `Store.vread`."""
        with translated(), self.pool.connection() as connection:
            found = _seen(connection, "vread", resource_type, resource_id, access, within)
            if found is None or found[1].version_id == version_id:
                return found[1] if found else None
            query = _OLD + " AND version_id = %s"
            row = connection.execute(query, (found[0], version_id), binary=True).fetchone()
        old = shown([Version(resource_type, resource_id, *row)] if row else [], within)
        return old[0] if old else None

    def history(
        self, resource_type: str, resource_id: str, access: Access, within: Restriction = EVERYTHING
    ) -> list[Version]:
        """See `Store.history`."""
        with translated(), self.pool.connection() as connection:
            found = _seen(connection, "history-instance", resource_type, resource_id, access, within)
            if found is None:
                return []
            query = _OLD + " ORDER BY version_id DESC"
            rows = connection.execute(query, (found[0],), binary=True).fetchall()
        return shown([found[1], *(Version(resource_type, resource_id, *row) for row in rows)], within)

    def history_page(
        self, query: HistoryQuery, access: Access, within: Restriction = EVERYTHING
    ) -> HistoryPage:
        """See `Store.history_page`."""
        with translated(), self.pool.connection() as connection:
            return find_history(connection, query, access, within)

    def labels(
        self,
        resource_type: str,
        parameters: Mapping[int, str],
        access: Access,
        within: Restriction = EVERYTHING,
    ) -> Labels:
        """See `Store.labels`."""
        with translated(), self.pool.connection() as connection:
            return find_labels(connection, resource_type, parameters, access, within)

    def audit(self, query: AuditQuery, access: Access, within: Restriction = EVERYTHING) -> list[AuditEntry]:
        """See `Store.audit`."""
        with translated(), self.pool.connection() as connection:
            found = find_lines(connection, query, within)
            patient = query.patient or within.patient_id or ""
            write_lines(connection, notes_of_audit(patient, len(found), within), access)
        return found

    def note(self, notes: Sequence[Note], access: Access) -> None:
        """See `Audit.note`."""
        with translated(), self.pool.connection() as connection:
            write_lines(connection, notes, access)

    def position(self) -> int:
        """See `Store.position`."""
        with translated(), self.pool.connection() as connection:
            row = connection.execute("SELECT position FROM record_state").fetchone()
        return int(row[0]) if row else 0

    def changes(self, after: int, limit: int) -> list[Version]:
        """See `Store.changes`."""
        with translated(), self.pool.connection() as connection:
            rows = connection.execute(_CHANGES, {"after": after, "limit": limit}, binary=True).fetchall()
        return [Version(*row) for row in rows]

    def check(self, resource: Resource) -> None:
        """See `Store.check`."""
        check(resource, self._index)

    def counts(self) -> dict[str, int]:
        """See `Store.counts`."""
        query = "SELECT type, count(*) FROM resource WHERE digest IS NOT NULL GROUP BY type ORDER BY type"
        with translated(), self.pool.connection() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def close(self) -> None:
        """See `Store.close`. The pool belongs to whoever opened it."""


def _seen(
    connection: Connection,
    interaction: str,
    resource_type: str,
    resource_id: str,
    access: Access,
    within: Restriction,
) -> tuple[int, Version] | None:
    """The row number and current version, when there and allowed; noted in either case."""
    row = connection.execute(_READ, (resource_type, resource_id), binary=True).fetchone()
    patients = row[5] if row else []
    allowed = row is not None and within.allows(resource_type, patients, withheld=row[6])
    key = (resource_type, resource_id)
    write_lines(connection, notes_of_read(interaction, key, patients, allowed=allowed), access)
    return (row[0], Version(*key, *row[1:5])) if row is not None and allowed else None


@contextmanager
def _without_collector(wanted: bool) -> Iterator[None]:
    switched = wanted and gc.isenabled()
    if switched:
        gc.disable()
    try:
        yield
    finally:
        if switched:
            gc.enable()
