"""A small path language over JSON resources, compiled once to closures: enough for search parameters.

    name.given            elements, lists flattened
    onset[x]              any variant of a choice element: onsetDateTime, onsetPeriod, ...
    telecom.where(system='phone')   entries whose field is the literal
    extension('https://...')        the extensions with this url
    a.b | c               both

A path never fails on data: what is missing or of another shape yields nothing. It is not FHIRPath; its steps
mean what the same words mean there. Source: https://hl7.org/fhirpath/. Above: `site.search`, readers of
single elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from mihub.core.fhir import Json

Path = Callable[[Json], list[Any]]
Nodes = Callable[[list[Any]], list[Any]]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CHOICE: Final = re.compile(r"([A-Za-z]+)\[x\]")
_WHERE: Final = re.compile(r"where\(([A-Za-z]+)='([^']*)'\)")
_EXTENSION: Final = re.compile(r"extension\('([^']*)'\)")
# Dots inside quotes and brackets do not separate steps.
_STEPS: Final = re.compile(r"(?:[^.('|]|\((?:[^')]|'[^']*')*\))+")


@lru_cache(maxsize=4096)
def compile_path(expression: str) -> Path:
    """The function that lists what `expression` selects in a resource. Raises `ValueError` for an unknown
    path.
    """
    branches = [_branch(part.strip()) for part in _alternatives(expression)]
    if len(branches) == 1:
        return branches[0]
    return lambda resource: [found for branch in branches for found in branch(resource)]


def by_first_element(expression: str) -> list[tuple[str, Nodes]]:
    """The branches of a path as first element and the rest, for a reader that goes through a resource once.

    The rest takes the list of values under the first element. Raises `ValueError` for a branch that starts
    otherwise.
    """
    found: list[tuple[str, Nodes]] = []
    for part in _alternatives(expression):
        first, *rest = _split(part.strip())
        if not _NAME.fullmatch(first):
            raise ValueError(f"does not start with an element: {part}")
        found.append((first, _chain([_step(text) for text in rest])))
    return found


def _alternatives(expression: str) -> list[str]:
    quoted = False
    parts = [""]
    for character in expression:
        quoted ^= character == "'"
        if character == "|" and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _branch(expression: str) -> Path:
    walk = _chain([_step(text) for text in _split(expression)])
    return lambda resource: walk([resource])


def _chain(steps: list[Nodes]) -> Nodes:
    if len(steps) == 1:
        return steps[0]

    def walk(nodes: list[Any]) -> list[Any]:
        for step in steps:
            nodes = step(nodes)
            if not nodes:
                break
        return nodes

    return walk


def _split(expression: str) -> list[str]:
    steps = _STEPS.findall(expression)
    if not steps or ".".join(steps) != expression:
        raise ValueError(f"not a path of this language: {expression}")
    return steps


def _step(text: str) -> Nodes:
    if _NAME.fullmatch(text):
        return _element(text)
    if match := _CHOICE.fullmatch(text):
        return _choice(match[1])
    if match := _WHERE.fullmatch(text):
        return _where(match[1], match[2])
    if match := _EXTENSION.fullmatch(text):
        return _extension(match[1])
    raise ValueError(f"not a step of this language: {text}")


def _element(name: str) -> Nodes:
    def step(nodes: list[Any]) -> list[Any]:
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, dict):
                value = node.get(name)
                if isinstance(value, list):
                    found += [entry for entry in value if entry is not None]
                elif value is not None:
                    found.append(value)
        return found

    return step


def _choice(name: str) -> Nodes:
    length = len(name)

    def step(nodes: list[Any]) -> list[Any]:
        return [
            value
            for node in nodes
            if isinstance(node, dict)
            for key, value in node.items()
            if len(key) > length and key.startswith(name) and key[length].isupper() and value is not None
        ]

    return step


def _where(name: str, literal: str) -> Nodes:
    return lambda nodes: [node for node in nodes if isinstance(node, dict) and node.get(name) == literal]


def _extension(url: str) -> Nodes:
    into, matching = _element("extension"), _where("url", url)
    return lambda nodes: matching(into(nodes))
