"""The history of a resource, a type or the whole record on PostgreSQL. Above: `postgres`.

Pages are read along the change log. Times grow with positions, so the beginning of a period is found by halving, and a page
of what is new reads no old row. The restriction is a condition of the statement.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.database.pool import Connection
from mihub.site.store.history import filled, notes_of_history
from mihub.site.store.postgres_audit import write_lines
from mihub.site.store.postgres_within import Sql, allowed
from mihub.site.store.protocol import HistoryPage, HistoryQuery, Past, Version

_TIME: Final = (
    "SELECT last_updated FROM resource WHERE position = %(at)s"
    " UNION ALL SELECT last_updated FROM superseded WHERE position = %(at)s"
)
_MADE: Final = (
    "v.version_id = 1 OR EXISTS (SELECT 1 FROM superseded p"
    " WHERE p.rid = v.rid AND p.version_id = v.version_id - 1 AND p.body IS NULL)"
)
# When the version of `s` ceased to be the current one.
_UNTIL: Final = (
    "coalesce((SELECT n.last_updated FROM superseded n WHERE n.rid = s.rid AND n.version_id = s.version_id + 1),"
    " r.last_updated)"
)
_PATIENTS: Final = "SELECT DISTINCT patient FROM compartment WHERE rid = ANY(%s)"
_FROM: Final = {"r": "resource r", "s": "superseded s JOIN resource r USING (rid)"}


def find_history(
    connection: Connection, query: HistoryQuery, access: Access, within: Restriction
) -> HistoryPage:
    """See `Store.history_page`."""
    first, newest = _bounds(connection, query.since)
    rids: dict[int, int] = {}

    def fetch(before: int | None, most: int) -> list[Past]:
        rows = _rows(connection, query, within, first, before, most)
        rids.update({row[4]: row[7] for row in rows})
        return [Past(Version(*row[:6]), row[6]) for row in rows]

    page, before = filled(query, within, fetch)
    there, rid = _there(connection, query, within) if query.resource_id else (True, None)
    concerned = {rids[one.version.position] for one in page}
    if query.resource_id:
        concerned = {rid} if rid is not None else set()
    patients = [row[0] for row in connection.execute(_PATIENTS, (list(concerned),))] if concerned else []
    total: int | None = None
    if within.sees_withheld:
        whole = query.before is None and before is None and query.count > 0
        total = len(page) if whole else _total(connection, query, within, first, newest)
    write_lines(connection, notes_of_history(query, patients, len(page), within, there=there), access)
    return HistoryPage(page, total, before, there)


def _bounds(connection: Connection, since: datetime | None) -> tuple[int, int]:
    """The first position that is not before `since`, and the newest of all."""
    row = connection.execute("SELECT position FROM record_state").fetchone()
    newest = int(row[0]) if row else 0
    if since is None:
        return 1, newest
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(_TIME, {"at": middle}).fetchone()
        if found is not None and found[0] >= since:
            high = middle
        else:
            low = middle + 1
    return low, newest


def _rows(
    connection: Connection,
    query: HistoryQuery,
    within: Restriction,
    first: int,
    before: int | None,
    most: int,
) -> list[tuple[Any, ...]]:
    parts, values = [], []
    for alias, tables in _FROM.items():
        where, bound = _where(query, within, alias, first, before)
        parts.append(
            f"(SELECT r.type, r.id, {alias}.version_id, {alias}.last_updated, {alias}.position, {alias}.body, r.rid"
            f" FROM {tables} WHERE {where} ORDER BY {alias}.position DESC LIMIT %s)"
        )
        values += [*bound, most]
    statement = (
        f"SELECT v.type, v.id, v.version_id, v.last_updated, v.position, v.body, {_MADE}, v.rid"
        f" FROM ({' UNION ALL '.join(parts)}) v ORDER BY v.position DESC LIMIT %s"
    )
    return connection.execute(statement, [*values, most], binary=True).fetchall()


def _total(connection: Connection, query: HistoryQuery, within: Restriction, first: int, newest: int) -> int:
    if not query.resource_type and query.current_in is None and within == EVERYTHING:
        return newest - first + 1  # positions have no gaps
    counts, values = [], []
    for alias, tables in _FROM.items():
        where, bound = _where(query, within, alias, first, None)
        counts.append(f"(SELECT count(*) FROM {tables} WHERE {where})")
        values += bound
    row = connection.execute(f"SELECT {' + '.join(counts)}", values).fetchone()
    return int(row[0]) if row else 0


def _where(query: HistoryQuery, within: Restriction, alias: str, first: int, before: int | None) -> Sql:
    asked: list[tuple[str, Any]] = []
    if first > 1:
        asked.append((f"{alias}.position >= %s", first))
    if before is not None:
        asked.append((f"{alias}.position < %s", before))
    if query.resource_type:
        asked.append(("r.type = %s", query.resource_type))
    if query.resource_id:
        asked.append(("r.id = %s", query.resource_id))
    if query.current_in is not None:
        low, high = query.current_in
        asked.append((f"{alias}.last_updated < %s", high))
        if alias == "s":
            asked.append((f"{_UNTIL} > %s", low))
    visible, values = allowed(within)
    return " AND ".join([*(text for text, _ in asked), visible]), [*(value for _, value in asked), *values]


def _there(connection: Connection, query: HistoryQuery, within: Restriction) -> tuple[bool, int | None]:
    visible, values = allowed(within)
    row = connection.execute(
        f"SELECT r.rid, {visible} FROM resource r WHERE r.type = %s AND r.id = %s",
        [*values, query.resource_type, query.resource_id],
    ).fetchone()
    return (bool(row[1]), int(row[0])) if row else (False, None)
