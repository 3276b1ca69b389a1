"""Classifications in ClaML 2.0 and 3.0 (EN ISO 13120), as BfArM publishes ICD-10-GM, OPS and ICD-O-3.

Modifiers are unfolded into codes of their own, as in BfArM's metadata. External entities and DTDs are never resolved: a file
that declares entities is refused. A file's classes are held in memory (34,000 for the OPS), nothing else is. Layout checked
against the ClaML DTD and public readers of BfArM's files (docs/reference/code-lists.md). Above: `recognise`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from lxml import etree

from mihub.errors import InvalidInput
from mihub.site.terminology.lists.claml_classes import KINDS, Class, class_of, compose_titles, text_of
from mihub.site.terminology.lists.claml_modifiers import Modifiers, unfolded
from mihub.site.terminology.lists.entry import CodeList, Entry, Problems, PropertyKind
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.systems import System, by_name

_SYSTEM_BY_NAME: Final = (
    (re.compile(r"ICD-?O", re.I), "icd-o-3"),
    (re.compile(r"ICD-?10-?GM", re.I), "icd-10-gm"),
    (re.compile(r"\bOPS\b|Operationen- und Proz", re.I), "ops"),
    (re.compile(r"\bATC\b", re.I), "atc"),
)
_STOPPED = "modifiers that the file does not define were left out"


@dataclass(slots=True)
class _Document:
    name: str = ""
    version: str = ""
    title: str = ""
    classes: dict[str, Class] = field(default_factory=dict)
    modifiers: Modifiers = field(default_factory=Modifiers)


def is_claml(file: SourceFile) -> bool:
    """Whether a file is ClaML, by its beginning."""
    return file.base.lower().endswith(".xml") and b"<ClaML" in file.head()


def read(file: SourceFile, *, system: System | None = None, version: str = "") -> CodeList:
    """The classification. `system` and `version` override what the file says of itself. Raises `InvalidInput`."""
    problems = Problems()
    document = _parsed(file, problems)
    found = system or _system(document, file)
    version = version or document.version or _year(file.base)
    if not version:
        raise InvalidInput(
            f"{file.name} does not say its version.",
            where=f"{file.name}, element Title",
            rule="attribute version",
            next_step="Name it: --version 2026",
        )
    if found.key == "ops":
        compose_titles(document.classes)
    kinds = sorted({name for one in document.classes.values() for name, _ in one.properties})
    head = found.head(version, file.base, tuple(PropertyKind(name, "code") for name in kinds))
    return CodeList(head, _entries(document, file, problems), problems)


def _year(name: str) -> str:
    found = re.search(r"(?:19|20)\d\d", name)
    return found[0] if found else ""


def _system(document: _Document, file: SourceFile) -> System:
    for text in (document.name, document.title, file.base):
        for pattern, key in _SYSTEM_BY_NAME:
            if pattern.search(text):
                return by_name(key)
    raise InvalidInput(
        f"{file.name} does not say which classification it is.",
        where=f"{file.name}, element Title",
        rule="ICD-10-GM, OPS, ICD-O-3 or ATC",
        next_step="Name it: --system icd-10-gm",
    )


def _parsed(file: SourceFile, problems: Problems) -> _Document:
    _refuse_entities(file)
    document = _Document()
    try:
        with file.open() as stream:
            for element in _elements(stream):
                _take(element, document, file, problems)
    except etree.XMLSyntaxError as error:
        raise InvalidInput(
            f"{file.name} is no whole XML file.",
            where=f"{file.name}, line {error.lineno}",
            rule="well-formed XML (ClaML)",
            next_step="Download it again, and compare its size with the publisher's page.",
        ) from error
    return document


def _refuse_entities(file: SourceFile) -> None:
    # The declaration of a document type stands before the root element; BfArM's names a DTD, which is never fetched.
    head = file.head().split(b"<ClaML", 1)[0]
    if b"<!ENTITY" in head:
        raise InvalidInput(
            f"{file.name} declares entities; it was not read.",
            where=f"{file.name}, document type",
            rule="ClaML without entity declarations",
            next_step="Load the publisher's own file.",
        )


def _elements(stream: IO[bytes]) -> Iterator[etree._Element]:
    """The elements below the root, one at a time; what was read is forgotten."""
    events = etree.iterparse(
        stream,
        events=("end",),
        tag=("{*}Title", "{*}Class", "{*}ModifierClass", "{*}Modifier"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
    )
    for _, element in events:
        yield element
        element.clear()
        while (before := element.getprevious()) is not None:
            parent = element.getparent()
            if parent is None:
                break
            parent.remove(before)


def _take(element: etree._Element, document: _Document, file: SourceFile, problems: Problems) -> None:
    tag = etree.QName(element).localname
    if tag == "Title":
        document.name = element.get("name", "")
        document.version = element.get("version", "")
        document.title = text_of(element)
    elif tag == "ModifierClass":
        one = class_of(element)
        document.modifiers.add(element.get("modifier", ""), one.code, one.label, tuple(one.properties))
    elif tag == "Class":
        one = class_of(element)
        if not one.code:
            problems.note("classes without a code were left out", f"{file.base}, line {element.sourceline}")
        elif one.code in document.classes:
            problems.note(
                "codes that stand twice: the first was kept",
                f"{file.base}, line {element.sourceline}, {one.code}",
            )
        else:
            document.classes[one.code] = one


def _entries(document: _Document, file: SourceFile, problems: Problems) -> Iterator[Entry]:
    for one in document.classes.values():
        place = f"{file.base}, line {one.line}"
        yield Entry(
            code=one.code,
            display=one.label or one.code,
            parents=tuple(dict.fromkeys(one.parents)),
            wordings=tuple(wording for wording in one.wordings if wording.text != one.label),
            properties=tuple(pair for pair in one.properties if all(pair)),
            definition=one.definition,
            abstract=one.kind in KINDS,
            place=place,
        )
    yield from unfolded(
        document.classes, document.modifiers, lambda code, name: problems.note(_STOPPED, f"{name} at {code}")
    )
