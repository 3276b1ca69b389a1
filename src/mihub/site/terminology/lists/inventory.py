"""What lies in the file of code lists: one line per list, as `mihub codes list` shows it.

Above: `shelf`, `provider`, `search`. Below: the table `list` of `database`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any, Final

_COLUMNS: Final = (
    "id", "key", "kind", "url", "version", "title", "publisher", "language", "notice", "hierarchy", "case_sensitive", "leads_to",
    "files", "loaded_at", "size", "rank", "search",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListInfo:
    """One list in the file. `notice`: the sentence that its publisher asks to be shown wherever the list is used."""

    id: int
    key: str
    kind: str
    url: str
    version: str
    title: str
    publisher: str
    language: str
    notice: str
    hierarchy: str
    case_sensitive: bool
    leads_to: str
    files: str
    loaded_at: str
    size: int
    rank: int
    search: int

    def to_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        kept = asdict(self)
        for inner in ("id", "rank", "search"):
            del kept[inner]
        return kept


def lists(connection: sqlite3.Connection) -> tuple[ListInfo, ...]:
    """All, known systems first, newest version of each first."""
    query = f"SELECT {', '.join(_COLUMNS)} FROM list ORDER BY rank, url"
    rows = (dict(zip(_COLUMNS, row, strict=True)) for row in connection.execute(query))
    found = [ListInfo(**(row | {"case_sensitive": bool(row["case_sensitive"])})) for row in rows]
    newest = sorted(found, key=lambda one: version_order(one.version), reverse=True)
    return tuple(sorted(newest, key=lambda one: (one.rank, one.url, one.kind)))


def version_order(version: str) -> tuple[tuple[int, str], ...]:
    """To compare versions: their numbers as numbers, everything else as text. SNOMED CT's by date alone."""
    text = version.rpartition("/version/")[2]
    parts: list[tuple[int, str]] = []
    digits, letters = "", ""
    for sign in f"{text} ":
        if sign.isdigit():
            digits += sign
            continue
        if digits:
            parts.append((int(digits), letters))
            digits, letters = "", ""
        letters += sign
    return tuple(parts)
