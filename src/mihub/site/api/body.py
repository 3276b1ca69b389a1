"""Reading a request's body: bounded in bytes and depth, JSON or XML, one sentence when it can not be used.

Above: `app`. Below: nothing of ours but errors.
"""

from __future__ import annotations

from typing import Any

import orjson

from mihub.core.fhir import Resource
from mihub.errors import InvalidInput, TooLarge
from mihub.site.api.faults import UnknownMedia
from mihub.site.api.formats import is_xml

_JSON = frozenset({"application/fhir+json", "application/json", "text/json"})


def check_media(content_type: str | None) -> None:
    """Raises `UnknownMedia` for anything but JSON and XML in UTF-8."""
    kind, _, parameters = (content_type or "").partition(";")
    charset = parameters.lower().replace('"', "").partition("charset=")[2].strip()
    if not (kind.strip().lower() in _JSON or is_xml(kind)) or charset not in ("", "utf-8"):
        raise UnknownMedia(
            "Only JSON and XML in UTF-8 are read here.", next_step="Send Content-Type: application/fhir+json."
        )


def too_large(limit: int) -> TooLarge:
    """The refusal of a body above the limit."""
    return TooLarge(
        "The request is larger than this site takes.",
        rule=f"at most {limit} bytes (setting max_body_bytes)",
        next_step="Send it in several parts, or import it with `mihub site import`.",
    )


def resource(body: bytes, max_depth: int) -> Resource:
    """The resource in a body. Raises `InvalidInput`, `TooLarge`."""
    value = json(body, max_depth)
    if not isinstance(value, dict):
        raise InvalidInput("The body is not one resource.", rule="a JSON object with resourceType")
    return value


def json(body: bytes, max_depth: int) -> Any:
    """The JSON in a body. Raises `InvalidInput`."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(
            "The body is not JSON.",
            where=f"line {error.lineno}, column {error.colno}",
            rule="RFC 8259",
            next_step="Correct the JSON at this place.",
        ) from error
    check_depth(value, max_depth)
    return value


def check_depth(value: Any, most: int) -> None:
    """Level by level, without recursion. Raises `TooLarge`."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for node in level
            for inner in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise InvalidInput(
        "The JSON is nested too deeply.",
        rule=f"at most {most} levels (setting max_json_depth)",
        next_step="Send the resource without the nesting.",
    )
