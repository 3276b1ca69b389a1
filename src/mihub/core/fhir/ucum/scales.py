"""Scales that are no ratio: temperatures with an offset, logarithms, tangents, a root.

A number r on a scale with the unit u stands for the amount f⁻¹(r)·u. Offsets are exact; the others are computed in 40
digits, tangents in 15. Source: UCUM §§21-22 and its table. Above: `conversion`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, DecimalException, localcontext
from fractions import Fraction
from typing import Final

from mihub.core.fhir.ucum.errors import UcumError

DIGITS: Final = 40
# Beyond it a logarithm stands for nothing that is measured, and its power would fill the memory.
_LARGEST_LOGARITHM: Final = 1_000

Number = Callable[[Decimal], Decimal]
_OFFSETS: Final = {
    "Cel": Fraction("273.15"), "degF": Fraction("459.67"), "degRe": Fraction("218.52"),
}  # fmt: skip


def _logarithm(base: int, times: int) -> tuple[Number, Number]:
    """From an amount to times · log_base of it, and back."""
    root = Decimal(base)
    return (
        lambda amount: times * amount.ln() / root.ln() if base != 10 else times * amount.log10(),
        lambda number: root ** (number / times),
    )


_NATURAL: Final[tuple[Number, Number]] = (lambda amount: amount.ln(), lambda number: number.exp())
_TANGENT: Final[tuple[Number, Number]] = (
    lambda amount: Decimal(repr(100 * math.tan(float(amount)))),
    lambda number: Decimal(repr(math.atan(float(number) / 100))),
)
_FUNCTIONS: Final[dict[str, tuple[Number, Number]]] = {
    "pH": _logarithm(10, -1), "lg": _logarithm(10, 1), "lgTimes2": _logarithm(10, 2), "ld": _logarithm(2, 1),
    "ln": _NATURAL, "sqrt": (lambda amount: amount.sqrt(), lambda number: number * number),
    "hpX": _logarithm(10, -1), "hpC": _logarithm(100, -1), "hpM": _logarithm(1000, -1), "hpQ": _logarithm(50_000, -1),
    "tanTimes100": _TANGENT, "100tan": _TANGENT,
}  # fmt: skip


def amount_of(function: str, number: Fraction) -> Fraction:
    """The amount, in the scale's unit, that a number on the scale stands for. Raises `UcumError` beyond its range."""
    if function in _OFFSETS:
        return number + _OFFSETS[function]
    if abs(number) > _LARGEST_LOGARITHM:
        raise UcumError("The number is beyond what this scale measures.")
    return _computed(_FUNCTIONS[function][1], number)


def number_of(function: str, amount: Fraction) -> Fraction:
    """The number on the scale for an amount in the scale's unit. Raises `UcumError` where there is none."""
    if function in _OFFSETS:
        return amount - _OFFSETS[function]
    if amount <= 0 and function not in ("tanTimes100", "100tan", "sqrt"):
        raise UcumError("An amount of zero or less has no logarithm.")
    return _computed(_FUNCTIONS[function][0], amount)


def _computed(compute: Number, value: Fraction) -> Fraction:
    try:
        with localcontext() as context:
            context.prec = DIGITS
            return Fraction(compute(Decimal(value.numerator) / Decimal(value.denominator)))
    except (DecimalException, OverflowError, ValueError) as error:
        raise UcumError("The number is beyond what this scale measures.") from error
