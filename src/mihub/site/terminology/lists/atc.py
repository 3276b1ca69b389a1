"""The German ATC index with DDD: the WIdO's workbook, or a table made of it (CSV, tab-separated, GKV index).

The columns are found by content, since they change between editions: the cell that is an ATC code, the next one that is not
empty is the meaning, the one after it the DDD. The hierarchy is in the code. Above: `recognise`. Below: `workbook`, `rows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.encoding import encoding_of, is_binary
from mihub.site.terminology.lists.entry import CodeList, Entry, Problems, PropertyKind
from mihub.site.terminology.lists.rows import Row, first_line, rows, separator_of
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.systems import by_name
from mihub.site.terminology.lists.workbook import is_workbook, sheets

_ATC: Final = re.compile(r"[A-Z](?:\d\d(?:[A-Z](?:[A-Z](?:\d\d)?)?)?)?")
_DEEP: Final = re.compile(r"[A-Z]\d\d(?:[A-Z](?:[A-Z](?:\d\d)?)?)?")
_LENGTHS: Final = (1, 3, 4, 5, 7)
_YEAR: Final = re.compile(r"(?<!\d)20\d\d(?!\d)")
# A table counts as ATC when this many of its first rows hold a code.
_NEEDED, _LOOKED_AT = 3, 60
_CODE_COLUMNS: Final = 3
_PROPERTIES: Final = (
    PropertyKind("ddd", "string", "defined daily dose, as the index writes it"),
    PropertyKind("level", "code"),
)


def is_atc(file: SourceFile) -> bool:
    """Whether a workbook or table holds ATC codes where they are expected."""
    if is_workbook(file):
        return any(_codes(sheet[:_LOOKED_AT]) >= _NEEDED for sheet in sheets(file))
    if not file.base.lower().endswith((".csv", ".txt", ".tsv")) or is_binary(file):
        return False
    encoding = encoding_of(file)
    sample = rows(file, _separator(file, encoding), quoted=False, encoding=encoding)
    return _codes(list(islice(sample, _LOOKED_AT))) >= _NEEDED


def read(file: SourceFile, version: str = "") -> CodeList:
    """The list. Raises `InvalidInput` when its year is nowhere said."""
    problems = Problems()
    table = _table(file)
    first = list(islice(table, 20))
    version = version or _version(file, first)
    return CodeList(
        by_name("atc").head(version, file.base, _PROPERTIES),
        _entries(chain(first, table), file, problems),
        problems,
    )


def _separator(file: SourceFile, encoding: str) -> str:
    return separator_of(first_line(file, encoding))


def _table(file: SourceFile) -> Iterator[Row]:
    if is_workbook(file):
        # Editions carry one sheet by code and one by name of the same rows; the one with most codes is read.
        yield from max(sheets(file), key=_codes, default=[])
        return
    encoding = encoding_of(file)
    yield from rows(file, _separator(file, encoding), quoted=True, encoding=encoding)


def _codes(sample: list[Row]) -> int:
    # A single letter alone is no sign of ATC.
    return sum(
        any(_DEEP.fullmatch(cell) for cell in row.cells[:_CODE_COLUMNS]) and len(row.cells) > 1
        for row in sample
    )


def _version(file: SourceFile, first: list[Row]) -> str:
    texts = (file.base, *(cell for row in first for cell in row.cells), file.name)
    found = next((match[0] for text in texts if (match := _YEAR.search(text))), "")
    if not found:
        raise InvalidInput(
            f"{file.name} does not say its year.",
            where=file.name,
            rule="a year in the name of the file or above its table",
            next_step="Name it: --version 2026",
        )
    return found


def _entries(table: Iterable[Row], file: SourceFile, problems: Problems) -> Iterator[Entry]:
    for row in table:
        at = next(
            (index for index, cell in enumerate(row.cells[:_CODE_COLUMNS]) if _ATC.fullmatch(cell)), None
        )
        if at is None:
            continue
        texts = [cell for cell in row.cells[at + 1 :] if cell]
        code, place = row.cells[at], f"{file.base}, line {row.line}"
        if not texts:
            problems.note("rows without a text were left out", place)
            continue
        properties = [("level", str(_LENGTHS.index(len(code)) + 1))]
        properties += [("ddd", texts[1])] if len(texts) > 1 else []
        yield Entry(code, texts[0], _above(code), properties=tuple(properties), place=place)


def _above(code: str) -> tuple[str, ...]:
    level = _LENGTHS.index(len(code))
    return (code[: _LENGTHS[level - 1]],) if level else ()
