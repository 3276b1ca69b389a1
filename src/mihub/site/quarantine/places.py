"""A kept text as lines to read, those that a finding names marked with its number.

For who may see the record only; `room` has seen to that. Bounded: a long value is cut, a long text ends with a note.
Above: `room`. Below: nothing of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mihub.core.fhir import Resource

Path = tuple[str | int, ...]
MOST_LINES: Final = 3_000
_MOST_SIGNS: Final = 600
_CUT: Final = " …"
# A step of a location: `name`, `name[3]`, `extension('url')`, `ofType(Quantity)`; a slice's name or a note may follow.
_STEP: Final = re.compile(
    r"(?:/\*.*?\*/)?\.?([A-Za-z_][A-Za-z0-9_]*)(?:\('?([^')]*)'?\))?(?::[^.\[]+)?((?:\[\d+\])*)"
)
_INDEX: Final = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the text. `findings`: the numbers of the findings that name this place, from 0."""

    text: str
    indent: int = 0
    findings: tuple[int, ...] = ()


def read_resource(body: bytes) -> Resource | None:
    """The JSON object in a text, or None."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def lines(body: bytes, locations: Sequence[str]) -> list[Line]:
    """The text, at most `MOST_LINES` lines of it; a marked line is never left out."""
    resource = read_resource(body)
    if resource is None:
        text = body.decode("utf-8", errors="replace").splitlines()
        return [Line(_clipped(line.strip()), len(line) - len(line.lstrip())) for line in text[:MOST_LINES]]
    marked: dict[Path, list[int]] = {}
    for number, location in enumerate(locations):
        marked.setdefault(path_of(resource, location), []).append(number)
    made = [
        Line(text, indent, tuple(marked.get(path, ())))
        for text, indent, path in _written(resource, (), 0, "", "")
    ]
    return [line for number, line in enumerate(made) if number < MOST_LINES or line.findings]


def is_whole(shown: Sequence[Line]) -> bool:
    """Whether nothing was cut, so that the lines can be corrected and sent back."""
    return len(shown) < MOST_LINES and not any(line.text.rstrip(',"').endswith(_CUT) for line in shown)


def path_of(resource: Resource, location: str) -> Path:
    """Where a location leads in the JSON, as far as there is something: a missing element leads to its parent."""
    _, _, rest = location.partition(".")
    node: Any = resource
    path: Path = ()
    for name, argument, positions in _steps(rest):
        if name == "ofType":
            continue
        node, path = _into_first(node, path)
        key = _key(node, name)
        if key is None:
            break
        node, path = node[key], (*path, key)
        for position in positions:
            if not isinstance(node, list) or position >= len(node):
                return path
            node, path = node[position], (*path, position)
        if argument and isinstance(node, list):
            node, path = _with_url(node, path, argument)
    return path


def _steps(location: str) -> Iterator[tuple[str, str, list[int]]]:
    at = 0
    while at < len(location):
        match = _STEP.match(location, at)
        if match is None or match.end() == at:
            return
        at = match.end()
        yield match[1], match[2] or "", [int(one) for one in _INDEX.findall(match[3])]


def _into_first(node: Any, path: Path) -> tuple[Any, Path]:
    """A list without a position means its first member."""
    return (node[0], (*path, 0)) if isinstance(node, list) and node else (node, path)


def _key(node: Any, name: str) -> str | None:
    if not isinstance(node, dict):
        return None
    for start in (name, f"_{name}"):
        if start in node:
            return start
        for key in node:
            if key.startswith(start) and key[len(start) : len(start) + 1].isupper():
                return str(key)
    return None


def _with_url(node: list[Any], path: Path, url: str) -> tuple[Any, Path]:
    for position, one in enumerate(node):
        if isinstance(one, dict) and one.get("url") == url:
            return one, (*path, position)
    return node, path


def _written(value: Any, path: Path, indent: int, head: str, tail: str) -> Iterator[tuple[str, int, Path]]:
    if isinstance(value, dict) and value:
        yield f"{head}{{", indent, path
        last = len(value) - 1
        for number, (name, inner) in enumerate(value.items()):
            comma = "," if number < last else ""
            yield from _written(
                inner, (*path, name), indent + 1, f"{_clipped(orjson.dumps(name).decode())}: ", comma
            )
        yield f"}}{tail}", indent, (*path, "}")
    elif isinstance(value, list) and value:
        yield f"{head}[", indent, path
        for number, inner in enumerate(value):
            comma = "," if number < len(value) - 1 else ""
            yield from _written(inner, (*path, number), indent + 1, "", comma)
        yield f"]{tail}", indent, (*path, "]")
    else:
        yield f"{head}{_clipped(orjson.dumps(value).decode())}{tail}", indent, path


def _clipped(text: str) -> str:
    return text if len(text) <= _MOST_SIGNS else f"{text[:_MOST_SIGNS]}{_CUT}"
