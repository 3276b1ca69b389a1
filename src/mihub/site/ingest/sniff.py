"""Recognises a format by the first bytes of the content, never by a file's name.

Returns a `Format`; what we do not read carries the sentence and the next step for the report. Above:
`importer`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import orjson

HEAD_BYTES: Final = 64 * 1024
_OBDS_NAMESPACE: Final = "http://www.basisdatensatz.de/oBDS/XML"
_FHIR_NAMESPACE: Final = "http://hl7.org/fhir"
_PROLOG: Final = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->|\s+)*", re.DOTALL)
_ROOT: Final = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)([^>]*)")


class Format(Enum):
    """What a file holds. The readable ones are `LINES`, `DOCUMENT` and `OBDS`."""

    LINES = "FHIR JSON, one resource a line"
    DOCUMENT = "FHIR JSON document"
    OBDS = "oBDS XML"
    ADT = "ADT/GEKID XML"
    FHIR_XML = "FHIR XML"
    DOCTYPE = "XML with a document type"
    OTHER_XML = "other XML"
    NO_NAMESPACE = "oBDS without its namespace"
    ARRAY = "JSON array"
    ZIP = "zip archive"
    TWICE = "gzip in gzip"
    HL7V2 = "HL7 v2 message"
    EMPTY = "empty file"
    UNKNOWN = "unknown"


# What is wrong with it, the rule, what to do: for every format that is recognised and not read.
NOT_READ: Final[dict[Format, tuple[str, str, str]]] = {
    Format.NO_NAMESPACE: (
        "The root element oBDS does not stand in the namespace of oBDS.",
        "oBDS XML 3.0.x is read",
        "Check the declared encoding and the xmlns of the root element, then export the file again.",
    ),
    Format.ADT: (
        "This is an ADT/GEKID message of the generation before oBDS 3; its elements are not mapped here.",
        "oBDS XML 3.0.x is read",
        "Let the tumour documentation export oBDS 3.0.x (or convert the file) and import that.",
    ),
    Format.FHIR_XML: (
        "This is FHIR in XML; FHIR is read as JSON.",
        "FHIR is read as JSON or NDJSON",
        "Ask the sender for application/fhir+json or convert the file.",
    ),
    Format.DOCTYPE: (
        "This XML declares a document type (DOCTYPE); such files are not opened.",
        "XML is read without document types and external entities",
        "Remove the DOCTYPE line and check where the file comes from.",
    ),
    Format.OTHER_XML: (
        "This XML is not oBDS: its root element is another one.",
        f"root element oBDS in the namespace {_OBDS_NAMESPACE}",
        "Export oBDS 3.0.x from the tumour documentation and import that.",
    ),
    Format.ARRAY: (
        "This JSON is a list; FHIR sends a Bundle or one resource a line.",
        "a FHIR JSON document is an object with resourceType",
        "Put the resources into a Bundle of type collection or write one a line.",
    ),
    Format.ZIP: (
        "This is a zip archive; archives are not opened.",
        "gzip of one file is read, archives are not",
        "Unpack it and import the folder.",
    ),
    Format.TWICE: (
        "This file is compressed twice.",
        "gzip is unpacked once",
        "Unpack it once and import the result.",
    ),
    Format.HL7V2: (
        "This is an HL7 v2 message; messages are not read yet.",
        "oBDS XML, FHIR JSON and NDJSON are read",
        "Convert it to FHIR in the communication server and import that.",
    ),
    Format.EMPTY: ("The file is empty.", "a file holds at least one record", "Export it again."),
    Format.UNKNOWN: (
        "The content is none of the formats that are read here.",
        "oBDS XML, FHIR JSON and NDJSON are read, each also as gzip",
        "Check that the right file was chosen.",
    ),
}


def sniff(head: bytes) -> Format:
    """The format of a file with these first `HEAD_BYTES` bytes (after one gzip layer)."""
    if head.startswith(b"\x1f\x8b"):
        return Format.TWICE
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Format.ZIP
    text = _as_text(head)
    start = text.lstrip("\ufeff \t\r\n")
    if not start:
        return Format.EMPTY if not text.strip("\ufeff \t\r\n\0") else Format.UNKNOWN
    if start.startswith("<"):
        return _xml_kind(start)
    if start.startswith("{"):
        return _json_kind(start)
    if start.startswith("["):
        return Format.ARRAY
    return Format.HL7V2 if start.startswith(("MSH|", "FHS|", "BHS|")) else Format.UNKNOWN


def _as_text(head: bytes) -> str:
    """Good enough to see the structure: markup is ASCII in all encodings that matter."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="replace")
    if head[:2] in (b"<\0", b"{\0"):
        return head.decode("utf-16-le", errors="replace")
    if head[:2] in (b"\0<", b"\0{"):
        return head.decode("utf-16-be", errors="replace")
    return head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")


def _xml_kind(text: str) -> Format:
    prolog = _PROLOG.match(text)
    rest = text[prolog.end() :] if prolog else text
    if rest.startswith("<!DOCTYPE"):
        return Format.DOCTYPE
    root = _ROOT.match(rest)
    if root is None:
        return Format.OTHER_XML
    name, attributes = root.groups()
    if name == "oBDS" and _OBDS_NAMESPACE in attributes:
        return Format.OBDS
    if name == "oBDS":
        return Format.NO_NAMESPACE
    if name == "ADT_GEKID":
        return Format.ADT
    return Format.FHIR_XML if _FHIR_NAMESPACE in attributes else Format.OTHER_XML


def _json_kind(text: str) -> Format:
    """Lines or one document.

    A first line that is a whole object means lines; a long one is read as a line, too.
    """
    first, newline, rest = text.partition("\n")
    if not newline:
        return Format.LINES
    first = first.strip()
    if not first.endswith("}"):
        return Format.DOCUMENT
    try:
        orjson.loads(first.encode("utf-8", errors="replace"))
    except orjson.JSONDecodeError:
        return Format.LINES if rest.lstrip().startswith("{") else Format.DOCUMENT
    return Format.LINES
