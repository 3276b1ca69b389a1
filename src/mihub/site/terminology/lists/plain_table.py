"""A table of a site's own codes: first line `code,display[,parent][,definition][,display:en]...`, one code a line.

The separator is `;`, `,`, `|` or a tab. Several parents are separated by blanks. `display:xx` is a designation in that language,
`synonym` is searched and shown; every other column becomes a property. Above: `recognise`. Below: `rows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.encoding import encoding_of, is_binary
from mihub.site.terminology.lists.entry import CodeList, Entry, Head, Problems, PropertyKind, Wording
from mihub.site.terminology.lists.rows import first_line, named, separator_of
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.systems import canonical, systems

_OTHER_NAMES: Final = {
    "kode": "code", "schlüssel": "code", "bezeichnung": "display", "text": "display", "titel": "display", "title": "display",
    "name": "display", "parents": "parent", "eltern": "parent", "oberbegriff": "parent", "parent_code": "parent",
    "beschreibung": "definition", "synonyme": "synonym", "synonyms": "synonym",
}  # fmt: skip
_KNOWN: Final = frozenset({"code", "display", "parent", "definition", "synonym", "abstract", "inactive"})
_LANGUAGE: Final = re.compile(r"display:([a-z]{2,3}(?:-[A-Za-z0-9]+)*)", re.IGNORECASE)
_TRUE: Final = frozenset({"1", "true", "ja", "yes", "x"})


def is_table(file: SourceFile) -> bool:
    """Whether a text file's first line names a column `code`."""
    return (
        file.base.lower().endswith((".csv", ".tsv", ".txt"))
        and not is_binary(file)
        and "code" in _header(file)
    )


def _header(file: SourceFile) -> list[str]:
    encoding = encoding_of(file)
    line = first_line(file, encoding)
    cells = [cell.strip().strip('"').lstrip("\ufeff").lower() for cell in line.split(separator_of(line))]
    return [_OTHER_NAMES.get(cell, cell) for cell in cells]


def read(file: SourceFile, *, system: str, version: str, title: str = "", language: str = "") -> CodeList:
    """The list. `system`: an address, or the short name of a known system. Raises `InvalidInput`."""
    if not system:
        raise InvalidInput(
            f"{file.name} is a table of codes, but does not say of which code system.",
            where=file.name,
            rule="a table does not say its system",
            next_step="Name it: --system https://my-clinic.example/codes --version 1",
        )
    problems = Problems()
    extra = tuple(
        PropertyKind(name) for name in _header(file) if name not in _KNOWN and not _LANGUAGE.fullmatch(name)
    )
    return CodeList(_head(file, system, version, title, language, extra), _entries(file, problems), problems)


def _head(
    file: SourceFile, system: str, version: str, title: str, language: str, extra: tuple[PropertyKind, ...]
) -> Head:
    known = next(
        (one for one in systems().values() if one.url == canonical(system) and one.kind == "codes"), None
    )
    if known is not None:
        if not version:
            raise InvalidInput(
                f"{file.name} does not say its version.",
                where=file.name,
                rule=f"{known.title} has versions",
                next_step="Name it: --version 2026",
            )
        return known.head(version, file.base, extra)
    return Head(
        url=system,
        version=version,
        title=title or file.base,
        language=language or "de",
        files=file.base,
        properties=extra,
    )


def _entries(file: SourceFile, problems: Problems) -> Iterator[Entry]:
    for line, cells in named(file, ("code",), problems, names=_OTHER_NAMES):
        low = {name.lower(): value for name, value in cells.items()}
        place = f"{file.base}, line {line}"
        if not low["code"]:
            problems.note("rows without a code were left out", place)
            continue
        wordings = [
            Wording(value, "preferred", found[1])
            for name, value in low.items()
            if value and (found := _LANGUAGE.fullmatch(name))
        ]
        wordings += [Wording(one.strip()) for one in low.get("synonym", "").split("|") if one.strip()]
        yield Entry(
            code=low["code"],
            display=low.get("display", "") or low["code"],
            parents=tuple(low.get("parent", "").split()),
            wordings=tuple(wordings),
            properties=tuple(
                (name, value)
                for name, value in low.items()
                if value and name not in _KNOWN and not _LANGUAGE.fullmatch(name)
            ),
            definition=low.get("definition", ""),
            abstract=low.get("abstract", "").lower() in _TRUE,
            inactive=low.get("inactive", "").lower() in _TRUE,
            place=place,
        )
