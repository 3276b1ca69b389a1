"""Rows to bytes: what stands before the first row, each batch of rows, what stands after the last.

A batch is encoded without knowing what came before it, so that several processes can work on one table. Parquet travels
as Arrow batches and becomes a file in `parquet`. Source: RFC 4180, RFC 8259, https://github.com/ndjson/ndjson-spec.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson

from mihub.core.fhir.views import Column, Findings, Kind, View
from mihub.site.views import arrow
from mihub.site.views.formats import CSV, FHIR, JSON, NDJSON, Format

Rows = Sequence[tuple[Any, ...]]


class Encoder(Protocol):
    """One table's bytes: `head`, then batches with `between` between them, then `tail`."""

    head: bytes
    between: bytes
    tail: bytes

    def encode(self, rows: Rows, findings: Findings) -> bytes:
        """One batch; never asked for an empty one."""
        ...


def encoder(view: View, form: Format, *, header: bool = True) -> Encoder:
    """The encoder of a format; `header` concerns CSV only."""
    if form == CSV:
        return _Csv(view, header)
    if form == JSON:
        return _Json(view)
    if form == NDJSON:
        return _Ndjson(view)
    return _Fhir(view) if form == FHIR else _Batches(view)


class _Ndjson:
    head, between, tail = b"", b"", b""

    def __init__(self, view: View) -> None:
        self._names = [column.name for column in view.columns]

    def encode(self, rows: Rows, findings: Findings) -> bytes:
        names, option = self._names, orjson.OPT_APPEND_NEWLINE
        return b"".join([orjson.dumps(dict(zip(names, row, strict=True)), option=option) for row in rows])


class _Json:
    head, between, tail = b"[", b",", b"]"

    def __init__(self, view: View) -> None:
        self._names = [column.name for column in view.columns]

    def encode(self, rows: Rows, findings: Findings) -> bytes:
        names = self._names
        return orjson.dumps([dict(zip(names, row, strict=True)) for row in rows])[1:-1]


class _Csv:
    between, tail = b"", b""

    def __init__(self, view: View, header: bool) -> None:
        self._odd = [(i, column) for i, column in enumerate(view.columns) if not _is_plain(column)]
        names = tuple(column.name for column in view.columns)
        self.head = _csv([names]) if header else b""

    def encode(self, rows: Rows, findings: Findings) -> bytes:
        return _csv(map(self._texts, rows) if self._odd else rows)

    def _texts(self, row: tuple[Any, ...]) -> list[Any]:
        texts = list(row)
        for i, _ in self._odd:
            value = texts[i]
            texts[i] = value if value is None or isinstance(value, str) else orjson.dumps(value).decode()
        return texts


def _is_plain(column: Column) -> bool:
    return not column.collection and column.kind in (
        Kind.TEXT, Kind.INTEGER, Kind.LONG, Kind.DECIMAL, Kind.INSTANT, Kind.BINARY,
    )  # fmt: skip


def _csv(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


class _Fhir:
    """A Parameters resource with one `row` a row; what is null is left out."""

    between, tail = b",", b"]}"
    head = b'{"resourceType":"Parameters","parameter":['

    def __init__(self, view: View) -> None:
        self._columns = [(column, _parameter(column)) for column in view.columns]

    def encode(self, rows: Rows, findings: Findings) -> bytes:
        return orjson.dumps([{"name": "row", "part": self._parts(row)} for row in rows])[1:-1]

    def _parts(self, row: tuple[Any, ...]) -> list[dict[str, Any]]:
        return [
            {"name": column.name, **shown(value)}
            for (column, shown), whole in zip(self._columns, row, strict=True)
            for value in (whole if column.collection and whole is not None else (whole,))
            if value is not None
        ]


def _parameter(column: Column) -> Callable[[Any], dict[str, Any]]:
    name = column.fhir_type
    primitive = column.kind is not Kind.JSON
    key = f"value{name[:1].upper()}{name[1:]}" if name and "." not in name else "valueString"

    def shown(value: Any) -> dict[str, Any]:
        if not primitive and (key == "valueString" or not isinstance(value, dict)):
            return {"valueString": value if isinstance(value, str) else orjson.dumps(value).decode()}
        return {key: value}

    return shown


class _Batches:
    """Arrow batches; each travels without the schema, which who reads it knows."""

    head, between, tail = b"", b"", b""

    def __init__(self, view: View) -> None:
        self._view = view
        self.schema = arrow.schema(view)

    def encode(self, rows: Rows, findings: Findings) -> bytes:
        found: bytes = arrow.batch(rows, self._view, self.schema, findings).serialize().to_pybytes()
        return found
