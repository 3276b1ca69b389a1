"""The product's search on PostgreSQL: one statement a page, one for the total when the page does not show it.

Below: `postgres_sql` writes the statements, `site.store` owns the tables. Above: `site.site`.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.database.faults import translated
from mihub.database.pool import Connection, Pool
from mihub.site.search import protocol
from mihub.site.search.catalogue import ANY_TYPE
from mihub.site.search.postgres_sql import (
    after_sql,
    condition_sql,
    order_by,
    restriction_sql,
    sort_columns,
)
from mihub.site.search.postgres_values import Sql
from mihub.site.search.protocol import Page
from mihub.site.search.question import Include, Question
from mihub.site.store.noting import notes_of_search
from mihub.site.store.postgres_audit import write_lines
from mihub.site.store.protocol import Version

_COLUMNS: Final = "r.type, r.id, r.version_id, r.last_updated, r.position, r.body"
_PATIENTS: Final = "SELECT DISTINCT patient FROM compartment WHERE rid = ANY(%s)"


class PostgresSearch:
    """A `Search` over the tables of `PostgresStore`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def find(self, question: Question, access: Access, within: Restriction = EVERYTHING) -> Page:
        """See `Search.find`."""
        with translated(), self._pool.connection() as connection:
            rows = [] if question.only_count else _page(connection, question, within)
            more = len(rows) > question.count
            rows = rows[: question.count]
            total = _total(connection, question, within, len(rows), more)
            included = _included(connection, question, rows, within)
            patients = _patients(connection, [row[0] for row in rows + included])
            interaction = "count" if question.only_count else "search-type"
            count = total if question.only_count and total is not None else len(rows)
            allowed = question.resource_type == ANY_TYPE or within.names(question.resource_type)
            notes = notes_of_search(
                interaction, question.resource_type, patients, count, question.names, allowed=allowed
            )
            write_lines(connection, notes, access)
        after = (*rows[-1][7:], rows[-1][0]) if more else None
        return Page([_version(row) for row in rows], [_version(row) for row in included], total, after)

    def ids(self, question: Question, within: Restriction = EVERYTHING) -> list[str]:
        """See `Search.ids`."""
        where, values = _where(question, within)
        with translated(), self._pool.connection() as connection:
            rows = connection.execute(f"SELECT r.id FROM resource r WHERE {where} ORDER BY r.rid", values)
            return [row[0] for row in rows]

    def page_key(self) -> bytes:
        """The secret under which this record seals its links to further pages."""
        with translated(), self._pool.connection() as connection:
            row = connection.execute("SELECT page_key FROM record_state", binary=True).fetchone()
        return bytes(row[0]) if row else b""


def _where(question: Question, within: Restriction) -> tuple[str, list[Any]]:
    pieces: list[Sql] = [("r.digest IS NOT NULL", [])]
    if question.resource_type != ANY_TYPE:
        pieces.append(("r.type = %s", [question.resource_type]))
    pieces += [condition_sql(condition, "r", within) for condition in question.conditions]
    pieces.append(restriction_sql(within, "r"))
    return " AND ".join(text for text, _ in pieces), [value for _, values in pieces for value in values]


def _page(connection: Connection, question: Question, within: Restriction) -> list[tuple[Any, ...]]:
    statement, values = page_statement(question, within)
    return connection.execute(statement, values, binary=True).fetchall()


def page_statement(question: Question, within: Restriction) -> tuple[str, list[Any]]:
    """The statement for one page and one resource more, and its values."""
    where, values = _where(question, within)
    columns, sort_values = sort_columns(question.sort, "r")
    found = f"SELECT r.rid, {_COLUMNS}{columns} FROM resource r WHERE {where}"
    values = [*sort_values, *values]
    if question.after is not None:
        later, later_values = after_sql(question.sort, question.after)
        found = f"SELECT * FROM ({found}) found WHERE {later}"
        values += later_values
    statement = f"{found} ORDER BY {order_by(question.sort)} LIMIT %s"
    return statement, [*values, question.count + 1]


def _total(
    connection: Connection, question: Question, within: Restriction, shown: int, more: bool
) -> int | None:
    if not question.total and not question.only_count:
        return None
    if not more and question.after is None and not question.only_count:
        return shown
    where, values = _where(question, within)
    row = connection.execute(f"SELECT count(*) FROM resource r WHERE {where}", values).fetchone()
    return int(row[0]) if row else 0


def _included(
    connection: Connection, question: Question, rows: list[tuple[Any, ...]], within: Restriction
) -> list[tuple[Any, ...]]:
    known = {row[0] for row in rows}
    found: dict[int, tuple[Any, ...]] = {}
    fresh, asked = sorted(known), question.includes
    while fresh and asked:
        led = {row[0]: row for one in asked for row in _led_to(connection, one, fresh, within)}
        fresh = sorted(led.keys() - known)
        known.update(led)
        found.update((rid, led[rid]) for rid in fresh)
        if len(found) > protocol.MOST_INCLUDED:
            raise protocol.too_many_included()
        asked = tuple(one for one in question.includes if one.iterate)
    return [found[rid] for rid in sorted(found)]


def _led_to(
    connection: Connection, include: Include, rids: list[int], within: Restriction
) -> list[tuple[Any, ...]]:
    allowed, values = restriction_sql(within, "r")
    param = "x.param = %s" if len(include.indexes) == 1 else "x.param = ANY(%s)"
    kinds, wanted = ("AND x.type = ANY(%s)", [sorted(include.targets)]) if include.targets else ("", [])
    if include.reverse:
        links = (
            "SELECT x.rid FROM resource m JOIN index_link x ON x.type = m.type AND x.id = m.id"
            f" WHERE {param} AND m.rid = ANY(%s) {kinds}"
        )
    else:
        links = (
            "SELECT t.rid FROM index_link x JOIN resource t ON t.type = x.type AND t.id = x.id"
            f" WHERE {param} AND x.rid = ANY(%s) {kinds}"
        )
    statement = (
        f"SELECT r.rid, {_COLUMNS} FROM resource r WHERE r.rid IN ({links})"
        f" AND r.digest IS NOT NULL AND {allowed} LIMIT %s"
    )
    index = include.indexes[0] if len(include.indexes) == 1 else list(include.indexes)
    most = protocol.MOST_INCLUDED + len(rids) + 1
    return connection.execute(statement, [index, rids, *wanted, *values, most], binary=True).fetchall()


def _patients(connection: Connection, rids: list[int]) -> list[str]:
    return [row[0] for row in connection.execute(_PATIENTS, (rids,))] if rids else []


def _version(row: tuple[Any, ...]) -> Version:
    return Version(*row[1:7])
