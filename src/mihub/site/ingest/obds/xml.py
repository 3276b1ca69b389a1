"""The XML side of oBDS: streams a file, checks its header, gives one patient at a time as `Node`s.

lxml with everything switched off that could reach outside the file; a parser's message is never passed on,
because it may quote the text. Above: `reader`. Below: lxml.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from mihub.errors import InvalidInput, TooLarge
from mihub.site.ingest.limits import Limits
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.rules import is_date

_NS: Final = "{http://www.basisdatensatz.de/oBDS/XML}"
_VERSION: Final = re.compile(r"3\.0\.\d{1,2}")
_XML_RULE: Final = "XML 1.0, well-formed"
# Parser error codes -> what to say. Everything else is "not well-formed".
_SENTENCES: Final = {
    etree.ErrorTypes.ERR_INVALID_CHAR: "A character is not allowed here, or the file's "
    "encoding is not the one it declares",
    etree.ErrorTypes.ERR_INVALID_ENCODING: "The file's encoding is not the one it declares",
    etree.ErrorTypes.ERR_UNKNOWN_ENCODING: "The file declares an unknown encoding",
    etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING: "The file declares an unknown encoding",
    etree.ErrorTypes.I18N_CONV_FAILED: "The file's encoding is not the one it declares",
    etree.ErrorTypes.ERR_DOCUMENT_END: "The XML ends early; the file may be truncated",
    etree.ErrorTypes.ERR_TAG_NOT_FINISHED: "The XML ends early; the file may be truncated",
    etree.ErrorTypes.ERR_UNDECLARED_ENTITY: "The XML uses an entity that it does not declare",
    etree.ErrorTypes.ERR_ENTITY_LOOP: "The XML unfolds entities without end",
}


@dataclass(slots=True)
class Header:
    """What stands before the patients. `faults`: line and sentence of what forbids loading any report."""

    reported: str = ""
    faults: list[tuple[int, str]] = field(default_factory=list)


def read_patients(stream: io.BufferedReader, limits: Limits) -> Iterator[tuple[Header, Node]]:
    """Each patient with the file's header.

    Raises `InvalidInput` and `TooLarge` with the line and never a value.
    """
    header = Header()
    events = etree.iterparse(
        stream,
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        yield from _patients(events, header, limits)
    except etree.XMLSyntaxError as error:
        raise _broken(error, events) from None


def _patients(events: etree.iterparse, header: Header, limits: Limits) -> Iterator[tuple[Header, Node]]:
    reports = depth = 0
    complete_header = False
    for event, element in events:
        depth += 1 if event == "start" else -1
        if event == "start":
            if depth == 1:
                _check_root(element)
            reports = 0 if element.tag == f"{_NS}Patient" else reports + (element.tag == f"{_NS}Meldung")
            _check_limits(element, depth, reports, limits)
        elif depth == 1 and element.tag == f"{_NS}Meldedatum":
            header.reported = (element.text or "").strip()
        elif element.tag == f"{_NS}Patient" and depth == 2:
            if not complete_header:
                _check_header(header, element)
                complete_header = True
            yield header, to_node(element)
            _forget(element)


def _doctype(element: etree._Element) -> str:
    return str(getattr(element.getroottree().docinfo, "doctype", ""))


def _line(element: etree._Element) -> int:
    # The stubs do not know the type of sourceline; it is None for an element made by hand.
    line: object = element.sourceline
    return line if isinstance(line, int) else 0


def _check_root(element: etree._Element) -> None:
    if _doctype(element):
        raise InvalidInput(
            "The XML declares a document type.",
            rule="XML is read without document types and external entities",
            next_step="Remove the DOCTYPE line and check where the file comes from.",
        )
    version = element.get("Schema_Version", "")
    if element.tag != f"{_NS}oBDS" or not _VERSION.fullmatch(version):
        raise InvalidInput(
            "The root element is not oBDS of Schema_Version 3.0.x.",
            rule="oBDS XML 3.0.x is read",
            next_step="Export oBDS 3.0.x from the tumour documentation.",
        )


def _check_limits(element: etree._Element, depth: int, reports: int, limits: Limits) -> None:
    if depth > limits.max_xml_depth or reports > limits.max_reports_per_patient:
        raise TooLarge(
            f"The XML is nested too deep or one patient has too many reports (line {_line(element)}).",
            rule="limits of the import (site.ingest.limits)",
            next_step="Check where the file comes from.",
        )


def _check_header(header: Header, patient: etree._Element) -> None:
    if not is_date(header.reported):
        header.faults.append((_line(patient), "oBDS/Meldedatum is missing or not a date."))


def to_node(element: etree._Element) -> Node:
    """The element and all below it as frozen values."""
    children = tuple(
        to_node(child) for child in element if isinstance(child.tag, str) and child.tag.startswith(_NS)
    )
    return Node(
        name=str(element.tag).removeprefix(_NS),
        line=_line(element),
        text="" if children else " ".join((element.text or "").split()),
        attributes=tuple((str(name), str(value)) for name, value in element.attrib.items()),
        children=children,
    )


def _forget(element: etree._Element) -> None:
    """Free what was read: the element and everything before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _broken(error: etree.XMLSyntaxError, events: etree.iterparse) -> InvalidInput:
    line, column = error.position
    code = getattr(error, "code", 0)
    # An undeclared entity reaches us without a place; the parser's own log has it.
    logged = list(getattr(events, "error_log", ()))
    if not line and logged:
        line, column, code = logged[0].line, logged[0].column, logged[0].type
    sentence = _SENTENCES.get(code, "The XML is not well-formed")
    return InvalidInput(
        f"{sentence} (line {line}, column {column}).",
        where=f"line {line}",
        rule=_XML_RULE,
        next_step="Export or copy the file again; patients before this place, if any, are loaded.",
    )
