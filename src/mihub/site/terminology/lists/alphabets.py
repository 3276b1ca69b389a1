"""BfArM's Alpha-ID(-SE) and the alphabetical indexes of ICD-10-GM and OPS: the words people use, each leading to a code.

Lines with `|`, no header. Alpha-ID is a code system of its own; the indexes are only searched. Layout checked against public
readers of the publisher's files (docs/reference/code-lists.md). Above: `recognise`. Below: `rows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.entry import CodeList, Entry, Problems, PropertyKind
from mihub.site.terminology.lists.rows import ODD_ROW, rows
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.systems import by_name

_ALPHA_LINE: Final = re.compile(rb"(?:\xef\xbb\xbf)?[01]\|I\d+\|")
_ALPHABET_NAME: Final = re.compile(r"(icd10gm|ops)(\d{4}).?alpha(?!id).*\.txt$", re.IGNORECASE)
_ALPHA_NAME: Final = re.compile(r"alphaid.*\.(txt|csv)$", re.IGNORECASE)
_MARKS: Final = "+*!†"
_YEAR: Final = re.compile(r"(?:19|20)\d\d")
# Behind the validity and the code itself; the Orphacode stands in the -SE edition only.
_ALPHA_COLUMNS: Final = ("icd-primary", "icd-star", "icd-additional", "icd-primary-2", "orphacode")
_OPS_CODE: Final = re.compile(r"\d-[0-9a-z]{2,3}(?:\.[0-9a-z]{1,2})?")
_ICD_CODE: Final = re.compile(r"[A-Z]\d\d(?:\.(?:\d{1,2}|-|\d-))?")
_NO_TEXT = "rows without a text were left out"


def is_alpha_id(file: SourceFile) -> bool:
    """Whether a file is Alpha-ID, by its name and first line."""
    return bool(_ALPHA_NAME.search(file.base)) or (
        file.base.lower().endswith((".txt", ".csv")) and bool(_ALPHA_LINE.match(file.head(64)))
    )


def alphabet_of(name: str) -> str:
    """The key of the system whose alphabetical index a file is by its name, "" for none."""
    found = _ALPHABET_NAME.search(name)
    return {"icd10gm": "icd-10-gm-alphabet", "ops": "ops-alphabet"}[found[1].lower()] if found else ""


def read_alpha_id(file: SourceFile, version: str = "") -> CodeList:
    """Alpha-ID or Alpha-ID-SE. Raises `InvalidInput` when the year is nowhere said."""
    problems = Problems()
    kinds = (
        *(PropertyKind(name, "code") for name in _ALPHA_COLUMNS),
        PropertyKind("valid", "boolean", "whether the entry is in force"),
    )
    head = by_name("alpha-id").head(version or _year(file), file.base, kinds)
    return CodeList(head, _alpha_entries(file, problems), problems)


def read_alphabet(file: SourceFile, key: str, version: str = "") -> CodeList:
    """The alphabetical index of OPS or ICD-10-GM."""
    problems = Problems()
    head = by_name(key).head(version or _year(file), file.base)
    return CodeList(head, _alphabet_entries(file, key, problems), problems)


def _year(file: SourceFile) -> str:
    found = _YEAR.search(file.base) or _YEAR.search(file.name)
    if not found:
        raise InvalidInput(
            f"Neither {file.name} nor its ZIP file says its year.",
            where=file.name,
            rule="a year in the name, as the publisher wrote it",
            next_step="Name it: --version 2026",
        )
    return found[0]


def _alpha_entries(file: SourceFile, problems: Problems) -> Iterator[Entry]:
    for row in rows(file, "|", quoted=False):
        place = f"{file.base}, line {row.line}"
        if len(row.cells) not in (7, 8):
            problems.note(ODD_ROW, place)
            continue
        valid, code, *between, text = row.cells
        if not text or not code:
            problems.note(_NO_TEXT, place)
            continue
        codes = [_bare(cell) for cell in between[:4]]
        yield Entry(
            code=code,
            display=text,
            properties=(
                *((name, value) for name, value in zip(_ALPHA_COLUMNS, between, strict=False) if value),
                ("valid", "true" if valid == "1" else "false"),
            ),
            # The first code that is not empty says the diagnosis; star and additional codes say more about it.
            leads_to=tuple(dict.fromkeys(one for one in codes if one))[:1],
            inactive=valid != "1",
            status="" if valid == "1" else "retired",
            place=place,
        )


def _alphabet_entries(file: SourceFile, key: str, problems: Problems) -> Iterator[Entry]:
    pattern = _OPS_CODE if key == "ops-alphabet" else _ICD_CODE
    for row in rows(file, "|", quoted=False):
        codes = [bare for cell in row.cells[2:-1] if pattern.fullmatch(bare := _bare(cell))]
        if len(row.cells) < 5:
            problems.note(ODD_ROW, f"{file.base}, line {row.line}")
        elif row.cells[-1] and codes:
            yield Entry(f"{row.line}", row.cells[-1], leads_to=(codes[0],))


def _bare(code: str) -> str:
    return code.strip(_MARKS).removesuffix(".-").removesuffix("-")
