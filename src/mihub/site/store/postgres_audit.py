"""The audit table: written in the transaction of what it notes, read newest first. Above: `postgres`, search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from mihub.core.audit.entry import AuditEntry
from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.database.json_rows import insert_from_json
from mihub.database.pool import Connection
from mihub.site.store.content import now_milliseconds
from mihub.site.store.protocol import AuditQuery, Note

_WHO: Final = "recorded, actor_id, actor_name, role, organization, purpose, relation"
_WHAT: Final = "action, interaction, resource_type, resource_id, patient, count, outcome, parameters"
_COLUMNS: Final = f"{_WHO}, {_WHAT}, subject, first_position, last_position"
_INSERT: Final = f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join(['%s'] * 18)})"
_TYPES: Final = (
    'timestamptz', *['text'] * 6, '"char"', *['text'] * 4, 'int4', '"char"', 'text', 'text', 'int8', 'int8',
)  # fmt: skip
_INSERT_MANY: Final = insert_from_json("audit", _COLUMNS, _TYPES)


def write_lines(connection: Connection, notes: Sequence[Note], access: Access) -> None:
    """Note them; durable with the surrounding transaction, or at once when there is none."""
    actor = access.actor
    who = (
        now_milliseconds(), actor.id, actor.name, actor.role.value, actor.organization, access.purpose.value,
        access.care_relation,
    )  # fmt: skip
    lines = [
        (
            *who, note.action, note.interaction, note.resource_type, note.resource_id, note.patient, note.count,
            note.outcome, note.parameters, access.subject or "", note.first, note.last,
        )
        for note in notes
    ]  # fmt: skip
    if len(lines) == 1:
        connection.execute(_INSERT, lines[0])
    elif lines:
        # One statement: all lines of a page or none.
        connection.execute(_INSERT_MANY, (orjson.dumps(lines).decode(),))


def find_lines(connection: Connection, query: AuditQuery, within: Restriction) -> list[AuditEntry]:
    """The lines that are asked for and allowed."""
    conditions, values = _conditions(query)
    if "AuditEvent" not in within.open_types:
        if within.patient_id is None or "AuditEvent" not in within.patient_types:
            return []
        conditions.append("patient = %s")
        values.append(within.patient_id)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = connection.execute(
        f"SELECT id, {_WHO}, {_WHAT} FROM audit {where} ORDER BY id DESC LIMIT %s", (*values, query.limit)
    )
    return [_entry(row) for row in rows]


def _conditions(query: AuditQuery) -> tuple[list[str], list[Any]]:
    kind, _, key = (query.entity or "").partition("/")
    asked: list[tuple[str, Any]] = [
        ("patient = %s", query.patient),
        ("resource_type = %s", kind or None),
        ("resource_id = %s", key if query.entity else None),
        ("recorded >= %s", query.since),
        ("recorded < %s", query.until),
        ("id < %s", query.before_id),
    ]
    used = [(condition, value) for condition, value in asked if value is not None]
    return [condition for condition, _ in used], [value for _, value in used]


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    *others, outcome, parameters = row
    *who, action, interaction, resource_type, resource_id, patient, count = others
    lines = [
        *who,
        _code(action),
        interaction,
        resource_type,
        resource_id,
        patient,
        count,
        _code(outcome),
        parameters,
    ]
    return AuditEntry(*lines)


def _code(value: Any) -> Any:
    # The type "char" of PostgreSQL arrives as bytes.
    return value.decode() if isinstance(value, bytes) else value
