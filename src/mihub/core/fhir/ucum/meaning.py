"""What a unit measures: a factor and powers of the base units, exact, worked out from the table's definitions.

A unit on another scale (Cel, [pH], B) keeps the function of that scale; a product with one has no factor. Parsed once
per code. Neighbours: `grammar`, `scales` below, `conversion` above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Final

from mihub.core.fhir.ucum.errors import UcumError
from mihub.core.fhir.ucum.grammar import Annotation, Factor, Group, Symbol, Term, read
from mihub.core.fhir.ucum.table import Atom, table

Dimensions = tuple[tuple[str, int], ...]
_MAX_POWER: Final = 999


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` times base units with their powers, ordered by name; arbitrary units are a base of their own.

    `function`: the scale of a special unit, whose `prefix` belongs to the number on the scale. `ratio` is False for
    a special unit and for a product that holds one; the latter can be converted into itself only.
    """

    code: str
    factor: Fraction
    dimensions: Dimensions
    function: str = ""
    prefix: Fraction = Fraction(1)
    ratio: bool = True

    @property
    def computable(self) -> bool:
        """Whether values in it can be expressed in another unit."""
        return self.ratio or self.function != ""


ONE: Final = Unit("1", Fraction(1), ())


@lru_cache(maxsize=16_384)
def parse(code: str) -> Unit:
    """The meaning of a case-sensitive UCUM code. Raises `UcumError` with the place."""
    return replace(_term(read(code)), code=code)


@lru_cache(maxsize=16_384)
def is_valid(code: str) -> str | None:
    """None for a valid code, else why it is none, in one sentence that does not repeat the code."""
    try:
        parse(code)
    except UcumError as error:
        return " ".join(filter(None, [error.what, error.next_step]))
    return None


def multiply(left: Unit, right: Unit, power: int = 1) -> Unit:
    """left · right^power; its code is that of the base units. Raises `UcumError` beyond every sensible power."""
    if not right.dimensions and right.factor == 1 and right.ratio:
        return left
    dimensions = dict(left.dimensions)
    for name, exponent in right.dimensions:
        dimensions[name] = dimensions.get(name, 0) + exponent * power
    if any(abs(exponent) > _MAX_POWER for exponent in dimensions.values()):
        raise UcumError(f"A power of a base unit is beyond {_MAX_POWER}.")
    kept = tuple(sorted((name, exponent) for name, exponent in dimensions.items() if exponent))
    return Unit("", left.factor * right.factor**power, kept, ratio=left.ratio and right.ratio)


def base_code(dimensions: Dimensions) -> str:
    """A UCUM code for these base units: `g/m/s2`; `1` for none."""
    over = ".".join(f"{name}{_power(exponent)}" for name, exponent in dimensions if exponent > 0)
    under = "".join(f"/{name}{_power(-exponent)}" for name, exponent in dimensions if exponent < 0)
    return (over + under) or "1"


def _power(exponent: int) -> str:
    return "" if exponent == 1 else str(exponent)


def _term(term: Term) -> Unit:
    found = ONE
    for operator, part in term.parts:
        meant = _part(part)
        # A special unit that stands alone keeps its scale.
        alone = len(term.parts) == 1 and operator == "."
        found = meant if alone else multiply(found, meant, -1 if operator == "/" else 1)
    return found


def _part(part: Symbol | Factor | Annotation | Group) -> Unit:
    match part:
        case Symbol(prefix, name, exponent):
            return _symbol(prefix, name, exponent)
        case Factor(value):
            return Unit("", Fraction(value), ())
        case Group(term):
            return _term(term)
        case Annotation():
            return ONE


def _symbol(prefix: str, name: str, exponent: int) -> Unit:
    unit = _atom(name)
    scale = table().prefixes[prefix] if prefix else Fraction(1)
    if unit.function and exponent == 1:
        return replace(unit, prefix=scale)
    if not prefix and exponent == 1:
        return unit
    return multiply(ONE, replace(unit, factor=unit.factor * scale, function=""), exponent)


@lru_cache(maxsize=512)
def _atom(name: str) -> Unit:
    atom = table().atoms[name]
    if not atom.unit or (atom.arbitrary and atom.unit == "1"):
        return Unit(name, Fraction(1), ((name, 1),))
    return _defined(atom)


def _defined(atom: Atom) -> Unit:
    base = _term(read(atom.unit))
    return Unit(
        atom.code,
        atom.value * base.factor,
        base.dimensions,
        atom.function,
        ratio=base.ratio and not atom.function,
    )
