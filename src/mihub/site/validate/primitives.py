"""What a primitive value may look like: one fast answer for a good value, an exact one for a bad one.

Never looks at anything but the value. Source: https://hl7.org/fhir/R4/datatypes.html#primitive; severities as HL7's
Java validator chooses them. Above: `base`. The narrative has its own file, `xhtml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from mihub.site.validate.finding import Severity

# What is wrong with a value: severity, rule, facts.
Fault = tuple[Severity, str, dict[str, str]]

_ZONE: Final = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_YEAR: Final = r"(?:[0-9](?:[0-9](?:[0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_DAY: Final = r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_MONTH: Final = r"-(?:0[1-9]|1[0-2])"
# Days that surely exist, in years that are likely: what most values are, at the speed of one match.
_GOOD_YEAR: Final = r"(?:19|20)[0-9]{2}"
_GOOD_DAY: Final = (
    r"-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)

_DATE: Final = re.compile(f"{_YEAR}(?:{_MONTH}|{_DAY})?").fullmatch
_DATE_TIME: Final = re.compile(f"{_YEAR}(?:{_DAY}T{_TIME}{_ZONE}?|{_MONTH}|{_DAY})?").fullmatch
_INSTANT: Final = re.compile(f"{_YEAR}{_DAY}T{_TIME}{_ZONE}").fullmatch
_TIME_ALONE: Final = re.compile(_TIME).fullmatch
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}").fullmatch
_OID: Final = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+").fullmatch
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.\-]*:[^ ]+").fullmatch
_BASE64_TEXT: Final = r"(?=.)(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_BASE64: Final = re.compile(_BASE64_TEXT).fullmatch
_SPACE: Final = re.compile(r"\s+")
_TAG: Final = re.compile(r"<(?:/?[A-Za-z][^<>]*|!--)>?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
MAX_TEXT: Final = 1_048_576
_INT32: Final = 2_147_483_647


def absolute(uri: str) -> bool:
    """Whether it is a full address: a scheme and something behind it."""
    return _SCHEME(uri) is not None


@dataclass(frozen=True, slots=True)
class Primitive:
    """One primitive type. `json`: the Python class of its JSON value; `good` may say no to a value that is right."""

    name: str
    json: type
    good: Callable[[Any], Any]
    faults: Callable[[Any], Iterator[Fault]]


def _text_faults(value: str, markdown: bool = False) -> Iterator[Fault]:
    if not value.strip():
        yield "warning", "text-blank", {}
    elif value != value.strip() and not markdown:
        yield "warning", "text-whitespace", {}
    if len(value) > MAX_TEXT:
        yield "error", "text-length", {"limit": str(MAX_TEXT)}
    if _CONTROL.search(value):
        yield "warning", "text-control", {}
    if not markdown and _TAG.search(value):
        yield "information", "text-html", {}


def _markdown_faults(value: str) -> Iterator[Fault]:
    yield from _text_faults(value, markdown=True)
    if _TAG.search(value):
        yield "warning", "text-html", {}


def _code_faults(value: str) -> Iterator[Fault]:
    if value != value.strip() or "  " in value or re.search(r"[^\S ]", value):
        yield "error", "code-whitespace", {}


def _id_faults(value: str) -> Iterator[Fault]:
    if not _ID(value):
        yield "error", "type-format", {"type": "id"}


def _uri_faults(value: str) -> Iterator[Fault]:
    if value.startswith(("oid:", "uuid:")):
        yield "error", "uri-scheme", {}
    if _SPACE.search(value):
        yield "error", "uri-whitespace", {}
    if value.startswith("urn:uuid:") and not _UUID(value[9:].partition("#")[0].partition("|")[0]):
        yield "error", "uuid-invalid", {}
    if value.startswith("urn:oid:") and not _good_oid(value[8:]):
        yield "error", "oid-invalid", {}


def _good_oid(oid: str) -> bool:
    """A root of less than four characters is hardly ever meant, but for 1.3."""
    return _OID(oid) is not None and (oid.rfind(".") >= 4 or oid.startswith("1.3"))


def _canonical_faults(value: str) -> Iterator[Fault]:
    yield from _uri_faults(value)
    if not value.startswith("#") and not absolute(value):
        yield "error", "uri-absolute", {}


def _oid_faults(value: str) -> Iterator[Fault]:
    if not value.startswith("urn:oid:"):
        yield "error", "type-format", {"type": "oid"}
    yield from _uri_faults(value)


def _uuid_faults(value: str) -> Iterator[Fault]:
    if not value.startswith("urn:uuid:"):
        yield "error", "type-format", {"type": "uuid"}
    yield from _uri_faults(value)


def _likely(value: str) -> Iterator[Fault]:
    year = int(value[:4])
    if year < 1800 or year > date.today().year + 80:
        yield "warning", "date-unlikely", {}


def _on_calendar(value: str) -> bool:
    if len(value) < 10:
        return True
    try:
        date(int(value[:4]), int(value[5:7]), int(value[8:10]))
    except ValueError:
        return False
    return True


def _moment(name: str, match: Callable[[str], Any]) -> Callable[[str], Iterator[Fault]]:
    def faults(value: str) -> Iterator[Fault]:
        if not match(value):
            yield "error", "type-format", {"type": name}
        elif not _on_calendar(value):
            yield "error", "date-impossible", {"type": name}
        else:
            if "T" in value and not _INSTANT(value):
                yield "error", "date-zone", {"type": name}
            yield from _likely(value)

    return faults


def _time_faults(value: str) -> Iterator[Fault]:
    if not _TIME_ALONE(value):
        yield "error", "type-format", {"type": "time"}


def _base64_faults(value: str) -> Iterator[Fault]:
    bare = _SPACE.sub("", value)
    if not _BASE64(bare):
        yield "error", "base64-invalid", {}
    elif bare != value:
        yield "warning", "base64-whitespace", {}


def _integer(name: str, least: int) -> Primitive:
    def faults(value: int) -> Iterator[Fault]:
        if not least <= value <= _INT32:
            yield "error", "type-range", {"type": name, "min": str(least), "max": str(_INT32)}

    return Primitive(name, int, lambda value: least <= value <= _INT32, faults)


def _none(_: Any) -> Iterator[Fault]:
    return iter(())


def _text(name: str, good: str, faults: Callable[[str], Iterator[Fault]]) -> Primitive:
    return Primitive(name, str, re.compile(good, re.DOTALL).fullmatch, faults)


_PLAIN: Final = r"[^\s<\x00-\x1f](?:[^<\x00-\x08\x0b\x0c\x0e-\x1f]{0,4000}[^\s<\x00-\x1f])?"
_PLAIN_URI: Final = r"(?!u|oid:)[^\s]+"
_TABLE: Final = (
    Primitive("boolean", bool, lambda value: True, _none),
    _integer("integer", -_INT32 - 1),
    _integer("unsignedInt", 0),
    _integer("positiveInt", 1),
    Primitive("decimal", float, lambda value: True, _none),
    _text("string", _PLAIN, _text_faults),
    _text("markdown", _PLAIN, _markdown_faults),
    _text("code", r"[^\s]+(?: [^\s]+)*", _code_faults),
    _text("id", r"[A-Za-z0-9\-.]{1,64}", _id_faults),
    _text("uri", _PLAIN_URI, _uri_faults),
    _text("url", _PLAIN_URI, _uri_faults),
    _text("canonical", r"(?:https?:)[^\s]+", _canonical_faults),
    _text("oid", r"(?!)", _oid_faults),
    _text("uuid", r"(?!)", _uuid_faults),
    _text("date", f"{_GOOD_YEAR}(?:{_MONTH}|{_GOOD_DAY})?", _moment("date", _DATE)),
    _text(
        "dateTime",
        f"{_GOOD_YEAR}(?:{_GOOD_DAY}T{_TIME}{_ZONE}|{_MONTH}|{_GOOD_DAY})?",
        _moment("dateTime", _DATE_TIME),
    ),
    _text("instant", f"{_GOOD_YEAR}{_GOOD_DAY}T{_TIME}{_ZONE}", _moment("instant", _INSTANT)),
    _text("time", _TIME, _time_faults),
    _text("base64Binary", _BASE64_TEXT, _base64_faults),
)
PRIMITIVES: Final[dict[str, Primitive]] = {row.name: row for row in _TABLE}


def faults_of(primitive: Primitive, value: Any) -> Iterator[Fault]:
    """Everything that is wrong with a value, its JSON type first."""
    kind = value.__class__
    if kind is primitive.json or (primitive.json is float and kind is int):
        if value == "" and kind is str:
            yield "error", "text-empty", {}
        else:
            yield from primitive.faults(value)
    else:
        wanted = {str: "string", bool: "boolean", int: "number", float: "number"}[primitive.json]
        yield "error", "type-json", {"type": primitive.name, "json": wanted}
