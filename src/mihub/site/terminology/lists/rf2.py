"""SNOMED CT in Release Format 2: the snapshot of an edition, or of an edition and its extensions loaded together.

Needed: sct2_Concept, sct2_Description and sct2_Relationship Snapshot files; used when there: language and simple reference sets,
text definitions. Only is-a relationships are kept. The files wait sorted in a temporary SQLite file, so memory stays constant.
Columns: SNOMED International, Release File Specifications (RF2). Above: `recognise`. Below: `staging`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.encoding import opened
from mihub.site.terminology.lists.entry import CodeList, Entry, Problems, PropertyKind, Wording
from mihub.site.terminology.lists.rows import ODD_ROW
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.staging import Staging
from mihub.site.terminology.lists.systems import by_name

_NAME: Final = re.compile(
    r"x?(?:sct2|der2)_(?:(Concept|Description|Relationship|TextDefinition)_|cRefset_(Language)|Refset_(Simple))"
    r"[A-Za-z]*Snapshot[^_]*_([A-Z0-9]+)_(\d{8})\w*\.txt$"
)
_IS_A: Final = "116680003"
_FULLY_SPECIFIED: Final = "900000000000003001"
_PREFERRED: Final = "900000000000548007"
_PRIMITIVE: Final = "900000000000074008"
_INTERNATIONAL: Final = "900000000000207008"
# The module that names an edition in its version, by the namespace in the files' names.
_MODULES: Final = {
    "INT": _INTERNATIONAL,
    "DE1000274": "11000274103",
    "AT1000234": "11000234105",
    "CH1000195": "2011000195101",
}
_COLUMNS: Final = {
    "Concept": ("id", "effectiveTime", "active", "moduleId", "definitionStatusId"),
    "Description": ("id", "effectiveTime", "active", "moduleId", "conceptId", "languageCode", "typeId", "term",
                    "caseSignificanceId"),
    "Relationship": ("id", "effectiveTime", "active", "moduleId", "sourceId", "destinationId", "relationshipGroup", "typeId",
                     "characteristicTypeId", "modifierId"),
    "Language": ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId", "acceptabilityId"),
    "Simple": ("id", "effectiveTime", "active", "moduleId", "refsetId", "referencedComponentId"),
}  # fmt: skip
_COLUMNS_OF: Final = _COLUMNS | {"TextDefinition": _COLUMNS["Description"]}
_KINDS: Final = (
    PropertyKind("inactive", "boolean"),
    PropertyKind("sufficientlyDefined", "boolean"),
    PropertyKind("moduleId", "code"),
    PropertyKind("memberOf", "code", "the simple reference sets that hold it"),
)
_SCHEMA: Final = """
CREATE TABLE concept (id TEXT PRIMARY KEY, active INT, module TEXT, status TEXT) WITHOUT ROWID;
CREATE TABLE description (concept TEXT, id TEXT, language TEXT, type TEXT, term TEXT);
CREATE TABLE relationship (source TEXT, destination TEXT);
CREATE TABLE preferred (id TEXT PRIMARY KEY, refset TEXT) WITHOUT ROWID;
CREATE TABLE definition (concept TEXT, term TEXT);
CREATE TABLE member (concept TEXT, refset TEXT);
"""
# The columns that are kept, in the order of the tables above.
_KEPT: Final = {
    "Concept": (0, 2, 3, 4),
    "Description": (4, 0, 5, 6, 7),
    "TextDefinition": (4, 7),
    "Relationship": (4, 5),
    "Language": (5, 4),
    "Simple": (5, 4),
}
# What a row must hold to be worth taking apart.
_NEEDED: Final = {"Relationship": f"\t{_IS_A}\t", "Language": _PREFERRED}
_INSERTS: Final = {
    "Concept": "INSERT OR REPLACE INTO concept VALUES (?, ?, ?, ?)",
    "Description": "INSERT INTO description VALUES (?, ?, ?, ?, ?)",
    "TextDefinition": "INSERT INTO definition VALUES (?, ?)",
    "Relationship": "INSERT INTO relationship VALUES (?, ?)",
    "Language": "INSERT OR IGNORE INTO preferred VALUES (?, ?)",
    "Simple": "INSERT INTO member VALUES (?, ?)",
}


def table_of(file: SourceFile) -> str:
    """Which RF2 snapshot a file is by its name: Concept, Description ..., "" for none that is read."""
    found = _NAME.match(file.base)
    return next((part for part in found.groups()[:3] if part), "") if found else ""


def read(tables: Mapping[str, Sequence[SourceFile]], version: str = "") -> CodeList:
    """The list of the files by `table_of`. Raises `InvalidInput` when a table that is needed is missing."""
    missing = [name for name in ("Concept", "Description", "Relationship") if not tables.get(name)]
    if missing:
        raise InvalidInput(
            f"The release has no snapshot of {', '.join(missing)}.",
            where=", ".join(file.base for part in tables.values() for file in part)[:200],
            rule="RF2 snapshot: sct2_Concept_Snapshot, sct2_Description_Snapshot, sct2_Relationship_Snapshot",
            next_step="Load the whole ZIP of an edition; an extension together with the edition it extends.",
        )
    names = f"{len([file for part in tables.values() for file in part])} RF2 snapshot files"
    problems = Problems()
    head = by_name("snomed-ct").head(version or _version(tables["Concept"]), names, _KINDS)
    return CodeList(head, _entries(tables, problems), problems)


def _version(files: Iterable[SourceFile]) -> str:
    """The edition's address with its newest date: http://snomed.info/sct/[module]/version/[date]."""
    found = [(match[5], match[4]) for file in files if (match := _NAME.match(file.base))]
    date = max(when for when, _ in found)
    national = [space for _, space in found if space in _MODULES and space != "INT"]
    module = _MODULES[national[0]] if national else _INTERNATIONAL
    return f"http://snomed.info/sct/{module}/version/{date}"


def _entries(tables: Mapping[str, Sequence[SourceFile]], problems: Problems) -> Iterator[Entry]:
    with Staging() as staging:
        connection = staging.connection
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
        for table, files in tables.items():
            for file in files:
                _stage(connection, table, file, problems)
        for table in ("description", "relationship", "definition", "member"):
            column = "source" if table == "relationship" else "concept"
            connection.execute(f"CREATE INDEX {table}_sorted ON {table} ({column})")
        yield from _merged(connection)


def _stage(connection: sqlite3.Connection, table: str, file: SourceFile, problems: Problems) -> None:
    pick: Callable[[list[str]], tuple[str, ...]] = itemgetter(*_KEPT[table])
    only_active = table != "Concept"
    rows = _rows(file, _COLUMNS_OF[table], _NEEDED.get(table, ""), problems)
    connection.executemany(
        _INSERTS[table], (pick(cells) for cells in rows if cells[2] == "1" or not only_active)
    )


def _rows(file: SourceFile, columns: Sequence[str], needed: str, problems: Problems) -> Iterator[list[str]]:
    """The cells of the rows that hold `needed` somewhere; most rows of relationships do not and are never taken apart."""
    # RF2 is UTF-8 with tabs and without quoting, by its specification.
    with opened(file, "utf-8-sig") as text:
        header = text.readline().rstrip("\r\n").split("\t")
        if header[: len(columns)] != list(columns):
            missing = [name for name in columns if name not in header]
            raise InvalidInput(
                f"{file.name} has no column {', '.join(missing) or columns[0]} where RF2 has it.",
                where=f"{file.name}, line 1",
                rule=" ".join(columns),
                next_step="Load the publisher's own file.",
            )
        width = len(header)
        for line, row in enumerate(text, 2):
            if needed not in row:
                continue
            cells = row.rstrip("\r\n").split("\t")
            if len(cells) == width:
                yield cells
            else:
                problems.note(ODD_ROW, f"{file.base}, line {line}")


def _merged(connection: sqlite3.Connection) -> Iterator[Entry]:
    """One entry per concept; every side table is read once, in the order of the concepts."""
    said = _by_concept(
        connection,
        "SELECT concept, language, type, term, EXISTS (SELECT 1 FROM preferred WHERE preferred.id = description.id) AS best"
        " FROM description ORDER BY concept, best DESC, rowid",
    )
    above = _by_concept(connection, "SELECT source, destination FROM relationship ORDER BY source, rowid")
    member = _by_concept(connection, "SELECT concept, refset FROM member ORDER BY concept, rowid")
    defined = _by_concept(connection, "SELECT concept, term FROM definition ORDER BY concept, rowid")
    for code, active, module, status in connection.execute(
        "SELECT id, active, module, status FROM concept ORDER BY id"
    ):
        texts, parents, sets, meanings = said.at(code), above.at(code), member.at(code), defined.at(code)
        display, wordings = _wordings(code, texts)
        yield Entry(
            code=code,
            display=display,
            parents=tuple(dict.fromkeys(parent for (parent,) in parents)) if active else (),
            wordings=wordings,
            properties=(
                ("moduleId", module),
                ("sufficientlyDefined", "false" if status == _PRIMITIVE else "true"),
                *(("memberOf", refset) for (refset,) in sets),
            ),
            definition=meanings[0][0] if meanings else "",
            inactive=not active,
            status="" if active else "inactive",
        )


def _wordings(code: str, texts: list[tuple[str, ...]]) -> tuple[str, tuple[Wording, ...]]:
    """The display (preferred in English, else the fully specified name) and all else; German comes first."""
    found = [
        Wording(
            term,
            "fully-specified" if kind == _FULLY_SPECIFIED else "preferred" if best else "synonym",
            language,
        )
        for language, kind, term, best in texts
    ]
    found.sort(key=lambda one: (one.language != "de", one.use != "preferred"))
    english = [one for one in found if one.language != "de"]
    display = next(
        (one.text for use in ("preferred", "fully-specified") for one in english if one.use == use), ""
    )
    display = display or next((one.text for one in found), code)
    return display, tuple(one for one in found if one.text != display or one.use != "preferred")


class _Side:
    """A side table sorted by concept, read along with the concepts."""

    def __init__(self, groups: Iterator[tuple[str, list[tuple[str, ...]]]]) -> None:
        self._groups = groups
        self._next = next(groups, None)

    def at(self, code: str) -> list[tuple[str, ...]]:
        """The rows of a concept. Codes must be asked in order."""
        while self._next is not None and self._next[0] < code:
            self._next = next(self._groups, None)
        return self._next[1] if self._next is not None and self._next[0] == code else []


def _by_concept(connection: sqlite3.Connection, query: str) -> _Side:
    rows: Iterable[tuple[str, ...]] = connection.execute(query)
    return _Side((code, [row[1:] for row in group]) for code, group in groupby(rows, key=itemgetter(0)))
