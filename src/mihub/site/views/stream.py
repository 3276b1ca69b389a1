"""A view's table as a stream of bytes, for an answer that is sent while it is made. One process, bounded memory.

Below: `encoding`, `core.fhir.views`. Above: `site.api.views`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any, Final

import orjson
import pyarrow.parquet as pq

from mihub.core.fhir.views import Findings, Runner, View
from mihub.site.views import arrow
from mihub.site.views.encoding import encoder
from mihub.site.views.formats import PARQUET, Format
from mihub.site.views.work import Chunk

_ROWS: Final = 1_000
_PIECE: Final = 256 * 1024


def table(
    view: View, chunks: Iterator[Chunk], form: Format, *, header: bool = True, limit: int | None = None
) -> Iterator[bytes]:
    """The bytes of the whole table, at most `limit` rows. Raises `RowError`, also after the first bytes."""
    batches = _batches(view, chunks, limit)
    return _parquet(view, batches) if form == PARQUET else _encoded(view, batches, form, header)


def _encoded(view: View, batches: Iterator[list[Any]], form: Format, header: bool) -> Iterator[bytes]:
    encoded, findings = encoder(view, form, header=header), Findings()
    before = encoded.head
    for rows in batches:
        yield before + encoded.encode(rows, findings)
        before = encoded.between
    yield (encoded.head if before is encoded.head else b"") + encoded.tail


def _parquet(view: View, batches: Iterator[list[Any]]) -> Iterator[bytes]:
    """A Parquet file ends with its table of contents; it is made on disk, without a name, and then sent."""
    types, findings = arrow.schema(view), Findings()
    with tempfile.TemporaryFile() as stream:
        with pq.ParquetWriter(stream, types, compression="zstd", compression_level=1) as writer:
            for rows in batches:
                writer.write_batch(arrow.batch(rows, view, types, findings))
        stream.seek(0)
        while piece := stream.read(_PIECE):
            yield piece


def _batches(view: View, chunks: Iterator[Chunk], limit: int | None) -> Iterator[list[Any]]:
    kept: list[Any] = []
    runner, left = Runner(view), limit
    if left == 0:
        return
    for chunk in chunks:
        for line in chunk.data.split(b"\n"):
            kept += runner.rows(orjson.loads(line)) if line else ()
            if left is not None and len(kept) >= left:
                yield kept[:left]
                return
            if len(kept) >= _ROWS:
                yield kept
                left = None if left is None else left - len(kept)
                kept = []
    if kept:
        yield kept
