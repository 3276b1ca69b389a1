"""A UCUM code as a tree, by recursive descent over the published grammar, and the code of a tree.

Case-sensitive codes only. Knows the symbols of the table, not what they measure. Source: UCUM §§4-14 and its grammar.
Neighbours: `table` below, `meaning` above.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir.ucum.errors import UcumError
from mihub.core.fhir.ucum.table import Table, table

MAX_CODE_CHARACTERS: Final = 200
MAX_NESTING: Final = 10
MAX_EXPONENT: Final = 99

# Brackets may hold anything, also digits and operators: B[10.nV], [m/s2/Hz^(1/2)].
_SYMBOL: Final = re.compile(
    r"""10[*^]|(?:\[[^\[\]\s{}]*\]|[^\s0-9"()+\-./=\[\]{}\x00-\x1f\x7f-\U0010ffff])+"""
)
_EXPONENT: Final = re.compile(r"[+-]?\d+")
_FACTOR: Final = re.compile(r"\d+")
_ANNOTATION: Final = re.compile(r"\{[\x21-\x7a|~]*\}")
# Written often, and not UCUM.
_MEANT: Final = {
    "mmhg": "mm[Hg]", "cmh2o": "cm[H2O]", "iu": "[IU]", "ie": "[IU]", "miu": "m[IU]", "ph": "[pH]", "mcg": "ug",
    "cc": "mL", "sec": "s", "std": "h", "hr": "h", "week": "wk", "day": "d", "year": "a", "month": "mo", "°c": "Cel",
    "°f": "[degF]", "°": "deg", "ppm": "[ppm]", "cfu": "[CFU]", "inch": "[in_i]", "lb": "[lb_av]", "oz": "[oz_av]",
    "kcal_it": "kcal_IT", "mval": "meq",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Symbol:
    """A unit with its prefix (or empty) and exponent."""

    prefix: str
    atom: str
    exponent: int = 1
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class Factor:
    """A whole number."""

    value: int
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """`{...}` alone: the unit 1 with a remark."""

    annotation: str


@dataclass(frozen=True, slots=True)
class Group:
    """A term in parentheses."""

    term: Term
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """Components from left to right; each multiplied, or divided by (`/`)."""

    parts: tuple[tuple[str, Symbol | Factor | Annotation | Group], ...]


def read(code: str) -> Term:
    """The tree of a code. Raises `UcumError` with the place."""
    if len(code) > MAX_CODE_CHARACTERS:
        raise UcumError(f"A unit has at most {MAX_CODE_CHARACTERS} characters.")
    if not code:
        raise UcumError("The unit is empty.", next_step="Write 1 for no unit.")
    return _Reader(code, table()).whole()


def written(term: Term) -> str:
    """The code of a tree; `read` gives the same tree again."""
    text = "".join(f"{operator}{_written_part(part)}" for operator, part in term.parts)
    return text.removeprefix(".")


def _written_part(part: Symbol | Factor | Annotation | Group) -> str:
    match part:
        case Symbol(prefix, atom, exponent, annotation):
            return f"{prefix}{atom}{'' if exponent == 1 else exponent}{annotation}"
        case Factor(value, annotation):
            return f"{value}{annotation}"
        case Annotation(annotation):
            return annotation
        case Group(term, annotation):
            return f"({written(term)}){annotation}"


class _Reader:
    def __init__(self, code: str, units: Table) -> None:
        self._code = code
        self._units = units
        self._at = 0
        self._depth = 0

    def whole(self) -> Term:
        term = self._term()
        if self._at < len(self._code):
            raise UcumError(self._unexpected(), self._at)
        return term

    def _peek(self, characters: str) -> bool:
        return self._at < len(self._code) and self._code[self._at] in characters

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._code, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group()

    def _term(self) -> Term:
        operator = "/" if self._peek("/") else "."
        self._at += operator == "/"
        parts = [(operator, self._component())]
        while self._peek("./"):
            operator = self._code[self._at]
            self._at += 1
            parts.append((operator, self._component()))
        return Term(tuple(parts))

    def _component(self) -> Symbol | Factor | Annotation | Group:
        start = self._at
        if self._peek("("):
            return Group(self._nested(), self._annotation())
        if self._peek("{"):
            return Annotation(self._annotation())
        symbol = self._take(_SYMBOL)
        if symbol:
            prefix, atom = self._known(symbol, start)
            return Symbol(prefix, atom, self._exponent(), self._annotation())
        digits = self._take(_FACTOR)
        if not digits:
            raise UcumError(self._unexpected(), start)
        if not digits.strip("0"):
            raise UcumError("A factor of a unit cannot be zero.", start)
        return Factor(int(digits), self._annotation())

    def _nested(self) -> Term:
        opened = self._at
        self._at += 1
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise UcumError(f"Parentheses are nested deeper than {MAX_NESTING}.", opened)
        term = self._term()
        if not self._peek(")"):
            raise UcumError("A parenthesis is not closed.", opened)
        self._at += 1
        self._depth -= 1
        return term

    def _exponent(self) -> int:
        start = self._at
        digits = self._take(_EXPONENT)
        if not digits:
            return 1
        if len(digits) > 3 or not 0 < abs(int(digits)) <= MAX_EXPONENT:
            raise UcumError(f"An exponent is between 1 and {MAX_EXPONENT}, or negative.", start)
        return int(digits)

    def _annotation(self) -> str:
        if not self._peek("{"):
            return ""
        start = self._at
        found = self._take(_ANNOTATION)
        if not found:
            raise UcumError("An annotation {...} holds printable ASCII without spaces and braces.", start)
        return found

    def _known(self, symbol: str, start: int) -> tuple[str, str]:
        found = self._units.split(symbol)
        if found is None:
            raise UcumError("Here stands no unit of UCUM.", start, next_step=self._advice(symbol))
        return found

    def _advice(self, symbol: str) -> str:
        meant = _MEANT.get(symbol.casefold()) or self._units.by_folded_code.get(symbol.casefold())
        if meant is None and symbol.startswith("["):
            meant = self._units.by_folded_code.get(symbol.casefold().strip("[]"))
        elif meant is None:
            meant = self._units.by_folded_code.get(f"[{symbol.casefold()}]")
        return f"UCUM writes {meant}." if meant else "Use a code of the UCUM table; letter case counts."

    def _unexpected(self) -> str:
        if self._at >= len(self._code):
            return "The unit ends too early."
        character = self._code[self._at]
        if character.isspace():
            return "A unit holds no spaces."
        if ord(character) > 126:
            meant = {"µ": "u", "μ": "u", "°": "Cel or deg", "²": "2", "³": "3", "Ω": "Ohm"}.get(character)
            return "A unit is written in ASCII." if meant is None else f"UCUM writes {meant} here."
        return "This cannot follow in a unit."
