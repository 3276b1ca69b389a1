"""Where a table goes: a file that appears whole or not at all, readable by its owner only.

Written beside its final name and renamed when it is complete and on the disk. Parquet is flushed in row groups. Above:
`running`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from mihub.core.fhir.views import View
from mihub.site.views import arrow
from mihub.site.views.encoding import Encoder, encoder
from mihub.site.views.formats import PARQUET, Format

ROWS_PER_GROUP: Final = 100_000
_OWNER_ONLY: Final = 0o600


class Sink(Protocol):
    """Takes the encoded batches of one table in order."""

    def put(self, batch: bytes) -> None:
        """One batch."""
        ...

    def end(self) -> None:
        """What stands after the last row."""
        ...


@contextmanager
def sink(path: Path, view: View, form: Format, *, header: bool = True) -> Iterator[Sink]:
    """The table at `path`, there only when the block ended without an error."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            made: Sink = (
                _Parquet(stream, view)
                if form == PARQUET
                else _Bytes(stream, encoder(view, form, header=header))
            )
            try:
                yield made
            finally:
                # Also of a table that will not be: Parquet's writer wants to write before its file closes.
                made.end()
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


class _Bytes:
    def __init__(self, stream: Any, encoded: Encoder) -> None:
        self._stream = stream
        self._encoder = encoded
        self._started = False
        stream.write(encoded.head)

    def put(self, batch: bytes) -> None:
        if self._started:
            self._stream.write(self._encoder.between)
        self._started = True
        self._stream.write(batch)

    def end(self) -> None:
        self._stream.write(self._encoder.tail)


class _Parquet:
    def __init__(self, stream: Any, view: View) -> None:
        self._schema = arrow.schema(view)
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd", compression_level=1)
        self._kept: list[pa.RecordBatch] = []
        self._rows = 0

    def put(self, batch: bytes) -> None:
        each = pa.ipc.read_record_batch(pa.py_buffer(batch), self._schema)
        self._kept.append(each)
        self._rows += each.num_rows
        if self._rows >= ROWS_PER_GROUP:
            self._flush()

    def end(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._kept:
            self._writer.write_table(
                pa.Table.from_batches(self._kept, self._schema), row_group_size=ROWS_PER_GROUP * 2
            )
        self._kept, self._rows = [], 0
