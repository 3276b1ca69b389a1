"""Holds a report against the rules in `data/obds-rules.json`: what is missing, too often or no admitted
value.

A violation names line, element path and rule, never the value. Source: the oBDS schemas 3.0.x, as our own
data file; the schema itself is not shipped. Above: `reader`. Below: `node`, `core.mii.oncology`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

import orjson

from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.node import Node

_FIRST_YEAR, _LAST_YEAR = 1900, 2099
_DECIMAL: Final = re.compile(r"\d{1,12}(\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class Violation:
    """`part`: the element to leave out when only it is wrong, else None and the whole report is refused."""

    line: int
    path: str
    what: str
    part: Node | None = None


@dataclass(frozen=True, slots=True)
class _Element:
    at_least: int
    at_most: int
    type_name: str
    droppable: bool


@dataclass(frozen=True, slots=True)
class _Type:
    attributes: tuple[tuple[str, str], ...]
    elements: tuple[tuple[str, _Element], ...]
    one_of: tuple[str, ...]


def violations(node: Node, type_name: str, path: str = "") -> Iterator[Violation]:
    """Everything in this element that the rules of its type forbid."""
    rules, path = _type(type_name), path or node.name
    for name, value_type in rules.attributes:
        wrong = _value_fault(node.attribute(name), value_type)
        if wrong:
            yield Violation(node.line, f"{path}/@{name}", wrong)
    if rules.one_of and not any(child.name in rules.one_of for child in node.children):
        yield Violation(node.line, path, f"has none of {', '.join(rules.one_of)}")
    for name, element in rules.elements:
        yield from _element_violations(node, name, element, path)


def _element_violations(node: Node, name: str, element: _Element, path: str) -> Iterator[Violation]:
    found = list(node.all(name))
    here = f"{path}/{name}"
    if len(found) < element.at_least:
        yield Violation(node.line, here, "is missing")
    if len(found) > element.at_most:
        yield Violation(found[element.at_most].line, here, "stands more than once")
    for child in found:
        for inner in _child_violations(child, element.type_name, here):
            part = inner.part or (child if element.droppable else None)
            yield Violation(inner.line, inner.path, inner.what, part)


def _child_violations(child: Node, type_name: str, path: str) -> Iterator[Violation]:
    if type_name in _document()["types"]:
        yield from violations(child, type_name, path)
    else:
        wrong = _value_fault(child.text, type_name)
        if wrong:
            yield Violation(child.line, path, wrong)


def _value_fault(value: str, type_name: str) -> str:
    """What is wrong with a simple value, in words that do not repeat it; empty when it is right."""
    if not value:
        return "is empty"
    return "" if _admits(type_name)(value) else f"is not {_admitted(type_name)}"


@cache
def _admits(type_name: str) -> Callable[[str], bool]:
    if type_name.startswith("table:"):
        return frozenset(table(type_name[6:]).codes).__contains__
    if type_name.startswith("="):
        return frozenset(type_name[1:].split("|")).__contains__
    simple: dict[str, Callable[[str], bool]] = {
        "date": is_date,
        "year": lambda value: value.isdecimal() and _FIRST_YEAR <= int(value[:6]) <= _LAST_YEAR,
        "integer": lambda value: value.isascii() and value.isdecimal() and len(value) <= 6,
        "decimal": lambda value: bool(_DECIMAL.fullmatch(value)) and float(value) > 0,
        "id": lambda value: len(value) <= 50,
        "text": lambda value: len(value) <= 1000,
    }
    if type_name in simple:
        return simple[type_name]
    pattern = re.compile(_document()["patterns"][type_name][0])
    return lambda value: pattern.fullmatch(value) is not None and len(value) <= 50


def is_date(value: str) -> bool:
    """Whether this is a day between 1900 and 2099, written year-month-day."""
    try:
        return len(value) == 10 and _FIRST_YEAR <= date.fromisoformat(value).year <= _LAST_YEAR
    except ValueError:
        return False


def _admitted(type_name: str) -> str:
    """The rule in words."""
    if type_name.startswith("table:"):
        return f"a code of the table {type_name[6:]}"
    if type_name.startswith("="):
        return f"one of {type_name[1:].replace('|', ', ')}"
    words = {
        "date": "a date (year-month-day)",
        "year": "a year",
        "integer": "a whole number",
        "decimal": "a positive number",
        "id": "an identifier of 1 to 50 characters",
        "text": "a text of 1 to 1000 characters",
    }
    return words.get(type_name) or str(_document()["patterns"][type_name][1])


@cache
def _document() -> dict[str, Any]:
    text = resources.files("mihub.site.ingest").joinpath("data/obds-rules.json").read_bytes()
    document: dict[str, Any] = orjson.loads(text)
    return document


@cache
def _type(name: str) -> _Type:
    raw = _document()["types"][name]
    bounds = {"1": (1, 1), "?": (0, 1), "+": (1, 10_000), "*": (0, 10_000)}
    elements = tuple(
        (element, _Element(*bounds[how[0]], type_name=type_name, droppable=how.endswith("~")))
        for element, (how, type_name) in raw.get("elements", {}).items()
    )
    return _Type(tuple(raw.get("attributes", {}).items()), elements, tuple(raw.get("one_of", ())))
