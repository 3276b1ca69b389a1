"""One class of a ClaML file: its code, titles, place and properties, taken from its element.

Above: `claml`. Source: EN ISO 13120 (ClaML).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from mihub.site.terminology.lists.claml_modifiers import ModifiedBy
from mihub.site.terminology.lists.entry import Wording

_XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_MORPHOLOGY: Final = re.compile(r"\d{4}:\d")
_BLANKS: Final = re.compile(r"\s+")
_MARKS: Final = {"dagger": "+", "aster": "*", "optional": "!"}
KINDS: Final = {"chapter", "block"}
_WORDING_OF_RUBRIC: Final = {"preferred": "preferred", "preferredLong": "long", "inclusion": "inclusion"}


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
    # The titles above and its own, where its own says only what differs.
    composed: str = ""

    @property
    def label(self) -> str:
        """The full title where there is one, else the preferred one."""
        return self.composed or self.own

    @property
    def own(self) -> str:
        """What the file says of this class alone."""
        by_use = {
            one.use: one.text for one in reversed(self.wordings) if not one.language or one.language == "de"
        }
        return by_use.get("long") or by_use.get("preferred") or next((one.text for one in self.wordings), "")


def class_of(element: etree._Element) -> Class:
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
        text = text_of(label)
        if not text:
            continue
        language = label.get(_XML_LANG, "")
        if kind in _WORDING_OF_RUBRIC:
            found.wordings.append(
                Wording(text, _WORDING_OF_RUBRIC[kind], "" if language == "de" else language)
            )
        elif kind == "definition":
            found.definition = f"{found.definition} {text}".strip()


def text_of(element: etree._Element) -> str:
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


def compose_titles(classes: dict[str, Class]) -> None:
    """Full titles for the OPS, as its metadata has them: the category, the fifth and the sixth place with colons.

    The file says only "Offen chirurgisch" of such a place, and has no `preferredLong`.
    """
    for one in classes.values():
        titles, above, seen = [one.own], one, {one.code}
        while "." in above.code and above.parents and above.parents[0] not in seen:
            seen.add(above.parents[0])
            parent = classes.get(above.parents[0])
            if parent is None or parent.kind in KINDS:
                break
            titles.append(parent.own)
            above = parent
        if len(titles) > 1 and not any(wording.use == "long" for wording in one.wordings):
            one.composed = ": ".join(reversed(titles))
            one.wordings = [
                Wording(wording.text, "short", wording.language) if wording.text == one.own else wording
                for wording in one.wordings
            ]
