"""The nodes of a cohort question: frozen, and each refuses to exist when it makes no sense.

A node says what is asked, never how; age stays symbolic, so that the same question is the same question
tomorrow. Below: `core.mii.ccdl`. Above: the engines `memory` and `sql`, `canonical`, `explain`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from mihub.core.query.facts import KINDS
from mihub.errors import InvalidInput

Comparator = Literal["gt", "ge", "lt", "le", "eq", "ne"]
AgeUnit = Literal["a", "mo", "wk", "d"]
AGE_UNITS: Final = ("a", "mo", "wk", "d")
_COMPARATORS: Final = ("gt", "ge", "lt", "le", "eq", "ne")


@dataclass(frozen=True, slots=True, order=True)
class CodeMatch:
    """A code of a system; `prefix` also takes every code that begins with it. An empty system takes any."""

    system: str
    code: str
    prefix: bool = False

    def __post_init__(self) -> None:
        _require(bool(self.code), "a code is empty")


@dataclass(frozen=True, slots=True, order=True)
class NumberTest:
    """The value compares to this number, for certain: a value known as "< 5" is not certainly less than 3."""

    comparator: Comparator
    value: float

    def __post_init__(self) -> None:
        _require(self.comparator in _COMPARATORS, "a comparator is unknown")
        _require(math.isfinite(self.value), "a number is not finite")


@dataclass(frozen=True, slots=True)
class ConceptTest:
    """The coded value is one of these."""

    concepts: tuple[CodeMatch, ...]

    def __post_init__(self) -> None:
        _require(bool(self.concepts), "a concept filter lists no concept")


@dataclass(frozen=True, slots=True)
class QuantityTest:
    """The number passes all tests in one of the `units`: (UCUM code, tests converted to that unit)."""

    tests: tuple[NumberTest, ...]
    unit: str | None
    units: tuple[tuple[str, tuple[NumberTest, ...]], ...]

    def __post_init__(self) -> None:
        _require(bool(self.tests) and bool(self.units), "a quantity filter has no test")


@dataclass(frozen=True, slots=True)
class AgeTest:
    """The completed years, months, weeks or days since birth pass all tests, on the day of asking."""

    tests: tuple[NumberTest, ...]
    unit: AgeUnit

    def __post_init__(self) -> None:
        _require(bool(self.tests), "an age filter has no test")
        _require(self.unit in AGE_UNITS, "an age is counted in a, mo, wk or d")


@dataclass(frozen=True, slots=True)
class LinkedTest:
    """The attribute points to a resource of the same person that satisfies any of these criteria."""

    criteria: tuple[Criterion, ...]

    def __post_init__(self) -> None:
        _require(bool(self.criteria), "a reference filter has no criterion")


ValueTest = ConceptTest | QuantityTest | AgeTest


@dataclass(frozen=True, slots=True)
class AttributeTest:
    """On the same resource: the row of `slot`, or of the component `code`, passes the test."""

    slot: str
    code: CodeMatch | None
    test: ConceptTest | QuantityTest | LinkedTest

    def __post_init__(self) -> None:
        _require(
            bool(self.slot) != (self.code is not None), "an attribute is a slot or a component, not both"
        )


@dataclass(frozen=True, slots=True)
class TimeTest:
    """The fact's dates touch this interval; both ends included, None is open."""

    after: date | None
    before: date | None

    def __post_init__(self) -> None:
        _require(self.after is not None or self.before is not None, "a time restriction has no end")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One resource satisfies all of this. `current`: its period must cover the day of asking."""

    kinds: tuple[str, ...]
    codes: tuple[CodeMatch, ...]
    value: ValueTest | None = None
    attributes: tuple[AttributeTest, ...] = ()
    time: TimeTest | None = None
    current: bool = False
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        _require(bool(self.kinds) and all(kind in KINDS for kind in self.kinds), "a kind of fact is unknown")
        _require(bool(self.codes), "a criterion has no code")


@dataclass(frozen=True, slots=True)
class And:
    """All of these."""

    parts: tuple[Node, ...]

    def __post_init__(self) -> None:
        _require(bool(self.parts), "an AND is empty")


@dataclass(frozen=True, slots=True)
class Or:
    """Any of these."""

    parts: tuple[Node, ...]

    def __post_init__(self) -> None:
        _require(bool(self.parts), "an OR is empty")


@dataclass(frozen=True, slots=True)
class Not:
    """Everybody else."""

    part: Node


Node = Criterion | And | Or | Not


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise InvalidInput(
            f"The question makes no sense: {what}.",
            rule="core.query.nodes",
            next_step="Correct this part of the cohort definition.",
        )
