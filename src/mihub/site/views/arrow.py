"""Rows to Arrow with the types that the columns declare.

Dates and partial dates stay text, as the specification maps them; decimals are 64 bit floats unless the tag `ansi/type`
says otherwise. A value that its column's type can not hold becomes null and is counted. Source: SQL on FHIR v2 §Type
Hinting. Below: `core.fhir.views`. Above: `encoding`, `parquet`.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import orjson
import pyarrow as pa

from mihub.core.fhir.views import Column, Findings, Kind, View, ViewError

_TYPES: Final[dict[Kind, pa.DataType]] = {
    Kind.TEXT: pa.string(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int32(),
    Kind.LONG: pa.int64(),
    Kind.DECIMAL: pa.float64(),
    Kind.INSTANT: pa.timestamp("us", tz="UTC"),
    Kind.BINARY: pa.binary(),
    Kind.JSON: pa.string(),
}
_SQL: Final[dict[str, pa.DataType]] = {
    "BOOLEAN": pa.bool_(), "SMALLINT": pa.int16(), "INT": pa.int32(), "INTEGER": pa.int32(), "BIGINT": pa.int64(),
    "REAL": pa.float32(), "FLOAT": pa.float64(), "DOUBLE PRECISION": pa.float64(), "DOUBLE": pa.float64(),
    "DATE": pa.date32(), "TIMESTAMP": pa.timestamp("us"), "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
    "TEXT": pa.string(), "CHARACTER VARYING": pa.string(), "VARCHAR": pa.string(), "CHAR": pa.string(),
    "CHARACTER": pa.string(), "CLOB": pa.string(), "BINARY": pa.binary(), "VARBINARY": pa.binary(),
    "BINARY VARYING": pa.binary(), "BLOB": pa.binary(), "DECIMAL": pa.decimal128(38, 9), "NUMERIC": pa.decimal128(38, 9),
}  # fmt: skip
_SIZED: Final = re.compile(r"([A-Z ]+?) ?\( ?(\d{1,4})(?: ?, ?(\d{1,2}))? ?\)(.*)")
_MOST_DIGITS: Final = 38


def schema(view: View) -> pa.Schema:
    """The Arrow schema of a view's table. Raises `ViewError` for a tag `ansi/type` that is not known."""
    return pa.schema(
        [_field(column) for column in view.columns],
        metadata={"view": view.name, "view_url": view.url, "view_version": view.version, "made_by": "mihub"},
    )


def batch(
    rows: Sequence[tuple[Any, ...]], view: View, types: pa.Schema, findings: Findings
) -> pa.RecordBatch:
    """The rows as one batch."""
    if not rows:
        return pa.RecordBatch.from_pylist([], schema=types)
    arrays = [
        _array(values, column, field.type, findings)
        for values, column, field in zip(zip(*rows, strict=True), view.columns, types, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=types)


def _field(column: Column) -> pa.Field:
    kind = _sql(column) if column.sql_type else _TYPES[column.kind]
    about = {"fhir_type": column.fhir_type, "description": column.description}
    metadata = {name: text for name, text in about.items() if text}
    return pa.field(column.name, pa.list_(kind) if column.collection else kind, metadata=metadata or None)


def _sql(column: Column) -> pa.DataType:
    """What a type of ISO/IEC 9075 is kept as."""
    text = " ".join(column.sql_type.upper().split())
    sized = _SIZED.fullmatch(text)
    if sized is None:
        found = _SQL.get(text)
    else:
        name, size, scale, rest = sized.groups()
        if name in ("DECIMAL", "NUMERIC") and 0 <= int(scale or 0) <= int(size) <= _MOST_DIGITS:
            return pa.decimal128(int(size), int(scale or 0))
        found = None if name in ("DECIMAL", "NUMERIC") else _SQL.get(f"{name} {rest.strip()}".strip())
    if found is None:
        raise ViewError(
            "The type in the tag ansi/type is not known.",
            column.path.place.removesuffix(".path") + ".tag",
            next_step="Name a type of ISO/IEC 9075, such as DATE or DECIMAL(12,3).",
        )
    return found


def _array(values: Sequence[Any], column: Column, kind: pa.DataType, findings: Findings) -> pa.Array:
    try:
        if column.kind is not Kind.JSON and _is_natural(kind, column):
            return pa.array(values, type=kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        # Some value does not fit: find out which, one by one.
        pass
    inner = kind.value_type if column.collection else kind
    convert = _converter(inner)

    def fit(value: Any) -> Any:
        if value is None:
            return None
        try:
            return convert(value)
        except (ValueError, TypeError, OverflowError, InvalidOperation, NotBase64, pa.ArrowException):
            findings.unfit(column.name, str(inner), "a value that can not be kept so")
            return None

    if column.collection:
        return pa.array(
            [None if value is None else [fit(each) for each in value] for value in values], type=kind
        )
    return pa.array([fit(value) for value in values], type=kind)


def _is_natural(kind: pa.DataType, column: Column) -> bool:
    """Whether Arrow takes the column's Python values as they are."""
    inner = kind.value_type if column.collection else kind
    if column.kind is Kind.TEXT:
        return bool(pa.types.is_string(inner))
    if column.kind in (Kind.INSTANT, Kind.BINARY):
        return False
    return bool(inner == _TYPES[column.kind])


def _converter(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_string(kind):
        return lambda value: value if isinstance(value, str) else orjson.dumps(value).decode()
    if pa.types.is_timestamp(kind):
        return _zoned if kind.tz else _unzoned
    if pa.types.is_date(kind):
        return date.fromisoformat
    if pa.types.is_binary(kind):
        return lambda value: b64decode("".join(value.split()), validate=True)
    if pa.types.is_decimal(kind):
        return lambda value: pa.scalar(Decimal(str(value)), type=kind).as_py()
    return lambda value: pa.scalar(_number(value), type=kind).as_py()


def _number(value: Any) -> Any:
    # A text that is a number may be kept as one when the view asks for it.
    return Decimal(value) if isinstance(value, str) else value


def _zoned(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError
    return moment


def _unzoned(value: Any) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=None)
