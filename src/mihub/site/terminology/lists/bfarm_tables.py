"""BfArM's metadata of ICD-10-GM and OPS: chapters, groups, three-digit codes (OPS) and codes, as text with semicolons.

Columns since 2004 differ by year; they are told apart by their content, not by the year. Codes and chapters are
written as in ClaML, so that both forms of one version give the same codes. Layout checked against public readers of the
publisher's files (docs/reference/code-lists.md). Above: `recognise`. Below: `rows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.entry import CodeList, Entry, Problems, PropertyKind, Wording
from mihub.site.terminology.lists.rows import ODD_ROW, Row, rows
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.systems import System, by_name

_ROMAN: Final = (
    "", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI",
    "XII", "XIII", "XIV", "XV", "XVI", "XVII", "XVIII", "XIX", "XX", "XXI", "XXII",
)  # fmt: skip
_ICD: Final = re.compile(r"[A-Z]\d\d(?:\.\d{1,2})?")
_MARKS: Final = frozenset("+*!")
_LOOKED_AT: Final = 3
_OPS: Final = re.compile(r"\d-[0-9a-z]{2,3}(?:\.[0-9a-z]{1,2})?")
_USE_295: Final = frozenset("POZV")
# What stands after the title (and the titles of its parts), by name, in order. Names as in ClaML where it has them.
_ICD_TAIL: Final = (
    "Para295", "Para301", "MortL1Code", "MortL2Code", "MortL3Code", "MortL4Code", "MorbLCode",
    "SexCode", "SexReject", "AgeLow", "AgeHigh", "AgeReject", "Exot", "Content", "Infectious", "EBMLabor",
)  # fmt: skip
_ICD_TAIL_WITH_DAYS: Final = (*_ICD_TAIL[:9], "", "AgeLow", "", "AgeHigh", *_ICD_TAIL[11:])
_OPS_TAIL: Final = ("P17b-d", "ZusatzK", "EinmalK")
_TABLE: Final = re.compile(r"(kapitel|gruppen|dreisteller|kodes|codes)", re.IGNORECASE)
_NO_CODE = "rows without a code were left out"


def table_of(name: str) -> str:
    """Which of the tables a file is by its name: kapitel, gruppen, dreisteller, kodes, or "" for none."""
    found = _TABLE.search(name) if name.lower().endswith((".txt", ".csv")) else None
    return found[1].lower().replace("codes", "kodes") if found else ""


def system_of(file: SourceFile) -> System | None:
    """Whether a table of codes is ICD-10-GM or OPS, by its first rows (one may name the columns)."""
    for row in islice(rows(file, ";", quoted=False), _LOOKED_AT):
        code = row.cells[6] if len(row.cells) > 8 else ""
        if _ICD.fullmatch(code):
            return by_name("icd-10-gm")
        if _OPS.fullmatch(code):
            return by_name("ops")
    return None


def read(tables: dict[str, SourceFile], system: System, version: str = "") -> CodeList:
    """The list from its tables by kind (`kodes` at least). Raises `InvalidInput` when the version is nowhere said."""
    codes = tables["kodes"]
    version = version or _year(codes)
    problems = Problems()
    icd = system.key == "icd-10-gm"
    tail = [name for name in (_ICD_TAIL if icd else _OPS_TAIL) if name]
    kinds = tuple(PropertyKind(name, "code") for name in tail)
    names = ", ".join(file.base for file in tables.values())
    entries = _icd(tables, problems) if icd else _ops(tables, problems)
    return CodeList(system.head(version, names, kinds), entries, problems)


def _year(file: SourceFile) -> str:
    found = re.findall(r"(?:19|20)\d\d(?!\d)", file.base) or re.findall(r"(?:19|20)\d\d(?!\d)", file.name)
    if not found:
        raise InvalidInput(
            f"Neither {file.name} nor its ZIP file says the year of the classification.",
            where=file.name,
            rule="a year in the name, as the publisher wrote it",
            next_step="Name it: --version 2026",
        )
    return str(found[0])


def _icd(tables: dict[str, SourceFile], problems: Problems) -> Iterator[Entry]:
    for row in _rows(tables, "kapitel"):
        yield Entry(_chapter(row.cells[0]), row.cells[-1], abstract=True)
    groups: dict[str, str] = {}
    for row in _rows(tables, "gruppen"):
        first, chapter = row.cells[0], next((cell for cell in row.cells[1:-1] if cell.isdigit()), "")
        last = next((cell for cell in row.cells[1:-1] if re.fullmatch(r"[A-Z]\d\d", cell)), first)
        groups[first] = f"{first}-{last}"
        above = (_chapter(chapter),) if chapter and "kapitel" in tables else ()
        yield Entry(groups[first], row.cells[-1], above, abstract=True)
    for row in rows(tables["kodes"], ";", quoted=False):
        entry = _icd_code(row, groups, tables["kodes"], problems)
        if entry is not None:
            yield entry


def _icd_code(row: Row, groups: dict[str, str], file: SourceFile, problems: Problems) -> Entry | None:
    cells, place = row.cells, f"{file.base}, line {row.line}"
    if len(cells) < 11:
        problems.note(ODD_ROW, place)
        return None
    code = cells[6]
    if not _ICD.fullmatch(code):
        problems.note(_NO_CODE, place)
        return None
    # Until 2012 the use in § 295 follows the title at once, later three titles of the parts stand between.
    parts, tail = ([], cells[9:]) if cells[9] in _USE_295 else (cells[9:12], cells[12:])
    names = _ICD_TAIL_WITH_DAYS if len(tail) > len(_ICD_TAIL) else _ICD_TAIL
    mark = cells[5][-1:] if cells[5][-1:] in _MARKS else ""
    properties = [(name, value) for name, value in zip(names, tail, strict=False) if name and value]
    own = next((part for part in reversed(parts) if part), "")
    return Entry(
        code=code,
        display=cells[8],
        parents=_above(code, groups.get(cells[4], "")),
        wordings=(Wording(own, "short"),) if own and own != cells[8] else (),
        properties=(*properties, *([("usage", mark)] if mark else [])),
        place=place,
    )


def _above(code: str, group: str) -> tuple[str, ...]:
    shorter = code[:-1].rstrip(".")
    if "." in code:
        return (shorter,)
    return (group,) if group else ()


def _chapter(number: str) -> str:
    return _ROMAN[int(number)] if number.isdigit() and 0 < int(number) < len(_ROMAN) else number


def _ops(tables: dict[str, SourceFile], problems: Problems) -> Iterator[Entry]:
    for row in _rows(tables, "kapitel"):
        yield Entry(row.cells[0], row.cells[-1], abstract=True)
    groups: dict[str, str] = {}
    for row in _rows(tables, "gruppen"):
        if len(row.cells) < 4:
            problems.note(ODD_ROW, f"{tables['gruppen'].base}, line {row.line}")
            continue
        chapter, first, last = row.cells[:3]
        groups[first] = f"{first}...{last}"
        yield Entry(groups[first], row.cells[-1], (chapter,) if "kapitel" in tables else (), abstract=True)
    for row in _rows(tables, "dreisteller"):
        yield Entry(row.cells[-2], row.cells[-1], _known(groups, row.cells[1:2]))
    for row in rows(tables["kodes"], ";", quoted=False):
        entry = _ops_code(row, groups, "dreisteller" in tables, tables["kodes"], problems)
        if entry is not None:
            yield entry


def _ops_code(
    row: Row, groups: dict[str, str], three: bool, file: SourceFile, problems: Problems
) -> Entry | None:
    cells, place = row.cells, f"{file.base}, line {row.line}"
    if len(cells) < 12:
        problems.note(ODD_ROW, place)
        return None
    code = cells[6]
    if not _OPS.fullmatch(code):
        problems.note(_NO_CODE, place)
        return None
    above = (
        (code[:-1].rstrip("."),) if "." in code else ((cells[5],) if three else _known(groups, cells[4:5]))
    )
    own = next((part for part in reversed(cells[9:12]) if part), "")
    properties = [("Seite", cells[7])] if cells[7] not in {"", "N"} else []
    properties += [(name, value) for name, value in zip(_OPS_TAIL, cells[12:], strict=False) if value]
    return Entry(
        code=code,
        display=cells[8],
        parents=above,
        wordings=(Wording(own, "short"),) if own and own != cells[8] else (),
        properties=tuple(properties),
        place=place,
    )


def _known(groups: dict[str, str], first: Sequence[str]) -> tuple[str, ...]:
    return (groups[first[0]],) if first and first[0] in groups else ()


def _rows(tables: dict[str, SourceFile], name: str) -> Iterator[Row]:
    """The rows of a table that hold a code where one must be: a line with the columns' names does not."""
    if name in tables:
        for row in rows(tables[name], ";", quoted=False):
            at = -2 if name == "dreisteller" else 1 if name == "gruppen" and row.cells[0].isdigit() else 0
            if len(row.cells) >= 2 and any(sign.isdigit() for sign in row.cells[at]):
                yield row
