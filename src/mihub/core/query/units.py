"""Which units may be compared, by an exact factor; every other pair is refused rather than guessed.

Mass and molar units are never converted into each other, because that needs the substance. Source: the table
`content/cohort/units.yaml`. Above: `from_ccdl`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from mihub.core.query.nodes import NumberTest, QuantityTest


@dataclass(frozen=True, slots=True)
class Units:
    """`groups`: quantity -> {unit: factor to the group's base unit}."""

    groups: Mapping[str, Mapping[str, Fraction]]

    def comparable(self, unit: str) -> Mapping[str, Fraction]:
        """Every unit that compares with `unit`, with the factor by which a number in `unit` is multiplied."""
        for group in self.groups.values():
            if unit in group:
                return {other: group[unit] / factor for other, factor in group.items()}
        return {unit: Fraction(1)}


def quantity_test(tests: tuple[NumberTest, ...], unit: str | None, units: Units) -> QuantityTest:
    """The tests, converted once for every unit in which the facts may be written.

    Without a unit, or with an annotation such as "{score}", only numbers without a unit are compared.
    """
    asked = plain_unit(unit)
    converted = tuple(
        (other, tuple(NumberTest(test.comparator, _times(test.value, factor)) for test in tests))
        for other, factor in sorted(units.comparable(asked).items())
    )
    return QuantityTest(tests=tests, unit=asked, units=converted)


def plain_unit(unit: str | None) -> str:
    """The unit as facts carry it: "1" for none, for "" and for a pure annotation."""
    if not unit or (unit.startswith("{") and unit.endswith("}")):
        return "1"
    return unit


def _times(value: float, factor: Fraction) -> float:
    # By way of the decimal text: 13.2 g/dL is 132 g/L exactly, where 13.2 * 10 need not be.
    return float(Fraction(repr(value)) * factor)
