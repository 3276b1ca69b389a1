"""Which publisher's format the files are, and the parser for them: by name and content, never by the name alone where both help.

Files that belong together (tables of one classification, one LOINC release, all RF2 snapshots given) become one list. Read-me
files, PDFs and DTDs beside them are passed over. Above: `shelf`. Below: the parsers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mihub.errors import InvalidInput
from mihub.site.terminology.lists import alphabets, atc, bfarm_tables, claml, loinc, plain_table, rf2
from mihub.site.terminology.lists.entry import CodeList
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.systems import System, canonical, systems

_PASSED_OVER: Final = (
    ".pdf",
    ".dtd",
    ".html",
    ".htm",
    ".md",
    ".css",
    ".doc",
    ".docx",
    ".odt",
    ".png",
    ".jpg",
    ".xsl",
    ".xsd",
)
_FORMATS: Final = (
    "ClaML or metadata of ICD-10-GM and OPS, Alpha-ID, ATC index (XLSX, CSV), ICD-O-3 ClaML, Loinc.csv, SNOMED CT RF2 snapshot,"
    " or a table with a column code"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller says of the files; "" leaves it to them. `system`: short name or address."""

    system: str = ""
    version: str = ""
    title: str = ""
    language: str = ""

    @property
    def known(self) -> System | None:
        """The system, when it is one whose publisher's files are read."""
        url = canonical(self.system)
        return next((one for one in systems().values() if one.url == url and one.kind == "codes"), None)


@dataclass(frozen=True, slots=True)
class Recognised:
    """Files that make one list; `read` starts to read them and may raise `InvalidInput`."""

    name: str
    files: tuple[SourceFile, ...]
    read: Callable[[], CodeList]


def recognised(groups: Sequence[Sequence[SourceFile]], wanted: Wanted) -> list[Recognised]:
    """What the files hold, by the path they were named with: every path is accounted for.

    Raises `InvalidInput` when nothing of all is a code list; one path of several that holds none is refused when it is read.
    """
    kept = [[one for one in group if _may_count(one)] for group in groups]
    # An edition of SNOMED CT and its extensions come in several ZIP files and are one list.
    found = list(_rf2([one for group in kept for one in group], wanted))
    taken = {file for one in found for file in one.files}
    for group, named in zip(kept, groups, strict=True):
        more = list(
            _of_group([one for one in group if one not in taken], wanted, alone=not taken.intersection(group))
        )
        if not more and not taken.intersection(group):
            more = [_refused(named)]
        found += more
    if all(not one.files for one in found):
        raise _nothing([file for group in groups for file in group])
    return found


def _may_count(file: SourceFile) -> bool:
    return not file.base.lower().endswith(_PASSED_OVER) and not file.base.startswith((".", "~"))


def _of_group(files: Sequence[SourceFile], wanted: Wanted, *, alone: bool) -> Iterator[Recognised]:
    found = [*_loinc(files, wanted), *_bfarm(files, wanted)]
    taken = {file for one in found for file in one.files}
    yield from found
    # Beside a release that was recognised lie many tables that are none of their own.
    for file in files:
        one = _single(file, wanted, alone=alone and not found) if file not in taken else None
        if one is not None:
            yield one


def _refused(files: Sequence[SourceFile]) -> Recognised:
    def read() -> CodeList:
        raise _nothing(files)

    return Recognised(files[0].name.split("/")[0] if files else "an empty folder", (), read)


def _nothing(files: Sequence[SourceFile]) -> InvalidInput:
    return InvalidInput(
        "None of the files is a code list in a format that is read.",
        where=", ".join(one.name for one in files[:5]),
        rule=_FORMATS,
        next_step="Name the ZIP file as it was downloaded; see docs/how-to/load-code-lists.md.",
    )


def _grouped(
    files: Iterable[SourceFile], table_of: Callable[[SourceFile], str]
) -> dict[str, list[SourceFile]]:
    groups: dict[str, list[SourceFile]] = {}
    for file in files:
        table = table_of(file)
        if table:
            groups.setdefault(table, []).append(file)
    return groups


def _rf2(files: Sequence[SourceFile], wanted: Wanted) -> Iterator[Recognised]:
    tables = _grouped(files, rf2.table_of)
    if "Concept" in tables or "Description" in tables:
        every = tuple(file for part in tables.values() for file in part)
        yield Recognised("SNOMED CT", every, lambda: rf2.read(tables, wanted.version))


def _loinc(files: Sequence[SourceFile], wanted: Wanted) -> Iterator[Recognised]:
    tables = _grouped(files, loinc.table_of)
    if "loinc" in tables:
        every = tuple(file for part in tables.values() for file in part)
        # The release repeats its files for other uses (LoincTableCore); every other table of it is passed over.
        beside = tuple(
            one for one in files if one.name.split("/")[0] == tables["loinc"][0].name.split("/")[0]
        )
        yield Recognised(
            "LOINC", tuple(dict.fromkeys((*every, *beside))), lambda: loinc.read(tables, wanted.version)
        )


def _bfarm(files: Sequence[SourceFile], wanted: Wanted) -> Iterator[Recognised]:
    folders: dict[str, list[SourceFile]] = {}
    for file in files:
        if bfarm_tables.table_of(file.base):
            folders.setdefault(file.folder, []).append(file)
    for group in folders.values():
        tables = {bfarm_tables.table_of(file.base): file for file in group}
        system = bfarm_tables.system_of(tables["kodes"]) if "kodes" in tables else None
        if system is not None:
            yield Recognised(system.title, tuple(group), _tables_reader(tables, system, wanted))


def _tables_reader(tables: dict[str, SourceFile], system: System, wanted: Wanted) -> Callable[[], CodeList]:
    return lambda: bfarm_tables.read(tables, system, wanted.version)


def _single(file: SourceFile, wanted: Wanted, *, alone: bool) -> Recognised | None:
    if claml.is_claml(file):
        return Recognised(
            "ClaML", (file,), lambda: claml.read(file, system=wanted.known, version=wanted.version)
        )
    alphabet = alphabets.alphabet_of(file.base)
    if alphabet:
        return Recognised(
            "alphabetical index", (file,), lambda: alphabets.read_alphabet(file, alphabet, wanted.version)
        )
    if alphabets.is_alpha_id(file):
        return Recognised("Alpha-ID", (file,), lambda: alphabets.read_alpha_id(file, wanted.version))
    if not alone:
        return None
    if plain_table.is_table(file):
        return Recognised(
            "table",
            (file,),
            lambda: plain_table.read(
                file,
                system=wanted.system,
                version=wanted.version,
                title=wanted.title,
                language=wanted.language,
            ),
        )
    return Recognised("ATC", (file,), lambda: atc.read(file, wanted.version)) if atc.is_atc(file) else None
