"""Values from one unit to another, exact where the units allow it.

Source: UCUM §§19-22. Neighbours: `meaning`, `scales` below; quantities of FHIRPath, search and terminology above.
"""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Final

from mihub.core.fhir.ucum.errors import UcumError
from mihub.core.fhir.ucum.meaning import Unit, base_code, parse
from mihub.core.fhir.ucum.scales import amount_of, number_of

# A quotient that does not end is rounded to so many digits, as in decimal128.
DIGITS: Final = 34
_MOST_DIGITS: Final = 120
# Exact arithmetic writes out every zero of an exponent.
MAX_EXPONENT: Final = 1_000


def commensurable(one: str, other: str) -> bool:
    """Whether values can be converted between the units. Raises `UcumError` for a code that is none."""
    return same_kind(parse(one), parse(other))


def same_kind(one: Unit, other: Unit) -> bool:
    """Whether both measure the same: the same base units, and a scale on both sides that can be computed with."""
    if one.code == other.code:
        return True
    return one.dimensions == other.dimensions and one.computable and other.computable


def convert(value: Decimal, source: str, target: str) -> Decimal:
    """The value in another unit. Raises `UcumError` when a code is none or the two do not measure the same."""
    one, other = parse(source), parse(target)
    if one.code == other.code:
        return value
    if not same_kind(one, other):
        raise UcumError("The two units do not measure the same.", next_step="Use units of one kind.")
    return as_decimal(from_base(in_base(value, one), other))


def canonical(value: Decimal, code: str) -> tuple[Decimal, str]:
    """The value in base units, with their code: equal amounts give equal pairs.

    Raises `UcumError` for a code that is none, and for a product with a unit that is no ratio (`Cel/min`).
    """
    unit = parse(code)
    if not unit.computable:
        raise UcumError("A unit with an offset or a logarithm cannot be part of a product.")
    return as_decimal(in_base(value, unit)), base_code(unit.dimensions)


def in_base(value: Decimal, unit: Unit) -> Fraction:
    """The amount in base units. Raises `UcumError` for a number that is not finite or beyond `MAX_EXPONENT`."""
    if not value.is_finite() or abs(value.adjusted()) > MAX_EXPONENT:
        raise UcumError(f"A value beyond 10 to the power of {MAX_EXPONENT} cannot be converted.")
    number = Fraction(value)
    if unit.function:
        number = amount_of(unit.function, number * unit.prefix)
    return number * unit.factor


def from_base(amount: Fraction, unit: Unit) -> Fraction:
    """The value in a unit for an amount in base units."""
    value = amount / unit.factor
    return number_of(unit.function, value) / unit.prefix if unit.function else value


def as_decimal(value: Fraction) -> Decimal:
    """The same number where its digits end, else rounded to `DIGITS`."""
    with localcontext() as context:
        context.prec = _MOST_DIGITS
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        if not context.flags[Inexact]:
            return _plain(exact)
        context.prec = DIGITS
        return Decimal(value.numerator) / Decimal(value.denominator)


def _plain(value: Decimal) -> Decimal:
    """Without trailing zeros; whole numbers without an exponent as long as they are short."""
    short = value.normalize()
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1)) if isinstance(exponent, int) and 0 < exponent <= 30 else short
