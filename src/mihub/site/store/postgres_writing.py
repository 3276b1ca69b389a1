"""How a plan of versions reaches the tables: the old version steps aside, then everything new is copied in.

Eight COPYs write a batch of any size, one round trip a single resource. Runs inside the writer's transaction.
Above: `postgres`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Final

import orjson

from mihub.database.json_rows import insert_from_json
from mihub.database.pool import Connection
from mihub.site.store.content import stamped
from mihub.site.store.deciding import Current, Key, Step
from mihub.site.store.protocol import Version
from mihub.site.store.rows import IndexRows

_CURRENT: Final = """
SELECT r.type, r.id, r.rid, r.version_id, r.digest,
       ARRAY(SELECT patient FROM compartment c WHERE c.rid = r.rid),
       EXISTS (SELECT 1 FROM withheld w WHERE w.rid = r.rid)
FROM unnest(%s::text[], %s::text[]) AS asked (type, id)
JOIN resource r ON r.type = asked.type AND r.id = asked.id
"""
_ARCHIVE: Final = """
INSERT INTO superseded (rid, version_id, position, last_updated, body)
SELECT rid, version_id, position, last_updated, body FROM resource WHERE rid = ANY(%s)
"""
_INDEX_TABLES: Final = {
    "index_token": ("param, system, code, rid", ["int4", "text", "text", "int8"]),
    "index_text": ("param, folded, written, rid", ["int4", "text", "text", "int8"]),
    "index_date": ("param, low, high, rid", ["int4", "timestamptz", "timestamptz", "int8"]),
    "index_quantity": (
        "param, value, system, code, unit, rid",
        ["int4", "float8", "text", "text", "text", "int8"],
    ),
    "index_link": ("param, type, id, rid", ["int4", "text", "text", "int8"]),
    "index_part": (
        "param, part, system, code, unit, value, folded, written, low, high, type, id, rid",
        [
            "int4",
            "int4",
            "text",
            "text",
            "text",
            "float8",
            "text",
            "text",
            "timestamptz",
            "timestamptz",
            "text",
            "text",
            "int8",
        ],
    ),
    "compartment": ("patient, rid", ["text", "int8"]),
    "withheld": ("rid", ["int8"]),
}
_FROM_JSON: Final = {name: insert_from_json(name, *of) for name, of in _INDEX_TABLES.items()}
_RESOURCE: Final = (
    "rid, type, id, version_id, position, last_updated, digest, body",
    ["int8", "text", "text", "int4", "int8", "timestamptz", "bytea", "bytea"],
)
# Up to so many versions are sent as plain inserts.
_SMALL: Final = 8
_SUPERSEDED: Final = (
    "rid, version_id, position, last_updated, body",
    ["int8", "int4", "int8", "timestamptz", "bytea"],
)


def current_of(connection: Connection, keys: Sequence[Key]) -> tuple[dict[Key, Current], dict[Key, int]]:
    """What the record holds of these resources, and their row numbers."""
    wanted = list(dict.fromkeys(keys))
    parameters = ([key[0] for key in wanted], [key[1] for key in wanted])
    rows = connection.execute(_CURRENT, parameters, binary=True).fetchall() if wanted else []
    current = {(row[0], row[1]): Current(row[3], row[4], tuple(sorted(row[5])), row[6]) for row in rows}
    return current, {(row[0], row[1]): row[2] for row in rows}


def write_steps(
    connection: Connection,
    steps: Sequence[Step],
    rids: Mapping[Key, int],
    position: int,
    resources: int,
    now: datetime,
) -> list[Version]:
    """Write all versions and tell them; `position` and `resources` are the counters before this transaction."""
    numbered = _numbered(steps, rids, resources)
    last = {step.key: index for index, step in enumerate(steps)}
    versions = [
        (
            numbered[step.key], *step.key, step.version_id, position + index + 1, now, step.digest,
            stamped(step.resource, step.version_id, now) if step.resource is not None else None,
        )
        for index, step in enumerate(steps)
    ]  # fmt: skip
    final = [row for index, row in enumerate(versions) if last[steps[index].key] == index]
    overtaken = [
        (row[0], row[3], row[4], row[5], row[7])
        for index, row in enumerate(versions)
        if last[steps[index].key] != index
    ]
    new = sum(key not in rids for key in last)
    # A pipeline sends a small write in one round trip; COPY, which a pipeline can not hold, is for batches.
    small = len(steps) <= _SMALL
    into = _insert if small else _copy
    with connection.pipeline() if small else nullcontext():
        _set_aside(connection, [rids[key] for key in last if key in rids])
        into(connection, "resource", *_RESOURCE, final)
        into(connection, "superseded", *_SUPERSEDED, overtaken)
        tables = _by_table([(numbered[key], steps[index].rows) for key, index in last.items()])
        for name, (columns, types) in _INDEX_TABLES.items():
            into(connection, name, columns, types, tables[name])
        counters = (position + len(steps), resources + new, now)
        connection.execute("UPDATE record_state SET position = %s, resources = %s, last_write = %s", counters)
    return [Version(*row[1:3], row[3], row[5], row[4], row[7]) for row in versions]


def remove_rows(connection: Connection, rids: Sequence[int]) -> None:
    """Forget the index of these resources."""
    for table in _INDEX_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE rid = ANY(%s)", (list(rids),))


def copy_rows(connection: Connection, indexed: Sequence[tuple[int, IndexRows]]) -> None:
    """Write the index of these resources."""
    tables = _by_table(indexed)
    for name, (columns, types) in _INDEX_TABLES.items():
        _copy(connection, name, columns, types, tables[name])


def _by_table(indexed: Sequence[tuple[int, IndexRows]]) -> dict[str, list[tuple[Any, ...]]]:
    tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _INDEX_TABLES}
    for rid, rows in indexed:
        tail = (rid,)
        tables["index_token"] += [row + tail for row in rows.tokens]
        tables["index_text"] += [row + tail for row in rows.texts]
        tables["index_date"] += [row + tail for row in rows.dates]
        tables["index_quantity"] += [row + tail for row in rows.quantities]
        tables["index_link"] += [row + tail for row in rows.links]
        tables["index_part"] += [row + tail for row in rows.parts]
        tables["compartment"] += [(patient, rid) for patient in rows.patients]
        tables["withheld"] += [tail] if rows.withheld else []
    return tables


def _numbered(steps: Sequence[Step], rids: Mapping[Key, int], resources: int) -> dict[Key, int]:
    numbered = dict(rids)
    for step in steps:
        if step.key not in numbered:
            resources += 1
            numbered[step.key] = resources
    return numbered


def _set_aside(connection: Connection, rids: list[int]) -> None:
    if not rids:
        return
    connection.execute(_ARCHIVE, (rids,))
    connection.execute("DELETE FROM resource WHERE rid = ANY(%s)", (rids,))
    remove_rows(connection, rids)


def _insert(
    connection: Connection, table: str, columns: str, types: list[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    if not rows:
        return
    if table in _FROM_JSON:
        # One text of always the same kind: the statement stays prepared, and nothing is dumped value by value.
        connection.execute(_FROM_JSON[table], (orjson.dumps(rows).decode(),))
        return
    one = f"({', '.join(['%s'] * len(types))})"
    values = [value for row in rows for value in row]
    connection.execute(f"INSERT INTO {table} ({columns}) VALUES {', '.join([one] * len(rows))}", values)


def _copy(
    connection: Connection, table: str, columns: str, types: list[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    if not rows:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
