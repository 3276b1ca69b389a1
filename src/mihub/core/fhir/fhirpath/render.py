"""The tree as text again, with brackets wherever the precedence needs them.

`parse(render(tree)) == tree` for every tree the parser can make. Neighbours: `nodes`, `parser`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from mihub.core.fhir.fhirpath import nodes
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.parser import LEVELS, PRECEDENCE
from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time

_SIGN_LEVEL: Final = len(PRECEDENCE)
_TERM_LEVEL: Final = _SIGN_LEVEL + 1
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS: Final = frozenset(
    [
        "and",
        "or",
        "xor",
        "implies",
        "div",
        "mod",
        "true",
        "false",
        "is",
        "as",
        "in",
        "contains",
        "asc",
        "desc",
    ]
)
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def render(node: Node) -> str:
    """The shortest text with single spaces that the parser reads as this tree."""
    match node:
        case nodes.Literal(value=value):
            return _literal(value)
        case nodes.QuantityLiteral(value=value, unit=unit, calendar=calendar):
            return f"{value:f} {unit if calendar else quote(unit)}"
        case nodes.Empty():
            return "{}"
        case nodes.Variable(name=name):
            return f"%{_name(name)}"
        case nodes.Special(name=name):
            return f"${name}"
        case nodes.Member(source=source, name=name):
            return _on(source) + _name(name)
        case nodes.Call(source=source, name=name, arguments=arguments):
            return f"{_on(source)}{_name(name)}({', '.join(map(render, arguments))})"
        case nodes.Index(source=source, index=index):
            return f"{_within(source, _TERM_LEVEL)}[{render(index)}]"
        case nodes.Sorted(key=key, descending=descending):
            return f"{render(key)} {'desc' if descending else 'asc'}"
        case _:
            return _operation(node)


def quote(text: str, mark: str = "'") -> str:
    """The text between quotes, escaped."""
    escaped = "".join(_ESCAPES.get(c, c) for c in text).replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def _operation(node: Node) -> str:
    match node:
        case nodes.Sign(operator=operator, operand=operand):
            return f"{operator}{_within(operand, _SIGN_LEVEL)}"
        case nodes.Binary(operator=operator, left=left, right=right):
            level = LEVELS[operator]
            return f"{_within(left, level)} {operator} {_within(right, level + 1)}"
        case nodes.TypeOperation(operator=operator, operand=operand, type=kind):
            spaced = ".".join(_name(part) for part in (kind.namespace, kind.name) if part)
            return f"{_within(operand, LEVELS[operator])} {operator} {spaced}"
        case _:
            raise AssertionError("render covers every node")


def _on(source: Node | None) -> str:
    return "" if source is None else f"{_within(source, _TERM_LEVEL)}."


def _within(node: Node, level: int) -> str:
    text = render(node)
    return text if _level(node) >= level else f"({text})"


def _level(node: Node) -> int:
    match node:
        case nodes.Binary(operator=operator) | nodes.TypeOperation(operator=operator):
            return LEVELS[operator]
        case nodes.Sign():
            return _SIGN_LEVEL
        case _:
            return _TERM_LEVEL


def _literal(value: bool | int | Decimal | str | Date | DateTime | Time) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quote(value)
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case Time():
            return f"@T{value}"
        case DateTime():
            return f"@{value}" if "T" in str(value) else f"@{value}T"
        case Date():
            return f"@{value}"


def _name(name: str) -> str:
    plain = _PLAIN.fullmatch(name) is not None and name not in _KEYWORDS
    return name if plain else quote(name, "`")
