"""Rows of the sheets of an XLSX workbook (ECMA-376), as the WIdO publishes the ATC index. Text only, no formulas, no dates.

No entity is resolved and nothing external is fetched; a workbook that unpacks to more than a table holds is refused.
Above: `atc`, `plain_table`. Below: `sources`.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Final

from lxml import etree

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.rows import Row
from mihub.site.terminology.lists.sources import MAX_RATIO, SourceFile, bomb, damaged

MAX_WORKBOOK_BYTES: Final = 400 * 2**20
_MAX_COLUMNS: Final = 256
_COLUMN: Final = re.compile(r"[A-Z]+")
_SHEET: Final = re.compile(r"xl/worksheets/sheet(\d+)\.xml")


def is_workbook(file: SourceFile) -> bool:
    """Whether a file is XLSX by its name and first bytes."""
    return file.base.lower().endswith(".xlsx") and file.head(2) == b"PK"


def sheets(file: SourceFile) -> Iterator[list[Row]]:
    """The rows of each sheet that has any, in the order of their files."""
    with tempfile.SpooledTemporaryFile(16 * 2**20) as copy:
        with file.open() as stream:
            shutil.copyfileobj(stream, copy)
        copy.seek(0)
        try:
            with zipfile.ZipFile(copy) as book:
                _check(book, file)
                strings = _strings(book)
                for name in sorted(filter(_SHEET.fullmatch, book.namelist()), key=_number):
                    found = list(_rows(book.open(name), strings))
                    if found:
                        yield found
        except zipfile.BadZipFile as error:
            raise damaged(file.name, error) from error
        except etree.XMLSyntaxError as error:
            raise InvalidInput(
                f"{file.name} is no whole workbook.",
                where=file.name,
                rule="XLSX",
                next_step="Download it again.",
            ) from error


def _number(name: str) -> int:
    found = _SHEET.fullmatch(name)
    return int(found[1]) if found else 0


def _check(book: zipfile.ZipFile, file: SourceFile) -> None:
    size = sum(one.file_size for one in book.infolist())
    packed = max(sum(one.compress_size for one in book.infolist()), 1)
    if size > MAX_WORKBOOK_BYTES or (size > 32 * 2**20 and size / packed > MAX_RATIO):
        raise bomb(file.name)


def _parsed(stream: IO[bytes], tag: str) -> Iterator[etree._Element]:
    events = etree.iterparse(
        stream, events=("end",), tag=f"{{*}}{tag}", resolve_entities=False, load_dtd=False, no_network=True
    )
    for _, element in events:
        yield element
        element.clear()


def _strings(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    with book.open("xl/sharedStrings.xml") as stream:
        return [_text(one) for one in _parsed(stream, "si")]


def _text(element: etree._Element) -> str:
    return "".join(str(one.text or "") for one in element.iter("{*}t"))


def _rows(stream: IO[bytes], strings: list[str]) -> Iterator[Row]:
    with stream:
        for number, element in enumerate(_parsed(stream, "row"), 1):
            cells: dict[int, str] = {}
            for place, cell in enumerate(element):
                column = _column(cell.get("r", ""), place)
                if column < _MAX_COLUMNS:
                    cells[column] = _value(cell, strings).strip()
            if any(cells.values()):
                line = element.get("r", "")
                filled = tuple(cells.get(index, "") for index in range(max(cells) + 1))
                yield Row(int(line) if line.isdigit() else number, filled)


def _column(reference: str, place: int) -> int:
    found = _COLUMN.match(reference)
    if not found:
        return place
    number = 0
    for letter in found[0][:3]:
        number = number * 26 + ord(letter) - 64
    return number - 1


def _value(cell: etree._Element, strings: list[str]) -> str:
    kind = cell.get("t", "")
    if kind == "inlineStr":
        return _text(cell)
    value = next((str(one.text or "") for one in cell.iter("{*}v")), "")
    if kind == "s":
        return strings[int(value)] if value.isdigit() and int(value) < len(strings) else ""
    return value
