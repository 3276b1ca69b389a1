"""Narrative: is the text one XHTML `div`, well-formed, with nothing in it but what R4 allows?

Parsed without entities, network or DTD. Source: https://hl7.org/fhir/R4/narrative.html#xhtml. Above: `base`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.entities import name2codepoint
from typing import Any, Final
from xml.parsers import expat

from mihub.core.fhir import Json
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import KeyCheck

_NS: Final = "http://www.w3.org/1999/xhtml"
_TAGS: Final = """p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr
    address bdo kbd sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img
    map area"""
_KEYS: Final = """title style class id lang xml:lang dir accesskey tabindex span width align valign char charoff abbr axis
    headers scope rowspan colspan border rules frame cellpadding cellspacing summary name href hreflang type rel rev
    charset shape coords src alt longdesc height usemap ismap cite start value nowrap vspace hspace"""
_ELEMENTS: Final = frozenset(_TAGS.split())
_ATTRIBUTES: Final = frozenset(_KEYS.split())
MAX_NARRATIVE: Final = 2_000_000

# Rule and the name of the element or attribute.
Fault = tuple[str, dict[str, str]]


def check_narrative(label: str) -> KeyCheck:
    """The check of `Narrative.div`."""

    def check(value: Any, _: Json, where: Where, run: Run) -> None:
        place = (where, label, -1)
        if value.__class__ is not str:
            run.add("type-json", place, type="xhtml", json="string")
            return
        for rule, facts in faults(value):
            run.add(rule, place, "error", **facts)

    return check


def faults(text: str) -> tuple[Fault, ...]:
    """Everything wrong with a narrative, each fault once; () when it is right."""
    return tuple({repr(one): one for one in _faults(text)}.values())


def _faults(text: str) -> Iterator[Fault]:
    if len(text) > MAX_NARRATIVE:
        yield "text-length", {"limit": str(MAX_NARRATIVE)}
        return
    reader = _Reader()
    try:
        reader.read(text)
    except (expat.ExpatError, _Refused):
        yield "html-syntax", {}
        return
    yield from reader.found
    if not reader.content:
        yield "html-empty", {}


class _Refused(Exception):  # never leaves this file
    """A document type: never needed, and a way to hide things."""


class _Reader:
    """Notes faults while the parser walks."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self.content = False
        self._depth = 0

    def read(self, text: str) -> None:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse
        parser.UseForeignDTD(False)
        parser.Parse(_plain_entities(text).encode("utf-8", "surrogatepass"), True)

    def _refuse(self, *_: Any) -> None:
        raise _Refused

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        if self._depth == 0 and (tag != "div" or namespace != _NS):
            self.found.append(("html-div", {}))
        elif namespace not in (_NS, ""):
            self.found.append(("html-element", {"name": "…"}))
        elif tag not in _ELEMENTS:
            self.found.append(("html-element", {"name": tag if tag.isalnum() and len(tag) < 20 else "…"}))
        for key, value in attributes.items():
            self._attribute(tag, key.rpartition(" ")[2], value)
        if tag == "img":
            self.content = True
        self._depth += 1

    def _attribute(self, tag: str, key: str, value: str) -> None:
        low = value.strip().lower()
        active = key in ("href", "src") and low.startswith(("javascript:", "vbscript:"))
        if key not in _ATTRIBUTES or active:
            self.found.append(("html-attribute", {"name": key if key.isalnum() and len(key) < 20 else "…"}))

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _characters(self, text: str) -> None:
        if not self.content and text.strip():
            self.content = True


def _plain_entities(text: str) -> str:
    """HTML's named characters as numbers: XML itself knows only five of them."""
    return re.sub(r"&([A-Za-z][A-Za-z0-9]*);", _numbered, text)


def _numbered(match: re.Match[str]) -> str:
    name = match[1]
    if name in ("lt", "gt", "amp", "quot", "apos"):
        return match[0]
    code = name2codepoint.get(name)
    return match[0] if code is None else f"&#{code};"
