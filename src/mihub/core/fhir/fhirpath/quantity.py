"""The System.Quantity: a decimal with a UCUM unit or a calendar word.

`1 year` is a calendar duration, `1 'a'` a definite one; they are equivalent and not comparable for equality, as
are months. Weeks and shorter mean the same in both. Source: FHIRPath 2.0.0 §Quantity, §Time-valued Quantities.
Neighbours: `ucum` below, `comparison`, `arithmetic`, `moving` above.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from mihub.core.fhir.fhirpath import ucum

_WORDS: Final = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
# As written in an expression -> the word in the singular.
CALENDAR_WORDS: Final = {written: word for word in _WORDS for written in (word, f"{word}s")}
_UCUM_OF_WORD: Final = {
    "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}  # fmt: skip
_LONG_WORDS: Final = {"year": ("a", 12), "month": ("mo", 1)}
WORD_OF_UCUM: Final = {code: word for word, code in _UCUM_OF_WORD.items()}


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
            return ucum.unit(self.unit)
        if self.unit in _LONG_WORDS:
            return ucum.Unit(Decimal(_LONG_WORDS[self.unit][1]), (("calendar month", 1),))
        return ucum.unit(_UCUM_OF_WORD[self.unit])

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
    return left.unit == right.unit or left.meaning.dimensions == right.meaning.dimensions


def in_base_units(quantity: Quantity) -> Decimal:
    """The value times the factor of its unit."""
    return quantity.value * quantity.meaning.factor


def combined(left: Quantity, right: Quantity, power: int) -> Quantity | None:
    """left · right^power in base units; None when it divides by zero or holds calendar years or months."""
    if power < 0 and right.value == 0:
        return None
    unit = ucum.multiply(left.meaning, right.meaning, power)
    if any(name == "calendar month" for name, _ in unit.dimensions):
        return None
    value = left.value * right.value if power > 0 else left.value / right.value
    if left.meaning.dimensions == () and power > 0:
        return Quantity(value * left.meaning.factor, right.unit, right.calendar)
    if right.meaning.dimensions == ():
        return Quantity(value * right.meaning.factor**power, left.unit, left.calendar)
    return Quantity(value * unit.factor, ucum.code_of(unit.dimensions))
