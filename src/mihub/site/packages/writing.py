"""Putting packages into the file and taking them out, inside the caller's transaction.

Above: `shelf`. Below: `database` (whose connection is passed in), `reading`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import orjson

from mihub.site.packages.reading import Read


class Writer(Protocol):
    """What is used of a connection in a transaction."""

    def execute(self, sql: str, values: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, rows: Any, /) -> Any: ...


def grow(writer: Writer) -> None:
    """Tell every reader that what is known has changed."""
    writer.execute("UPDATE state SET value = value + 1 WHERE name = 'generation'")


def digest_of(writer: Writer, name: str, version: str) -> bytes | None:
    """The digest of a loaded package, or None."""
    row = writer.execute(
        "SELECT digest FROM package WHERE name = ? AND version = ?", (name, version)
    ).fetchone()
    return row[0] if row is not None else None


def remove(writer: Writer, name: str, version: str) -> None:
    """A package with all that belongs to it."""
    writer.execute("DELETE FROM package WHERE name = ? AND version = ?", (name, version))


def insert(writer: Writer, package: Read, now_utc: str) -> None:
    """A package that is not there yet."""
    known = package.manifest
    number = writer.execute(
        "INSERT INTO package (name, version, canonical, fhir_versions, source, digest, added_at_utc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            known.name,
            known.version,
            known.canonical,
            orjson.dumps(known.fhir_versions).decode(),
            package.source,
            package.digest,
            now_utc,
        ),
    ).lastrowid
    writer.executemany(
        "INSERT INTO dependency VALUES (?, ?, ?)",
        ((number, name, version) for name, version in known.dependencies.items()),
    )
    writer.executemany(
        "INSERT INTO set_aside VALUES (?, ?, ?, ?, ?)",
        ((number, storable(one.place), one.what, one.rule, one.next_step) for one in package.set_aside),
    )
    # A number is never given twice, so that it names one content for ever (`snapshots`).
    last = writer.execute("SELECT seq FROM sqlite_sequence WHERE name = 'resource'").fetchone()
    first = last[0] + 1 if last is not None else 1
    writer.executemany(
        "INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _rows(package, number, first),
    )
    writer.executemany(
        "INSERT INTO body VALUES (?, ?)",
        ((first + position, one.body) for position, one in enumerate(package.resources)),
    )


def _rows(package: Read, number: int, first: int) -> Iterator[tuple[Any, ...]]:
    for position, one in enumerate(package.resources):
        entry = one.entry
        yield (
            first + position,
            number,
            storable(entry.place),
            entry.example,
            entry.resource_type,
            entry.url,
            entry.version,
            entry.id,
            entry.name,
            entry.type,
            entry.kind,
            entry.derivation,
            entry.snapshot,
            one.size_bytes,
        )


def storable(text: str) -> str:
    """A path as text: bytes that are no UTF-8 become visible signs."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
