"""From bytes to a resource, with what a parsed object no longer shows: syntax, keys that stand twice, NaN, depth.

Never shows a part of the text. Source: RFC 8259, https://hl7.org/fhir/R4/json.html. Above: `validator`.
"""

from __future__ import annotations

import json
from typing import Any, Final

import orjson

from mihub.core.fhir import Resource
from mihub.site.validate.run import Run, Where

MAX_DEPTH: Final = 120
_ROOT: Final[Where] = (None, "Resource", -1)


class _NotANumber(ValueError):
    """NaN or Infinity: Python reads them, JSON does not know them."""


def read(body: bytes, run: Run) -> Resource | None:
    """The resource, or None when it cannot be read; notes why."""
    try:
        resource = orjson.loads(body)
    except orjson.JSONDecodeError:
        _why(body, run)
        return None
    if not isinstance(resource, dict):
        run.add("json-object", _ROOT, "fatal")
        return None
    if too_deep(resource):
        run.add("json-depth", _ROOT, "fatal", limit=str(MAX_DEPTH))
        return None
    _duplicates(body, run)
    return resource


def _why(body: bytes, run: Run) -> None:
    """A finding for what orjson refused."""
    try:
        json.loads(body, parse_constant=_refuse)
    except _NotANumber:
        run.add("json-number", _ROOT, "fatal")
    except RecursionError:
        run.add("json-depth", _ROOT, "fatal", limit=str(MAX_DEPTH))
    except json.JSONDecodeError as error:
        run.add("json-syntax", _ROOT, "fatal", line=str(error.lineno), column=str(error.colno))
    except UnicodeDecodeError as error:
        run.add("json-syntax", _ROOT, "fatal", line="1", column=str(error.start + 1))
    else:
        run.add("json-syntax", _ROOT, "fatal", line="1", column="1")


def _refuse(_: str) -> Any:
    raise _NotANumber


def too_deep(value: Any) -> bool:
    """Whether objects and lists are nested deeper than the limit."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _duplicates(body: bytes, run: Run) -> None:
    """A second walk only for the keys; the last value counts, as in every parser."""
    found: list[str] = []

    def pairs(rows: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = dict(rows)
        if len(keys) != len(rows):
            seen: set[str] = set()
            for key, _ in rows:
                if key in seen:
                    found.append(key)
                seen.add(key)
        return keys

    json.loads(body, object_pairs_hook=pairs)
    for key in dict.fromkeys(found):
        name = key if key.isidentifier() and key.isascii() and len(key) <= 40 else "?"
        run.add("json-duplicate-key", _ROOT, "error", element=name)
