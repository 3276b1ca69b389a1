"""LOINC as Regenstrief publishes it: LoincTable/Loinc.csv, and beside it linguistic variants, hierarchy and answer lists.

Only Loinc.csv is needed. German designations come from deDE...LinguisticVariant.csv (de-AT as well, when there is no de-DE).
Streams: the side files lie in a temporary SQLite file by code, so memory stays constant. Columns: LOINC Users' Guide, appendix
A, and the release's own header. Above: `recognise`. Below: `rows`, `staging`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.entry import CodeList, Entry, Problems, PropertyKind, Wording
from mihub.site.terminology.lists.rows import named
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.staging import Staging
from mihub.site.terminology.lists.systems import by_name

# Properties by FHIR's names for LOINC (https://hl7.org/fhir/R4/loinc.html), columns of Loinc.csv.
_PROPERTIES: Final = (
    "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP", "CLASS", "CLASSTYPE", "STATUS", "ORDER_OBS",
    "VersionLastChanged", "EXAMPLE_UCUM_UNITS", "CONSUMER_NAME", "UNITSREQUIRED", "PanelType", "COMMON_TEST_RANK",
)  # fmt: skip
_NEEDED: Final = ("LOINC_NUM", "COMPONENT", "LONG_COMMON_NAME", "STATUS")
_KINDS: Final = (
    *(PropertyKind(name) for name in _PROPERTIES),
    PropertyKind("answer-list", "code", "the list of answers to this question"),
    PropertyKind("answers-for", "code", "the list this answer belongs to"),
)
_VERSION: Final = re.compile(r"[Ll]oinc[_-]?(\d+\.\d+)")
_GERMAN: Final = re.compile(r"de(DE|AT|CH)\d*LinguisticVariant\.csv$")
_RANKLESS: Final = frozenset({"", "0"})


def table_of(file: SourceFile) -> str:
    """Which part of a LOINC release a file is: loinc, german, hierarchy, answers, links, or "" for none that is read."""
    name = file.base
    if _GERMAN.search(name):
        return "german"
    names = {
        "loinc.csv": "loinc",
        "componenthierarchybysystem.csv": "hierarchy",
        "multiaxialhierarchy.csv": "hierarchy",
        "answerlist.csv": "answers",
        "loincanswerlistlink.csv": "links",
    }
    return names.get(name.lower(), "")


def read(tables: Mapping[str, Sequence[SourceFile]], version: str = "") -> CodeList:
    """The list from the files of a release by `table_of`. Raises `InvalidInput`."""
    main = tables["loinc"][0]
    found = _VERSION.search(main.name) or next(
        (match for part in tables.values() for file in part if (match := _VERSION.search(file.name))), None
    )
    if not version and not found:
        raise InvalidInput(
            f"Neither {main.name} nor its folder says the version of LOINC.",
            where=main.name,
            rule="Loinc_2.81.zip, as the publisher named it",
            next_step="Name it: --version 2.81",
        )
    problems = Problems()
    names = ", ".join(file.base for part in tables.values() for file in part)
    head = by_name("loinc").head(version or (found[1] if found else ""), names, _KINDS)
    return CodeList(head, _entries(tables, problems), problems)


def _entries(tables: Mapping[str, Sequence[SourceFile]], problems: Problems) -> Iterator[Entry]:
    with Staging() as staging:
        _stage_german(tables, staging, problems)
        _stage_hierarchy(tables, staging, problems)
        for file in tables.get("links", ()):
            pairs = named(file, ("LoincNumber", "AnswerListId"), problems)
            staging.put("answer-list", ((cells["LoincNumber"], cells["AnswerListId"]) for _, cells in pairs))
        staging.ready()
        for line, cells in named(tables["loinc"][0], _NEEDED, problems):
            yield _entry(cells, staging, f"{tables['loinc'][0].base}, line {line}")
        yield from _parts(staging)
        for file in tables.get("answers", ()):
            yield from _answers(file, problems)


def _stage_german(tables: Mapping[str, Sequence[SourceFile]], staging: Staging, problems: Problems) -> None:
    variants = sorted(tables.get("german", ()), key=lambda file: "deDE" not in file.base)
    for file in variants[:1]:
        for _, cells in named(file, ("LOINC_NUM", "LONG_COMMON_NAME"), problems):
            code = cells["LOINC_NUM"]
            shown = cells.get("LinguisticVariantDisplayName", "")
            texts = [shown, cells["LONG_COMMON_NAME"], _said(cells), cells.get("RELATEDNAMES2", "")]
            staging.put("de", ((code, text) for text in dict.fromkeys(texts) if text))


def _said(cells: Mapping[str, str]) -> str:
    """A name made of the parts, for variants that translate the parts only."""
    return " | ".join(
        cells.get(name, "") for name in ("COMPONENT", "SYSTEM", "METHOD_TYP") if cells.get(name)
    )


def _stage_hierarchy(
    tables: Mapping[str, Sequence[SourceFile]], staging: Staging, problems: Problems
) -> None:
    for file in tables.get("hierarchy", ())[:1]:
        for _, cells in named(file, ("IMMEDIATE_PARENT", "CODE", "CODE_TEXT"), problems):
            code, parent = cells["CODE"], cells["IMMEDIATE_PARENT"]
            staging.put("parent", [(code, parent)] if parent else [])
            if code.startswith("LP"):
                staging.put("part", [(code, cells["CODE_TEXT"])])


def _entry(cells: Mapping[str, str], staging: Staging, place: str) -> Entry:
    code, status = cells["LOINC_NUM"], cells["STATUS"]
    german = staging.get("de", code)
    short = cells.get("SHORTNAME", "")
    wordings = [Wording(german[0], "preferred", "de")] if german else []
    wordings += [Wording(text, "inclusion", "de") for text in german[1:]]
    wordings += [Wording(short, "short")] if short else []
    wordings += [Wording(names, "inclusion") for names in [cells.get("RELATEDNAMES2", "")] if names]
    properties = [
        (name, cells[name])
        for name in _PROPERTIES
        if cells.get(name) and not (name.endswith("RANK") and cells[name] in _RANKLESS)
    ]
    properties += [("answer-list", one) for one in staging.get("answer-list", code)]
    return Entry(
        code=code,
        display=cells["LONG_COMMON_NAME"] or cells["COMPONENT"],
        parents=tuple(dict.fromkeys(staging.get("parent", code))),
        wordings=tuple(wordings),
        properties=tuple(properties),
        definition=cells.get("DefinitionDescription", ""),
        inactive=status == "DEPRECATED",
        status="" if status == "ACTIVE" else status.lower(),
        place=place,
    )


def _parts(staging: Staging) -> Iterator[Entry]:
    for code, text in staging.all("part"):
        yield Entry(code, text or code, tuple(dict.fromkeys(staging.get("parent", code))))


def _answers(file: SourceFile, problems: Problems) -> Iterator[Entry]:
    seen: set[str] = set()
    for line, cells in named(
        file, ("AnswerListId", "AnswerListName", "AnswerStringId", "DisplayText"), problems
    ):
        place = f"{file.base}, line {line}"
        group, answer = cells["AnswerListId"], cells["AnswerStringId"]
        if group and group not in seen:
            seen.add(group)
            yield Entry(group, cells["AnswerListName"], place=place)
        if answer and answer not in seen:
            seen.add(answer)
            yield Entry(
                answer, cells["DisplayText"] or answer, properties=(("answers-for", group),), place=place
            )
