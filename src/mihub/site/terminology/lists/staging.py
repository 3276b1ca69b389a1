"""A temporary SQLite file in which side tables of a publisher's release wait by code, so that memory stays constant.

Lives in the system's temporary folder and is gone after `close`. Above: `loinc`, `rf2`.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_BATCH = 5_000


class Staging:
    """Texts by topic and code, put in any order, then read. Use as a context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mihub-codes-")
        self.connection = sqlite3.connect(Path(self._folder.name) / "staging.sqlite", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-65536"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute("BEGIN")
        self.connection.execute("CREATE TABLE said (topic TEXT, code TEXT, text TEXT)")
        self._waiting: list[tuple[str, str, str]] = []

    def __enter__(self) -> Staging:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file."""
        self.connection.close()
        self._folder.cleanup()

    def put(self, topic: str, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep texts of codes."""
        for code, text in pairs:
            self._waiting.append((topic, code, text))
            if len(self._waiting) >= _BATCH:
                self._write()

    def _write(self) -> None:
        self.connection.executemany("INSERT INTO said VALUES (?, ?, ?)", self._waiting)
        self._waiting.clear()

    def ready(self) -> None:
        """All is put; from here on `get` is fast."""
        self._write()
        self.connection.execute("CREATE INDEX said_by_code ON said (code, topic)")

    def get(self, topic: str, code: str) -> list[str]:
        """The texts of a code, in the order they were put."""
        found = self.connection.execute(
            "SELECT text FROM said WHERE code = ? AND topic = ? ORDER BY rowid", (code, topic)
        )
        return [text for (text,) in found]

    def all(self, topic: str) -> Iterator[tuple[str, str]]:
        """Code and first text of each code of a topic."""
        yield from self.connection.execute(
            "SELECT code, min(text) FROM said WHERE topic = ? GROUP BY code", (topic,)
        )
