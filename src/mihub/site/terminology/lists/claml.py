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
from mihub.site.terminology.lists.claml_modifiers import ModifiedBy, Modifiers, unfolded
from mihub.site.terminology.lists.entry import CodeList, Entry, Problems, PropertyKind, Wording
from mihub.site.terminology.lists.sources import SourceFile
from mihub.site.terminology.lists.systems import System, by_name

_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_MORPHOLOGY: Final = re.compile(r"\d{4}:\d")
_BLANKS: Final = re.compile(r"\s+")
_SYSTEM_BY_NAME: Final = (
    (re.compile(r"ICD-?O", re.I), "icd-o-3"),
    (re.compile(r"ICD-?10-?GM", re.I), "icd-10-gm"),
    (re.compile(r"\bOPS\b|Operationen- und Proz", re.I), "ops"),
    (re.compile(r"\bATC\b", re.I), "atc"),
)
_MARKS: Final = {"dagger": "+", "aster": "*", "optional": "!"}
_KINDS: Final = {"chapter", "block"}
_WORDING_OF_RUBRIC: Final = {"preferred": "preferred", "preferredLong": "long", "inclusion": "inclusion"}
_STOPPED = "modifiers that the file does not define were left out"


@dataclass(slots=True)
class Class:
    """One class as the file has it; `parents` and `modified_by` as codes."""

    code: str
    kind: str
    parents: list[str] = field(default_factory=list)
    children: int = 0
    wordings: list[Wording] = field(default_factory=list)
    definition: str = ""
    properties: list[tuple[str, str]] = field(default_factory=list)
    modified_by: list[ModifiedBy] = field(default_factory=list)
    line: int = 0

    @property
    def label(self) -> str:
        """The full title where there is one, else the preferred one."""
        by_use = {
            one.use: one.text for one in reversed(self.wordings) if not one.language or one.language == "de"
        }
        return by_use.get("long") or by_use.get("preferred") or next((one.text for one in self.wordings), "")


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
        document.title = _text(element)
    elif tag == "ModifierClass":
        one = _class(element)
        document.modifiers.add(element.get("modifier", ""), one.code, one.label, tuple(one.properties))
    elif tag == "Class":
        one = _class(element)
        if not one.code:
            problems.note("classes without a code were left out", f"{file.base}, line {element.sourceline}")
        elif one.code in document.classes:
            problems.note(
                "codes that stand twice: the first was kept",
                f"{file.base}, line {element.sourceline}, {one.code}",
            )
        else:
            document.classes[one.code] = one


def _class(element: etree._Element) -> Class:
    code = element.get("code", "").strip()
    found = Class(_shown(code), element.get("kind", ""), line=_line(element))
    usage = element.get("usage", "")
    if usage:
        found.properties.append(("usage", _MARKS.get(usage, usage)))
    for child in element:
        if isinstance(child.tag, str):
            _part(child, found)
    return found


def _line(element: etree._Element) -> int:
    return int(str(element.sourceline)) if element.sourceline is not None else 0


def _part(child: etree._Element, found: Class) -> None:
    tag = etree.QName(child).localname
    if tag == "SuperClass":
        found.parents.append(_shown(child.get("code", "")))
    elif tag == "SubClass":
        found.children += 1
    elif tag == "Meta":
        found.properties.append((child.get("name", ""), child.get("value", "")))
    elif tag == "ModifiedBy":
        valid = tuple(
            one.get("code", "") for one in child if etree.QName(one).localname == "ValidModifierClass"
        )
        found.modified_by.append(ModifiedBy(child.get("code", ""), valid))
    elif tag == "Rubric":
        _rubric(child, found)


def _rubric(rubric: etree._Element, found: Class) -> None:
    kind = rubric.get("kind", "")
    for label in rubric:
        if not isinstance(label.tag, str) or etree.QName(label).localname != "Label":
            continue
        text = _text(label)
        if not text:
            continue
        language = label.get(_XML_LANG, "")
        if kind in _WORDING_OF_RUBRIC:
            found.wordings.append(
                Wording(text, _WORDING_OF_RUBRIC[kind], "" if language == "de" else language)
            )
        elif kind == "definition":
            found.definition = f"{found.definition} {text}".strip()


def _text(element: etree._Element) -> str:
    return _BLANKS.sub(" ", "".join(_pieces(element))).strip()


def _pieces(element: etree._Element) -> Iterator[str]:
    """The text in order; references that the printed book sets in brackets get them here too."""
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            inner = "".join(_pieces(child))
            yield f"({inner})" if child.get("class") == "in brackets" and inner else inner
        yield child.tail or ""


def _shown(code: str) -> str:
    # ICD-O-3 writes its morphology 8140:3 in ClaML and 8140/3 everywhere else.
    return code.replace(":", "/") if _MORPHOLOGY.fullmatch(code) else code


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
            abstract=one.kind in _KINDS,
            place=place,
        )
    yield from unfolded(
        document.classes, document.modifiers, lambda code, name: problems.note(_STOPPED, f"{name} at {code}")
    )
