"""Facts as Arrow columns: the one schema of the Parquet files.

Neighbours: `segments` writes them, `engine` reads them. pyarrow is imported when used, because it is large.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mihub.core.query.facts import Fact

# Raise it when rows would be made differently from the same resources: the files are then rebuilt.
FORMAT = 1


def schema() -> Any:
    """The Arrow schema of a facts file; `segment` is the number of the file that a row stands in."""
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    types = {
        "kind": word,
        "slot": word,
        "system": word,
        "value_system": word,
        "unit": word,
        "department": word,
        "value_low": pa.float64(),
        "value_high": pa.float64(),
        "date_low": pa.date32(),
        "date_high": pa.date32(),
    }
    fields = [(name, types.get(name, pa.string())) for name in Fact._fields]
    return pa.schema([*fields, ("segment", pa.int32())])


def table_of(facts: Sequence[Fact], *, segment: int) -> Any:
    """The facts as one Arrow table."""
    import pyarrow as pa

    whole = schema()
    columns = zip(*facts, strict=True) if facts else [()] * len(Fact._fields)
    arrays = [pa.array(column, whole.field(i).type) for i, column in enumerate(columns)]
    arrays.append(pa.array([segment] * len(facts), pa.int32()))
    return pa.table(arrays, schema=whole)
