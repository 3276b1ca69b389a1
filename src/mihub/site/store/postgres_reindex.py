"""Index the whole record again when a newer program indexes other elements. Above: `postgres`, at opening."""

from __future__ import annotations

import secrets
from typing import Final

import orjson

from mihub.database.pool import Connection
from mihub.site.store.postgres_writing import copy_rows, remove_rows
from mihub.site.store.rows import Indexer

_PAGE: Final = 1000
_PAGE_KEY_BYTES: Final = 32


def reindex(connection: Connection, index: Indexer, catalogue: str) -> int:
    """Make the state row when new; the number of resources indexed again because `catalogue` is another than
    before.

    All in one transaction: a search sees the old index or the new one.
    """
    with connection.transaction():
        connection.execute(
            "INSERT INTO record_state (position, resources, catalogue, page_key) VALUES (0, 0, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (catalogue, secrets.token_bytes(_PAGE_KEY_BYTES)),
        )
        state = connection.execute("SELECT catalogue FROM record_state FOR UPDATE").fetchone()
        if state is None or state[0] == catalogue:
            return 0
        count = _index_all(connection, index)
        connection.execute("UPDATE record_state SET catalogue = %s", (catalogue,))
    return count


def _index_all(connection: Connection, index: Indexer) -> int:
    last, count = 0, 0
    while True:
        rows = connection.execute(
            "SELECT rid, body FROM resource WHERE rid > %s AND body IS NOT NULL ORDER BY rid LIMIT %s",
            (last, _PAGE),
            binary=True,
        ).fetchall()
        if not rows:
            return count
        remove_rows(connection, [rid for rid, _ in rows])
        copy_rows(connection, [(rid, index(orjson.loads(body))) for rid, body in rows])
        last, count = rows[-1][0], count + len(rows)
