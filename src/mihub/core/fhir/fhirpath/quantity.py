"""The System.Quantity: a decimal with a UCUM unit or a calendar word.

`1 year` is a calendar duration, `1 'a'` a definite one; they are equivalent and not comparable for equality, as
are months. Weeks and shorter mean the same in both. Source: FHIRPath 2.0.0 §Quantity, §Time-valued Quantities.
A unit that UCUM does not know is comparable with itself only. Neighbours: `core.fhir.ucum` below, `comparison`,
`operators`, `moving` above.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from mihub.core.fhir import ucum
from mihub.core.fhir.ucum import conversion

_WORDS: Final = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
# As written in an expression -> the word in the singular.
CALENDAR_WORDS: Final = {written: word for word in _WORDS for written in (word, f"{word}s")}
_UCUM_OF_WORD: Final = {
    "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}  # fmt: skip
_LONG_WORDS: Final = {"year": ("a", 12), "month": ("mo", 1)}
WORD_OF_UCUM: Final = {code: word for word, code in _UCUM_OF_WORD.items()}
_CALENDAR_MONTH: Final = "calendar month"


@lru_cache(maxsize=8192)
def unit(code: str) -> ucum.Unit:
    """The meaning of a UCUM code; anything else stands for itself."""
    try:
        return ucum.parse(code)
    except ucum.UcumError:
        return ucum.Unit(code, Fraction(1), ((code, 1),))


@dataclass(frozen=True, slots=True)
class Quantity:
    """`unit` is a UCUM code, or a calendar word in the singular when `calendar` is set."""

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    def __str__(self) -> str:
        if not self.calendar:
            return f"{self.value:f} '{self.unit}'"
        return f"{self.value:f} {self.unit if abs(self.value) == 1 else self.unit + 's'}"

    @property
    def meaning(self) -> ucum.Unit:
        """The unit in base units; calendar years and months are a dimension of their own."""
        if not self.calendar:
            return unit(self.unit)
        if self.unit in _LONG_WORDS:
            return ucum.Unit(self.unit, Fraction(_LONG_WORDS[self.unit][1]), ((_CALENDAR_MONTH, 1),))
        return unit(_UCUM_OF_WORD[self.unit])

    @property
    def definite(self) -> Quantity:
        """A calendar duration as the definite one that is equivalent to it."""
        if not self.calendar:
            return self
        code = _LONG_WORDS[self.unit][0] if self.unit in _LONG_WORDS else _UCUM_OF_WORD[self.unit]
        return Quantity(self.value, code)


def literal(value: Decimal, unit: str, calendar: bool) -> Quantity:
    """A quantity as an expression writes it; a calendar word between quotes is read as the word."""
    if not calendar and unit in CALENDAR_WORDS:
        return Quantity(value, CALENDAR_WORDS[unit], True)
    return Quantity(value, unit, calendar)


def comparable(left: Quantity, right: Quantity) -> bool:
    """Whether one can be expressed in the unit of the other."""
    return left.unit == right.unit or conversion.same_kind(left.meaning, right.meaning)


def in_base_units(quantity: Quantity) -> Fraction | None:
    """The exact amount in base units; None for a number that its unit cannot hold (`-1` of a logarithm's base)."""
    try:
        return conversion.in_base(quantity.value, quantity.meaning)
    except ucum.UcumError:
        return None


def in_unit_of(quantity: Quantity, target: Quantity) -> Decimal | None:
    """The number in the unit of the target; call it on comparable ones. None where no number stands for it."""
    amount = in_base_units(quantity)
    if amount is None:
        return None
    try:
        return conversion.as_decimal(conversion.from_base(amount, target.meaning))
    except ucum.UcumError:
        return None


def added(one: Quantity, other: Quantity, sign: int) -> Quantity | None:
    """Sum or difference in the unit of the first; None for units of two kinds, or with an offset or a logarithm."""
    if one.unit == other.unit and one.calendar == other.calendar:
        return Quantity(one.value + sign * other.value, one.unit, one.calendar)
    if not comparable(one, other) or not (one.meaning.ratio and other.meaning.ratio):
        return None
    converted = in_unit_of(other, one)
    return None if converted is None else Quantity(one.value + sign * converted, one.unit, one.calendar)


def combined(left: Quantity, right: Quantity, power: int) -> Quantity | None:
    """left · right^power, in base units where both have a unit.

    None when it divides by zero, holds calendar years or months, or a unit with an offset or a logarithm.
    """
    if power < 0 and right.value == 0:
        return None
    value = left.value * right.value if power > 0 else left.value / right.value
    # A number beside a unit leaves the unit as it is written, also one that is no ratio.
    if left.unit == "1" and power > 0:
        return Quantity(value, right.unit, right.calendar)
    if right.unit == "1":
        return Quantity(value, left.unit, left.calendar)
    return _combined(value, left.meaning, right.meaning, power)


def _combined(value: Decimal, left: ucum.Unit, right: ucum.Unit, power: int) -> Quantity | None:
    try:
        meant = ucum.multiply(left, right, power)
    except ucum.UcumError:
        return None
    if not meant.ratio or any(name == _CALENDAR_MONTH for name, _ in meant.dimensions):
        return None
    factor = conversion.as_decimal(meant.factor)
    return Quantity(value * factor, ucum.base_code(meant.dimensions))
