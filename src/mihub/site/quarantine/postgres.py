"""The product's quarantine on the site's PostgreSQL: a refusal is durable before the account that names it.

One statement a decision, so that two people never decide the same item twice. Beside: `memory`. Below: `database`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from mihub.core.fhir import Json
from mihub.database.faults import translated
from mihub.database.migrate import migrate
from mihub.database.pool import Connection, Pool
from mihub.site.quarantine.memory import already_done, mark_of, no_such
from mihub.site.quarantine.protocol import (
    OPEN_STATES,
    Asked,
    Found,
    Item,
    Overview,
    Refused,
    State,
    Trouble,
)
from mihub.site.quarantine.told import from_json, to_json
from mihub.site.validate.finding import Finding

_OPEN: Final = list(OPEN_STATES)
_KEEP: Final = """
INSERT INTO quarantine (state, kind, source, resource_type, resource_id, file, line, entry, client, mark, body,
    size_bytes, findings, troubles, rules, profiles, received_at, last_at)
VALUES ('waiting', %(kind)s, %(source)s, %(type)s, %(id)s, %(file)s, %(line)s, %(entry)s, %(client)s, %(mark)s,
    %(body)s, %(size)s, %(findings)s::jsonb, %(troubles)s::jsonb, %(rules)s, %(profiles)s, %(now)s, %(now)s)
ON CONFLICT (mark) WHERE state IN ('waiting', 'repaired') DO UPDATE SET
    times = quarantine.times + 1, last_at = excluded.last_at, file = excluded.file, line = excluded.line,
    entry = excluded.entry, client = excluded.client, resource_type = excluded.resource_type,
    resource_id = excluded.resource_id, findings = excluded.findings, troubles = excluded.troubles,
    rules = excluded.rules, profiles = excluded.profiles, size_bytes = excluded.size_bytes
RETURNING id
"""
_AGAIN: Final = """
UPDATE quarantine SET times = times + 1, last_at = %(now)s, file = %(file)s, line = %(line)s, entry = %(entry)s,
    client = %(client)s, resource_type = %(type)s, resource_id = %(id)s, findings = %(findings)s::jsonb,
    troubles = %(troubles)s::jsonb, rules = %(rules)s, profiles = %(profiles)s, size_bytes = %(size)s
WHERE mark = %(mark)s AND state IN ('waiting', 'repaired')
RETURNING id
"""
_COLUMNS: Final = """
id, state, kind, source, resource_type, resource_id, file, line, entry, client, size_bytes, findings, troubles,
received_at, last_at, times, tries, coalesce(body, repaired) IS NOT NULL, decided_by, decided_at, reason
"""
_FITS: Final = """
state = ANY(%(states)s) AND (%(rule)s = '' OR %(rule)s = ANY(rules)) AND (%(type)s = '' OR resource_type = %(type)s)
AND (%(profile)s = '' OR %(profile)s = ANY(profiles)) AND (%(source)s = '' OR source = %(source)s)
"""
_DONE: Final = """
UPDATE quarantine SET state = %s, decided_by = %s, decided_at = now(), reason = %s, body = NULL, repaired = NULL,
    tries = tries + %s
WHERE id = %s
"""
# An empty quarantine is not asked at every write; a delivery that repairs something is noticed at the latest then.
_LOOK_SECONDS: Final = 1.0


class PostgresQuarantine:
    """A `Quarantine` on an open pool."""

    def __init__(self, pool: Pool) -> None:
        """Bring the tables up to date."""
        self._pool = pool
        self._nothing_waits_until = 0.0
        migrate(pool, "mihub.site.quarantine")

    def keep(self, items: Sequence[Refused]) -> list[int]:
        """See `Quarantine.keep`."""
        now, ids = datetime.now(UTC), []
        with translated(), self._pool.connection() as connection, connection.transaction():
            for refused in items:
                values = _values(refused, now)
                # Asked first, because an insert that meets the same bytes would use up a number.
                row = connection.execute(_AGAIN, values).fetchone()
                row = row or connection.execute(_KEEP, values).fetchone()
                item_id = int(row[0]) if row else 0
                _wait_for(connection, item_id, refused.keys)
                ids.append(item_id)
        self._nothing_waits_until = 0.0
        return ids

    def find(self, asked: Asked) -> Found:
        """See `Quarantine.find`."""
        values = _asked(asked) | {"limit": asked.limit or None, "offset": asked.offset}
        with translated(), self._pool.connection() as connection:
            total = connection.execute(f"SELECT count(*) FROM quarantine WHERE {_FITS}", values).fetchone()
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM quarantine WHERE {_FITS} ORDER BY id DESC LIMIT %(limit)s OFFSET %(offset)s",
                values,
            ).fetchall()
        return Found(tuple(_item(row) for row in rows), int(total[0]) if total else 0)

    def read(self, item_id: int) -> Item:
        """See `Quarantine.read`."""
        with translated(), self._pool.connection() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM quarantine WHERE id = %s", (_number(item_id),)
            ).fetchone()
        if row is None:
            raise no_such()
        return _item(row)

    def body(self, item_id: int, *, as_it_came: bool = False) -> bytes | None:
        """See `Quarantine.body`."""
        what = "body" if as_it_came else "coalesce(repaired, body)"
        with translated(), self._pool.connection() as connection:
            query = f"SELECT {what} FROM quarantine WHERE id = %s"
            row = connection.execute(query, (_number(item_id),), binary=True).fetchone()
        if row is None:
            raise no_such()
        return bytes(row[0]) if row[0] is not None else None

    def repair(self, item_id: int, body: bytes, findings: Sequence[Finding], who: str) -> None:
        """See `Quarantine.repair`."""
        made, _, rules, profiles = _said(findings, ())
        with translated(), self._pool.connection() as connection, connection.transaction():
            _must_be_open(connection, item_id)
            connection.execute(
                "UPDATE quarantine SET state = 'repaired', repaired = %s, findings = %s::jsonb, troubles = '[]',"
                " rules = %s, profiles = %s, decided_by = %s, decided_at = now() WHERE id = %s",
                (body, made, rules, profiles, who, item_id),
            )

    def retried(
        self,
        item_id: int,
        who: str,
        *,
        stored: bool,
        findings: Sequence[Finding] = (),
        troubles: Sequence[Trouble] = (),
    ) -> None:
        """See `Quarantine.retried`."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            _state_of(connection, item_id)
            if stored:
                self._finish(connection, item_id, "retried-ok", who, tries=1)
                return
            made, sentences, rules, profiles = _said(findings, troubles)
            connection.execute(
                "UPDATE quarantine SET tries = tries + 1, findings = %s::jsonb, troubles = %s::jsonb, rules = %s,"
                " profiles = %s, decided_by = %s, decided_at = now() WHERE id = %s AND state = ANY(%s)",
                (made, sentences, rules, profiles, who, item_id, _OPEN),
            )

    def discard(self, item_id: int, who: str, reason: str) -> None:
        """See `Quarantine.discard`."""
        with translated(), self._pool.connection() as connection, connection.transaction():
            _must_be_open(connection, item_id)
            self._finish(connection, item_id, "discarded", who, reason=reason)

    def accepted(self, keys: Sequence[str]) -> int:
        """See `Quarantine.accepted`."""
        if time.monotonic() < self._nothing_waits_until:
            return 0
        with translated(), self._pool.connection() as connection, connection.transaction():
            rows = connection.execute(
                "DELETE FROM quarantine_key WHERE key = ANY(%s) RETURNING item", (list(keys),)
            ).fetchall()
            touched = sorted({int(row[0]) for row in rows})
            done = [item for item in touched if not _waits_for_more(connection, item)]
            for item in done:
                self._finish(connection, item, "retried-ok", "")
            if not touched:
                waiting = connection.execute("SELECT EXISTS (SELECT 1 FROM quarantine_key)").fetchone()
                if waiting is None or not waiting[0]:
                    self._nothing_waits_until = time.monotonic() + _LOOK_SECONDS
        return len(done)

    def overview(self) -> Overview:
        """See `Quarantine.overview`."""
        grouped = "SELECT {what}, count(*) FROM {source} WHERE state = ANY(%s) AND {what} <> '' GROUP BY 1"
        with translated(), self._pool.connection() as connection:

            def counted(query: str, *values: Any) -> dict[str, int]:
                return {str(row[0]): int(row[1]) for row in connection.execute(query, values or None)}

            return Overview(
                counted("SELECT state, count(*) FROM quarantine GROUP BY 1"),
                counted(grouped.format(what="r", source="quarantine, unnest(rules) r"), _OPEN),
                counted(grouped.format(what="resource_type", source="quarantine"), _OPEN),
                counted(grouped.format(what="p", source="quarantine, unnest(profiles) p"), _OPEN),
                counted(grouped.format(what="source", source="quarantine"), _OPEN),
            )

    @staticmethod
    def _finish(
        connection: Connection, item_id: int, state: State, who: str, *, reason: str = "", tries: int = 0
    ) -> None:
        connection.execute(_DONE, (state, who, reason, tries, item_id))
        connection.execute("DELETE FROM quarantine_key WHERE item = %s", (item_id,))


def _state_of(connection: Connection, item_id: int) -> str:
    """The state, held until the transaction ends. Raises `NotFound`."""
    row = connection.execute(
        "SELECT state FROM quarantine WHERE id = %s FOR UPDATE", (_number(item_id),)
    ).fetchone()
    if row is None:
        raise no_such()
    return str(row[0])


def _must_be_open(connection: Connection, item_id: int) -> None:
    if _state_of(connection, item_id) not in OPEN_STATES:
        raise already_done()


def _wait_for(connection: Connection, item_id: int, keys: Sequence[str]) -> None:
    connection.execute("DELETE FROM quarantine_key WHERE item = %s", (item_id,))
    if keys:
        connection.execute(
            "INSERT INTO quarantine_key (item, key) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
            (item_id, list(keys)),
        )


def _waits_for_more(connection: Connection, item_id: int) -> bool:
    query = "SELECT EXISTS (SELECT 1 FROM quarantine_key WHERE item = %s)"
    row = connection.execute(query, (item_id,)).fetchone()
    return bool(row and row[0])


def _number(item_id: int) -> int:
    """A number that the table can hold; anything else is nobody's."""
    return item_id if 0 < item_id < 2**63 else 0


def _values(refused: Refused, now: datetime) -> Json:
    findings, troubles, rules, profiles = _said(refused.findings, refused.troubles)
    return {
        "kind": refused.kind, "source": refused.source, "type": refused.resource_type, "id": refused.resource_id,
        "file": refused.file, "line": refused.line, "entry": refused.entry, "client": refused.client,
        "mark": mark_of(refused), "body": refused.body, "size": refused.size_bytes, "findings": findings,
        "troubles": troubles, "rules": rules, "profiles": profiles, "now": now,
    }  # fmt: skip


def _said(findings: Sequence[Finding], troubles: Sequence[Trouble]) -> tuple[str, str, list[str], list[str]]:
    """Findings, troubles, rules and profiles as the table holds them."""
    whole = Refused("resource", "", None, 0, findings=tuple(findings), troubles=tuple(troubles))
    return (
        orjson.dumps([to_json(found) for found in findings]).decode(),
        orjson.dumps(
            [{"reason": one.reason, "rule": one.rule, "next": one.next} for one in troubles]
        ).decode(),
        list(whole.rules),
        list(whole.profiles),
    )


def _asked(asked: Asked) -> Json:
    return {
        "states": list(asked.states or OPEN_STATES), "rule": asked.rule, "type": asked.resource_type,
        "profile": asked.profile, "source": asked.source,
    }  # fmt: skip


def _item(row: Sequence[Any]) -> Item:
    values: Iterator[Any] = iter(row)
    item_id, state, kind, source, resource_type, resource_id, file, line, entry, client, size = (
        next(values) for _ in range(11)
    )
    findings, troubles, received_at, last_at, times, tries, has_body, who, decided_at, reason = values
    refused = Refused(
        kind, source, None, size, resource_type, resource_id, file, line, entry, client,
        tuple(from_json(one) for one in findings),
        tuple(Trouble(one["reason"], one["rule"], one["next"]) for one in troubles),
    )  # fmt: skip
    return Item(
        item_id, state, refused, received_at, last_at, times, tries, has_body, who, decided_at, reason
    )
