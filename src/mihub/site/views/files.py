"""Files as chunks of lines: NDJSON, plain or gzipped, JSON documents and Bundles, or a folder of these.

A line may be long, a file larger than memory; neither is held whole but for a JSON document. Above: `running`.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

import orjson

from mihub.errors import InvalidInput, NotFound, TooLarge
from mihub.site.views.work import AnyChunk, Chunk, Stretch

CHUNK_BYTES: Final = 1024 * 1024
MAX_LINE_BYTES: Final = 64 * 1024 * 1024
MAX_DOCUMENT_BYTES: Final = 512 * 1024 * 1024
_LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_DOCUMENTS: Final = (".json", ".json.gz")


def found(paths: Sequence[Path]) -> list[Path]:
    """The files named and those in folders named, in order. Raises `NotFound` when there is none."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(one for one in path.rglob("*") if one.is_file())
            files += [one for one in inside if one.name.lower().endswith(_LINES + _DOCUMENTS)]
        elif path.is_file():
            files.append(path)
        else:
            raise NotFound(f"There is no file {path}.", next_step="Check the name.")
    if not files:
        raise NotFound(
            "There is no file to read.", rule="*.ndjson, *.ndjson.gz or *.json", next_step="Check the folder."
        )
    return files


def chunks(files: Sequence[Path]) -> Iterator[AnyChunk]:
    """All lines of all files. Raises `InvalidInput` for a file that is broken, `TooLarge`."""
    for path in files:
        try:
            yield from _of_file(path)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInput(
                "The compressed file is broken or ends early.", where=path.name, next_step="Copy it again."
            ) from error


def _of_file(path: Path) -> Iterator[AnyChunk]:
    name = path.name.lower()
    if not name.endswith((*_DOCUMENTS, ".gz")):
        yield from stretches(path)
        return
    with _opened(path) as stream:
        if name.endswith(_DOCUMENTS) and not name.endswith(_LINES):
            yield from _of_document(stream, path.name)
        else:
            yield from lines(stream, path.name)


def _opened(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def stretches(path: Path) -> Iterator[Stretch]:
    """A plain file of lines in pieces that end with a line, without reading them."""
    size, begin = path.stat().st_size, 0
    with path.open("rb") as stream:
        while begin < size:
            stream.seek(begin + CHUNK_BYTES)
            rest = stream.readline(MAX_LINE_BYTES)
            if len(rest) >= MAX_LINE_BYTES:
                raise TooLarge(
                    f"A line is longer than {MAX_LINE_BYTES // 1024**2} MiB.",
                    where=path.name,
                    next_step="Write one resource a line.",
                )
            end = min(begin + CHUNK_BYTES + len(rest), size)
            yield Stretch(path, begin, end - begin)
            begin = end


def lines(stream: IO[bytes], source: str) -> Iterator[Chunk]:
    """Chunks that end with a line."""
    first = 1
    while data := stream.read(CHUNK_BYTES):
        if data[-1] != 10:
            data += stream.readline(MAX_LINE_BYTES)
        if len(data) >= MAX_LINE_BYTES:
            raise _too_long(source, first)
        yield Chunk(data, source, first)
        first += data.count(b"\n")


def _of_document(stream: IO[bytes], source: str) -> Iterator[Chunk]:
    """One resource, or the resources of a Bundle, as lines; a file of many lines is read as such."""
    text = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(text) > MAX_DOCUMENT_BYTES:
        raise TooLarge(
            f"The document is larger than {MAX_DOCUMENT_BYTES // 1024**2} MiB.",
            where=source,
            next_step="Write one resource a line (NDJSON).",
        )
    try:
        document: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        yield from lines(io.BytesIO(text), source)
        return
    for each in unwrapped(document):
        yield Chunk(orjson.dumps(each), source)


def unwrapped(document: Any) -> Iterator[Any]:
    """The resources of a Bundle, one level deep; anything else as it is."""
    if isinstance(document, dict) and document.get("resourceType") == "Bundle":
        entries = document.get("entry")
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and "resource" in entry:
                yield entry["resource"]
        return
    if isinstance(document, list):
        yield from document
        return
    yield document


def _too_long(source: str, line: int) -> TooLarge:
    return TooLarge(
        f"A line is longer than {MAX_LINE_BYTES // 1024**2} MiB.",
        where=f"{source}, line {line}",
        next_step="Write one resource a line.",
    )
