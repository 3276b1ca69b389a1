"""Reads FHIR JSON: one resource a line as a stream, or one document; a bundle in either becomes its entries.

Holds one line at a time and skips a line that is too long without keeping it. Source: FHIR bulk data export
(NDJSON), RFC 8259. Above: `importer`. Below: `fhir_bundle`, `fhir_resource`, `json_depth`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson

from mihub.core.fhir import Resource
from mihub.core.fhir.types import ID, RESOURCE_TYPES
from mihub.site.ingest.bundle_entry import Find
from mihub.site.ingest.fhir_bundle import read_bundle
from mihub.site.ingest.fhir_resource import (
    Fault,
    reference_fault,
    references,
    stable_id,
    structure_fault,
    without_server_meta,
)
from mihub.site.ingest.json_depth import nests_deeper_than
from mihub.site.ingest.limits import Limits
from mihub.site.ingest.records import Accepted, Body, Record, Rejected
from mihub.site.ingest.report import Reason
from mihub.site.store.protocol import Put

_JSON_RULE: Final = "JSON (RFC 8259)"
_LIMIT_RULE: Final = "limits of the import (site.ingest.limits)"
_BLANK: Final = b" \t\r\n"
_REFERENCE: Final = re.compile(rb'"reference"\s*:\s*"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Source:
    """What a reader must know about the file and the site it reads for."""

    file: str
    member: str
    find: Find
    limits: Limits


def read_lines(stream: io.BufferedReader, source: Source) -> Iterator[Record]:
    """One record a line (a bundle: one per entry). Empty lines do not count."""
    number = 0
    while True:
        line = stream.readline(source.limits.max_line_bytes + 1)
        if not line:
            return
        number += 1
        if len(line) > source.limits.max_line_bytes:
            _skip_line(stream, line)
            yield _too_long(source, number, "line")
        elif line.strip(_BLANK):
            yield from _read_text(line, source, number)


def read_document(stream: io.BufferedReader, source: Source) -> Iterator[Record]:
    """The records of one JSON document."""
    text = stream.read(source.limits.max_line_bytes + 1)
    if len(text) > source.limits.max_line_bytes:
        yield _too_long(source, None, "document")
    else:
        yield from _read_text(text, source, None)


def _skip_line(stream: io.BufferedReader, part: bytes) -> None:
    while part and not part.endswith(b"\n"):
        part = stream.readline(1024 * 1024)


def _read_text(text: bytes, source: Source, line: int | None) -> Iterator[Record]:
    if nests_deeper_than(text, source.limits.max_json_depth):
        yield _rejected(source, line, _too_deep(source.limits.max_json_depth), Body("resource", text))
        return
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = line if line is not None else error.lineno
        yield _rejected(source, place, _syntax_fault(text, error), Body("resource", text))
        return
    if isinstance(value, dict) and value.get("resourceType") == "Bundle" and value.get("type") is not None:
        yield from read_bundle(
            value, file=source.file, member=source.member, find=source.find, line=line, text=text
        )
    else:
        yield _single(value, text, source, line)


def _single(value: Resource, text: bytes, source: Source, line: int | None) -> Record:
    fault = structure_fault(value)
    if fault is not None:
        return _rejected(source, line, fault, Body("resource", text, *_named(value)))
    literals = _literals(value, text)
    fault = reference_fault(value, literals) or _unresolvable(literals)
    if fault is not None:
        return _rejected(source, line, fault, Body("resource", text, *_named(value)))
    resource = without_server_meta(value)
    if "id" not in resource:
        resource = {**resource, "id": stable_id(source.member, resource)}
    body = Body("resource", text, *_named(resource))
    return Accepted((Put(resource),), source.file, line=line, references=literals, body=body)


def _named(value: object) -> tuple[str, str, tuple[str, ...]]:
    """Type, id and key of a resource, as far as they are right."""
    if not isinstance(value, dict):
        return "", "", ()
    resource_type, resource_id = value.get("resourceType"), value.get("id")
    known = isinstance(resource_type, str) and resource_type in RESOURCE_TYPES
    named = known and isinstance(resource_id, str) and ID.fullmatch(resource_id)
    return (
        str(resource_type) if known else "",
        str(resource_id) if named else "",
        (f"{resource_type}/{resource_id}",) if named else (),
    )


def _literals(resource: Resource, text: bytes) -> tuple[str, ...]:
    """The literal references, read off the text where no escape stands in the way.

    Much faster than a walk.
    """
    found = _REFERENCE.findall(text)
    if any(b"\\" in literal for literal in found):
        return tuple(references(resource))
    return tuple(literal.decode("utf-8") for literal in found)


def _unresolvable(literals: tuple[str, ...]) -> Fault | None:
    if any(literal.startswith("urn:uuid:") for literal in literals):
        return Fault(
            "A reference by urn:uuid stands outside a bundle and can never resolve.",
            "urn references resolve inside a bundle",
            "Refer by Type/id or send the resources as a bundle.",
        )
    return None


def _syntax_fault(text: bytes, error: orjson.JSONDecodeError) -> Fault:
    """Where the text stops being JSON, without quoting it."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return Fault(
            f"The text is not UTF-8 (byte {wrong.start + 1}).",
            "JSON is UTF-8 (RFC 8259)",
            "Save it as UTF-8.",
        )
    if error.pos >= len(text.decode("utf-8").rstrip()):
        return Fault(
            "The JSON ends early; the file may be truncated.", _JSON_RULE, "Export or copy the file again."
        )
    return Fault(
        f"The text is not JSON (column {error.colno}).", _JSON_RULE, "Correct the text or export it again."
    )


def _too_deep(limit: int) -> Fault:
    return Fault(
        f"The JSON nests deeper than {limit} levels.", _LIMIT_RULE, "Check where the file comes from."
    )


def _too_long(source: Source, line: int | None, what: str) -> Rejected:
    size = source.limits.max_line_bytes // (1024 * 1024)
    fault = Fault(
        f"The {what} is longer than {size} MiB." if size else f"The {what} is longer than the limit.",
        _LIMIT_RULE,
        "Write one resource a line, or raise the limit in the settings of the import.",
    )
    return _rejected(source, line, fault)


def _rejected(source: Source, line: int | None, fault: Fault, body: Body | None = None) -> Rejected:
    reason = Reason(file=source.file, reason=fault.reason, rule=fault.rule, next=fault.next, line=line)
    return Rejected((reason,), body=body)
