"""Writes one list into the file, in one transaction: concepts, hierarchy, wordings and the indexes that searches use.

Memory is constant but for the hierarchy's numbers (about 100 bytes a concept). What can not be kept is counted and named:
codes twice, parents that do not exist, cycles. Above: `shelf`. Below: `database`, `hierarchy`, `fold`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from mihub.errors import InvalidInput, TooLarge
from mihub.site.terminology.lists.database import MAX_CONCEPTS, bounds
from mihub.site.terminology.lists.entry import USES, CodeList, Entry, Head, Problem, Problems
from mihub.site.terminology.lists.fold import squashed
from mihub.site.terminology.lists.hierarchy import ordered
from mihub.site.terminology.lists.indexing import SHARED_SEARCH, drop_index, index_list
from mihub.site.terminology.lists.systems import rank

_BATCH: Final = 2_000
MAX_CODE_CHARACTERS: Final = 1_000
TWICE: Final = "codes that stand twice: the first was kept"
NO_PARENT: Final = "parents that the list does not have were left out"
CYCLE: Final = "parents that make a circle were left out"
NO_CODE: Final = "codes that are empty, too long or hold line breaks were left out"
# Every table that holds parts of a list, by the column that carries its numbers.
_TABLES: Final = {
    "edge": "child", "span": "concept", "property": "concept", "wording": "id", "lead": "concept", "concept": "id",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a list: its number in the file, its concepts, and what was odd."""

    list_id: int
    concepts: int
    problems: tuple[Problem, ...]


def write(connection: sqlite3.Connection, code_list: CodeList, *, only: bool = True) -> Kept:
    """Keep a list; the same version of the same system is replaced. `only`: it has a search index to itself.

    Raises `InvalidInput` when it holds no concept at all; the caller's transaction then ends without it.
    """
    remove(connection, code_list.head)
    list_id = _new_list(connection, code_list.head, only)
    with _staged(connection):
        size = _Concepts(connection, list_id, code_list.problems).write(code_list.entries)
        if not size:
            raise InvalidInput(
                f"No code was found in {code_list.head.files}.",
                where=code_list.head.files,
                rule=f"the publisher's own file of {code_list.head.title}",
                next_step="Check that the whole file was downloaded.",
            )
        _place(connection, list_id, size, code_list.problems)
        _keep_wordings(connection, list_id)
        if only:
            index_list(connection, list_id)
    connection.execute("UPDATE list SET size = ? WHERE id = ?", (size, list_id))
    return Kept(list_id, size, code_list.problems.all())


def remove(connection: sqlite3.Connection, head: Head) -> int:
    """Take a version of a system out, if it is there. Gives how many concepts went."""
    query = "SELECT id, size, search FROM list WHERE kind = ? AND key = ? AND url = ? AND version = ?"
    found = connection.execute(query, (head.kind, head.key, head.url, head.version)).fetchone()
    if found is None:
        return 0
    remove_list(connection, found[0], own_search=found[2] != SHARED_SEARCH)
    return int(found[1] or 0)


def remove_list(connection: sqlite3.Connection, list_id: int, *, own_search: bool) -> None:
    """Take a list out by its number."""
    low, high = bounds(list_id)
    for table, column in _TABLES.items():
        connection.execute(f"DELETE FROM {table} WHERE {column} BETWEEN ? AND ?", (low, high))
    connection.execute("DELETE FROM property_kind WHERE list = ?", (list_id,))
    connection.execute("DELETE FROM list WHERE id = ?", (list_id,))
    if own_search:
        drop_index(connection, list_id)


def _new_list(connection: sqlite3.Connection, head: Head, only: bool) -> int:
    row = (
        head.key, head.kind, head.url, head.version, head.title, head.publisher, head.language, head.notice, head.hierarchy,
        int(head.case_sensitive), head.leads_to, head.files, datetime.now(UTC).isoformat(timespec="seconds"),
        rank(head.key, head.kind),
    )  # fmt: skip
    cursor = connection.execute(
        "INSERT INTO list (key, kind, url, version, title, publisher, language, notice, hierarchy, case_sensitive, leads_to,"
        " files, loaded_at, rank, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        row,
    )
    list_id = int(cursor.lastrowid or 0)
    connection.execute(
        "UPDATE list SET search = ? WHERE id = ?", (list_id if only else SHARED_SEARCH, list_id)
    )
    connection.executemany(
        "INSERT OR IGNORE INTO property_kind (list, code, type, description) VALUES (?, ?, ?, ?)",
        ((list_id, one.code, one.type, one.description) for one in head.properties),
    )
    return list_id


class _staged:  # noqa: N801  # used like a function
    """Temporary tables for what is complete only at the end: edges by code, wordings by length."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("CREATE TEMP TABLE above (child INT, parent TEXT)")
        self._connection.execute("CREATE TEMP TABLE staged (concept INT, use INT, language TEXT, text TEXT)")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("DROP TABLE above")
        self._connection.execute("DROP TABLE staged")


class _Concepts:
    """Streams entries into the tables, a batch at a time."""

    def __init__(self, connection: sqlite3.Connection, list_id: int, problems: Problems) -> None:
        self._connection, self._list, self._problems = connection, list_id, problems
        self._first = bounds(list_id)[0]
        self._kinds: dict[str, int] = {}
        self._size = 0

    def write(self, entries: Iterator[Entry]) -> int:
        """How many concepts were kept."""
        while batch := list(islice(entries, _BATCH)):
            self._write(self._new(batch))
        return self._size

    def _new(self, batch: Sequence[Entry]) -> list[tuple[int, Entry]]:
        """The entries of a batch whose codes are not there yet, with their numbers."""
        marks = ",".join("?" * len(batch))
        query = f"SELECT code FROM concept WHERE list = ? AND code IN ({marks})"
        seen = {
            code for (code,) in self._connection.execute(query, (self._list, *(one.code for one in batch)))
        }
        found = []
        for one in batch:
            if not one.code or len(one.code) > MAX_CODE_CHARACTERS or not one.code.isprintable():
                self._problems.note(NO_CODE, one.place)
            elif one.code in seen:
                self._problems.note(TWICE, ", ".join(part for part in (one.place, one.code) if part))
            else:
                seen.add(one.code)
                found.append((self._first + self._size, one))
                self._size += 1
        if self._size >= MAX_CONCEPTS:
            raise TooLarge(
                "The list holds too many codes.",
                rule=f"at most {MAX_CONCEPTS:,}",
                next_step="Split the list.",
            )
        return found

    def _write(self, batch: Sequence[tuple[int, Entry]]) -> None:
        many = self._connection.executemany
        many(
            "INSERT INTO concept VALUES (?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?)",
            [self._row(*pair) for pair in batch],
        )
        many(
            "INSERT INTO above VALUES (?, ?)",
            [(number, parent) for number, one in batch for parent in one.parents],
        )
        many(
            "INSERT OR IGNORE INTO property VALUES (?, ?, ?)",
            [(number, self._kind(name), value) for number, one in batch for name, value in one.properties],
        )
        many(
            "INSERT INTO lead VALUES (?, ?)",
            [(number, code) for number, one in batch for code in one.leads_to[:1]],
        )
        many(
            "INSERT INTO staged VALUES (?, ?, ?, ?)",
            [row for number, one in batch for row in _said(number, one)],
        )

    def _row(self, number: int, one: Entry) -> tuple[int | str, ...]:
        code, display = one.code, one.display
        return (
            number,
            self._list,
            code,
            squashed(code),
            display,
            one.abstract,
            one.inactive,
            one.status,
            one.definition,
        )

    def _kind(self, name: str) -> int:
        if name not in self._kinds:
            row = (self._list, name)
            self._connection.execute(
                "INSERT OR IGNORE INTO property_kind (list, code, type, description) VALUES (?, ?, 'string', '')",
                row,
            )
            found = self._connection.execute(
                "SELECT id FROM property_kind WHERE list = ? AND code = ?", row
            ).fetchone()
            self._kinds[name] = int(found[0])
        return self._kinds[name]


def _said(number: int, one: Entry) -> Iterator[tuple[int, int, str, str]]:
    yield number, 0, "", one.display
    for wording in one.wordings:
        yield number, USES.index(wording.use), wording.language, wording.text


def _place(connection: sqlite3.Connection, list_id: int, size: int, problems: Problems) -> None:
    """The order and the intervals of the hierarchy."""
    first = bounds(list_id)[0]
    query = (
        "INSERT OR IGNORE INTO edge SELECT above.child, concept.id FROM above"
        " JOIN concept ON concept.list = ? AND concept.code = above.parent WHERE concept.id <> above.child"
    )
    connection.execute(query, (list_id,))
    _note_lost(connection, list_id, problems)
    low, high = bounds(list_id)
    pairs = connection.execute("SELECT child, parent FROM edge WHERE child BETWEEN ? AND ?", (low, high))
    order = ordered(size, ((child - first, parent - first) for child, parent in pairs))
    for child, parent in order.cut:
        code = connection.execute("SELECT code FROM concept WHERE id = ?", (first + child,)).fetchone()[0]
        problems.note(CYCLE, code)
        connection.execute("DELETE FROM edge WHERE child = ? AND parent = ?", (first + child, first + parent))
    connection.executemany(
        "UPDATE concept SET place = ?, last = ? WHERE id = ?",
        ((order.place[number], order.last[number], first + number) for number in range(size)),
    )
    connection.executemany(
        "INSERT INTO span VALUES (?, ?, ?)",
        ((first + number, start, end) for number, found in order.extra.items() for start, end in found),
    )


def _note_lost(connection: sqlite3.Connection, list_id: int, problems: Problems) -> None:
    query = (
        "SELECT above.parent, count(*), min(child.code) FROM above JOIN concept AS child ON child.id = above.child"
        " LEFT JOIN concept ON concept.list = ? AND concept.code = above.parent WHERE concept.id IS NULL GROUP BY above.parent"
    )
    for parent, times, child in connection.execute(query, (list_id,)).fetchall():
        problems.note(NO_PARENT, f"{parent} (of {child})", times)
    own = "SELECT concept.code FROM above JOIN concept ON concept.id = above.child WHERE above.parent = concept.code"
    for (code,) in connection.execute(own).fetchall():
        problems.note(CYCLE, code)


def _keep_wordings(connection: sqlite3.Connection, list_id: int) -> None:
    """Wordings sorted by length, so that the first rows of a search are its best ones."""
    first = bounds(list_id)[0]
    # A newest list has the highest numbers: after this row the next ones follow by themselves.
    connection.execute("INSERT INTO wording VALUES (?, 0, 0, '', '')", (first,))
    connection.execute(
        "INSERT INTO wording (concept, use, language, text)"
        " SELECT concept, use, language, text FROM staged ORDER BY length(text), use, concept"
    )
    connection.execute("DELETE FROM wording WHERE id = ?", (first,))
