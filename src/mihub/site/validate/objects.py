"""The check of a whole object: which keys it may have, which it must, which exclude each other, and its conditions.

One closure per type over tables that are filled after it exists, so that types may contain themselves. Above: `base`.
Below: `shapes`. Source: https://hl7.org/fhir/R4/json.html.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check, KeyCheck


@dataclass(slots=True, eq=False)
class Shape:
    """One object type, compiled. The lists are filled after `check` exists."""

    name: str
    table: dict[str, KeyCheck] = field(default_factory=dict)
    # Keys of plain texts: what surely is a good one, asked before anything is called.
    texts: dict[str, Callable[[str], Any]] = field(default_factory=dict)
    required: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)
    choices: list[tuple[frozenset[str], str]] = field(default_factory=list)
    tests: list[Check] = field(default_factory=list)
    siblings: frozenset[str] = frozenset()
    check: Check = field(init=False)

    def __post_init__(self) -> None:
        self.check = _object_check(self)


def _object_check(shape: Shape) -> Check:
    name, table, required, choices, tests = (
        shape.name, shape.table, shape.required, shape.choices, shape.tests
    )  # fmt: skip
    find, text = table.get, shape.texts.get
    # What stands beside a primitive is checked with it: an id alone is right there.
    own = name != "Element"

    def check(value: Json, where: Where, run: Run) -> None:
        if len(value) < 2 and own and (not value or "id" in value):
            _thin(value, where, run)
        for key, item in value.items():
            if item.__class__ is str:
                good = text(key)
                if good is not None and good(item):
                    continue
            inner = find(key)
            if inner is not None:
                inner(item, value, where, run)
            else:
                _unknown(key, name, table, choices, where, run)
        for key, others, label in required:
            if key not in value and value.keys().isdisjoint(others):
                run.add("cardinality-min", where, element=label, min="1", type=name)
        for keys, label in choices:
            if not keys.isdisjoint(value) and len(keys & value.keys()) > 1:
                _several(keys & value.keys(), label, where, run)
        for test in tests:
            test(value, where, run)

    return check


def _thin(value: Json, where: Where, run: Run) -> None:
    """An object with nothing in it, or with nothing but an id."""
    if not value:
        run.add("json-empty", where)
    else:
        run.add("invariant:ele-1", where, human="All FHIR elements must have a @value or children", source="")


def _several(found: AbstractSet[str], label: str, where: Where, run: Run) -> None:
    """Two keys of one choice; a value and its own `_value` are one."""
    if len({key.removeprefix("_") for key in found}) > 1:
        run.add("choice-multiple", (where, label, -1), element=label)


_NAME: Final = re.compile(r"_?[a-z][A-Za-z]{0,39}")


def _unknown(
    key: str,
    name: str,
    table: dict[str, KeyCheck],
    choices: list[tuple[frozenset[str], str]],
    where: Where,
    run: Run,
) -> None:
    """A key the type does not have. It is shown only where it looks like a name and not like content."""
    bare = key.removeprefix("_")
    for keys, label in choices:
        if bare.startswith(label) and bare[len(label) : len(label) + 1].isupper():
            types = sorted(k.removeprefix(label) for k in keys if not k.startswith("_"))
            run.add("choice-type", (where, label, -1), element=label, expected=", ".join(types))
            return
    near = difflib.get_close_matches(bare, [k for k in table if k[:1] != "_"], 1)
    place = (where, key, -1) if _NAME.fullmatch(key) else where
    run.add("unknown-element", place, type=name, near=near[0] if near else "–")
