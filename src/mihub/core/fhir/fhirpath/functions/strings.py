"""Functions on texts. Source: FHIRPath 2.0.0 §5.6; encode, escape, trim, split, join from STU 3.0.

`matches` searches, `matchesFull` needs the whole text; both and `replaceMatches` are bounded in time by the scope.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Callable
from time import monotonic
from typing import Final, TypeVar

import orjson
import regex

from mihub.core.fhir.fhirpath.comparison import type_label
from mihub.core.fhir.fhirpath.elements import Element, Items
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import function
from mihub.core.fhir.fhirpath.functions.subsetting import integer
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.patterns import MAX_MATCHED_CHARACTERS, pattern
from mihub.core.fhir.fhirpath.scope import SMALL, SMALL_TEXT, Scope

MAX_MADE_CHARACTERS: Final = 4_000_000
_GROUP: Final = re.compile(r"\$(\{\w+\}|\d+)")
T = TypeVar("T")


def text(items: Items) -> str | None:
    """The only item as a text; None for an empty collection or a text without a value."""
    if not items:
        return None
    value = single(items)
    if isinstance(value, Element) and value.type.primitive:
        return None
    if not isinstance(value, str):
        raise FhirPathError(f"A String is needed here; there is a {type_label(value)}.")
    return value


def _on_texts(name: str, count: int, body: Callable[..., object]) -> None:
    """A function of a text and `count` texts; empty when one of them is."""

    def run(scope: Scope, items: Items, *arguments: Items) -> Items:
        values = [text(each) for each in (items, *arguments)]
        if any(value is None for value in values):
            return []
        result = body(*values)
        if result.__class__ is str and len(str(result)) > SMALL_TEXT:
            scope.spend(len(str(result)) // SMALL)
        return [] if result is None else [result]

    function(name, count)(run)


def _on_pattern(name: str, body: Callable[[Scope, str, regex.Pattern[str]], bool]) -> None:
    """A question to a text and a regular expression."""

    def run(scope: Scope, items: Items, expression: Items) -> Items:
        value, wanted = text(items), text(expression)
        if value is None or wanted is None:
            return []
        found = pattern(wanted)
        return [_timed(scope, lambda: body(scope, _bounded(value), found))]

    function(name, 1)(run)


def _timed(scope: Scope, work: Callable[[], T]) -> T:
    scope.patience()
    began = monotonic()
    try:
        return work()
    except TimeoutError:
        raise scope.too_slow() from None
    finally:
        scope.waited(monotonic() - began)


def _bounded(value: str) -> str:
    if len(value) > MAX_MATCHED_CHARACTERS:
        raise FhirPathError(f"A text longer than {MAX_MATCHED_CHARACTERS} characters is not matched.")
    return value


def _matches(scope: Scope, value: str, found: regex.Pattern[str]) -> bool:
    return found.search(value, timeout=scope.patience()) is not None


def _matches_full(scope: Scope, value: str, found: regex.Pattern[str]) -> bool:
    return found.fullmatch(value, timeout=scope.patience()) is not None


_on_pattern("matches", _matches)
_on_pattern("matchesFull", _matches_full)


@function("replaceMatches", 2)
def replace_matches(scope: Scope, items: Items, expression: Items, substitution: Items) -> Items:
    """Every match replaced; `$1` and `${name}` in the substitution stand for groups."""
    value, wanted, new = (text(each) for each in (items, expression, substitution))
    if value is None or wanted is None or new is None:
        return []
    if wanted == "":
        return [value]
    found = pattern(wanted)
    return [_timed(scope, lambda: _replaced(scope, _bounded(value), found, new))]


def _replaced(scope: Scope, value: str, found: regex.Pattern[str], substitution: str) -> str:
    # The specification writes a group as $1 or ${name}.
    pieces = _GROUP.split(substitution)
    parts: list[str] = []
    size = end = 0
    for match in found.finditer(value, timeout=scope.patience()):
        made = "".join(piece if i % 2 == 0 else _group(match, piece) for i, piece in enumerate(pieces))
        parts += (value[end : match.start()], made)
        end = match.end()
        size += len(made)
        if size > MAX_MADE_CHARACTERS:
            raise _too_long()
    return "".join([*parts, value[end:]])


def _group(match: regex.Match[str], name: str) -> str:
    name = name.strip("{}")
    try:
        return match[int(name) if name.isdecimal() else name] or ""
    except IndexError as error:
        raise FhirPathError("The substitution names a group that the regular expression has not.") from error


def _replace(value: str, part: str, new: str) -> str:
    if (value.count(part) * len(new)) + len(value) > MAX_MADE_CHARACTERS:
        raise _too_long()
    return value.replace(part, new)


def _too_long() -> FhirPathError:
    return FhirPathError(f"The result would be longer than {MAX_MADE_CHARACTERS} characters.")


_BASES: Final[dict[str, tuple[Callable[[bytes], bytes], Callable[[str], bytes]]]] = {
    "base64": (base64.b64encode, lambda value: base64.b64decode(value, validate=True)),
    "urlbase64": (base64.urlsafe_b64encode, base64.urlsafe_b64decode),
    "hex": (binascii.hexlify, binascii.unhexlify),
}


def _encode(value: str, form: str) -> str | None:
    return _BASES[form][0](value.encode()).decode() if form in _BASES else None


def _decode(value: str, form: str) -> str | None:
    try:
        return _BASES[form][1](value).decode() if form in _BASES else None
    except ValueError:
        return None


def _escape(value: str, target: str) -> str | None:
    if target == "html":
        return html.escape(value, quote=True).replace("&#x27;", "&#39;")
    return orjson.dumps(value).decode()[1:-1] if target == "json" else None


def _unescape(value: str, target: str) -> str | None:
    if target == "html":
        return html.unescape(value)
    if target != "json":
        return None
    quoted = re.sub(r'(?<!\\)"', r"\"", value)
    try:
        found: str = orjson.loads(f'"{quoted}"')
    except orjson.JSONDecodeError:
        return None
    return found


_on_texts("indexOf", 1, lambda value, part: value.find(part))
_on_texts("lastIndexOf", 1, lambda value, part: value.rfind(part))
_on_texts("startsWith", 1, lambda value, part: value.startswith(part))
_on_texts("endsWith", 1, lambda value, part: value.endswith(part))
_on_texts("contains", 1, lambda value, part: part in value)
_on_texts("upper", 0, lambda value: value.upper())
_on_texts("lower", 0, lambda value: value.lower())
_on_texts("length", 0, lambda value: len(value))
_on_texts("trim", 0, lambda value: value.strip())
_on_texts("replace", 2, _replace)
_on_texts("encode", 1, _encode)
_on_texts("decode", 1, _decode)
_on_texts("escape", 1, _escape)
_on_texts("unescape", 1, _unescape)


@function("substring", 1, 2)
def substring(scope: Scope, items: Items, start: Items, length: Items | None = None) -> Items:
    """From a place, counted from 0, so many characters or to the end; empty outside of the text."""
    value = text(items)
    if value is None or not start:
        return []
    first = integer(start)
    if not 0 <= first < len(value):
        return []
    return [value[first : first + max(0, integer(length))]] if length else [value[first:]]


@function("toChars")
def to_chars(scope: Scope, items: Items) -> Items:
    """Each character."""
    return list(text(items) or "")


@function("split", 1)
def split(scope: Scope, items: Items, separator: Items) -> Items:
    """The parts between separators; an empty separator gives the characters."""
    value, mark = text(items), text(separator)
    if value is None or mark is None:
        return []
    return list(value.split(mark)) if mark else list(value)


@function("join", 0, 1)
def join(scope: Scope, items: Items, separator: Items | None = None) -> Items:
    """All texts in one."""
    parts = [text([item]) for item in items]
    mark = text(separator) if separator else ""
    scope.spend(sum(len(part or "") + len(mark or "") for part in parts) // SMALL)
    return [(mark or "").join(part for part in parts if part is not None)] if parts else []
