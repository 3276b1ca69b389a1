"""Many rows as one value of one statement: a JSON array of arrays, taken apart by PostgreSQL.

For batches too small for COPY. The statement is the same for any number of rows, so that it stays prepared and is atomic by
itself. For texts, numbers and moments, not for bytes. Above: rooms that write many small rows.
"""

from __future__ import annotations

from collections.abc import Sequence


def insert_from_json(table: str, columns: str, types: Sequence[str]) -> str:
    """The statement; its one value is a JSON array with an array for each row, in the order of the columns."""
    values = ", ".join(f"(r ->> {number})::{name}" for number, name in enumerate(types))
    return f"INSERT INTO {table} ({columns}) SELECT {values} FROM json_array_elements(%s::json) r"
