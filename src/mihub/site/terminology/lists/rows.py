"""Rows of a delimited text file with their line numbers; wrong columns are named by name and line, the rest is read.

Above: the parsers of publishers' tables. Below: `encoding`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.encoding import encoding_of, opened
from mihub.site.terminology.lists.entry import Problems
from mihub.site.terminology.lists.sources import SourceFile

MAX_FIELD_CHARACTERS = 1 << 20
_SEPARATORS = (";", "\t", "|", ",")
ODD_ROW = "rows with another number of columns than expected were left out"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells without outer blanks, and its line in the file (the last one, when a cell spans several)."""

    line: int
    cells: tuple[str, ...]


def rows(file: SourceFile, separator: str, *, quoted: bool = True, encoding: str = "") -> Iterator[Row]:
    """All rows that are not blank. `quoted`: whether `"` encloses cells; publishers' code tables use it as a plain sign."""
    with opened(file, encoding or encoding_of(file)) as text:
        reader = csv.reader(
            (line.replace("\0", "") for line in text),
            delimiter=separator,
            quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
        )
        try:
            for cells in reader:
                if any(cells):
                    yield Row(reader.line_num, tuple(cell.strip() for cell in cells))
        except csv.Error as error:
            raise InvalidInput(
                f"{file.name} is not a table.",
                where=f"{file.name}, line {reader.line_num}",
                rule=f"columns separated by {separator!r}",
                next_step="Load the publisher's own file.",
            ) from error


def separator_of(line: str) -> str:
    """The sign that separates the columns of a header: the most frequent of `;`, tab, `|` and `,`."""
    return max(_SEPARATORS, key=lambda sign: (line.count(sign), -_SEPARATORS.index(sign)))


def named(
    file: SourceFile,
    required: Iterable[str],
    problems: Problems,
    *,
    separator: str = "",
    names: Mapping[str, str] | None = None,
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells by column of a table with a header.

    `required` columns missing raise `InvalidInput`. `names`: other spellings of a column, in lower case. Columns are
    compared without case; they keep the spelling of `required`, else of the file.
    """
    encoding = encoding_of(file)
    separator = separator or separator_of(first_line(file, encoding))
    wanted = {name.lower(): name for name in required} | dict(names or {})
    header: list[str] | None = None
    for row in rows(file, separator, encoding=encoding):
        if header is None:
            header = [wanted.get(cell.lower().lstrip("\ufeff"), cell.lstrip("\ufeff")) for cell in row.cells]
            _check(file, header, required)
        elif len(row.cells) != len(header):
            problems.note(ODD_ROW, f"{file.base}, line {row.line}")
        else:
            yield row.line, dict(zip(header, row.cells, strict=True))
    if header is None:
        raise InvalidInput(
            f"{file.name} is empty.", where=file.name, next_step="Load the publisher's own file."
        )


def _check(file: SourceFile, header: list[str], required: Iterable[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise InvalidInput(
            f"{file.name} has no column {', '.join(missing)}.",
            where=f"{file.name}, line 1",
            rule=f"columns {', '.join(required)}; found {', '.join(header[:12])}",
            next_step="Load the publisher's own file, or name the columns in its first line.",
        )


def first_line(file: SourceFile, encoding: str) -> str:
    """The header's text."""
    with opened(file, encoding) as text:
        return text.readline()


csv.field_size_limit(MAX_FIELD_CHARACTERS)
