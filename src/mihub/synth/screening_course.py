"""The way through lung screening: counselling and referral, low-dose CT, reading, result.

Two readers: the second one only for findings to control or to clarify, at the specialised hospital. Sizes
fit the Lung-RADS cell (volume of a sphere). Written down by `fhir/screening.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

from mihub.synth import content
from mihub.synth.calendar import weekday_from
from mihub.synth.dice import Dice

CONTROL, CLARIFY, UNREMARKABLE = "control", "clarify", "unremarkable"
_ACTION = {"1": UNREMARKABLE, "2": UNREMARKABLE, "3": CONTROL, "4A": CONTROL, "4B": CLARIFY}
_DIAMETER = {"2": (3.0, 5.8), "3": (6.2, 7.8), "4A": (8.2, 14.0), "4B": (15.2, 27.0)}
CONTROL_MONTHS = {"3": 6, "4A": 3}


@dataclass(frozen=True, slots=True)
class Nodule:
    """The most suspicious nodule: diameter in mm, volume in whole mm³, lobe."""

    diameter: float
    volume: int
    lobe: str


@dataclass(frozen=True, slots=True)
class Scan:
    """One low-dose CT with its reading. `dose` is CTDIvol in mGy; `second_reading` the day at the
    specialised hospital.
    """

    day: date
    category: str
    action: str
    nodule: Nodule | None
    dose: float
    reported: date
    second_reading: date | None
    site: str = "radiologie"


@dataclass(frozen=True, slots=True)
class ScreeningCourse:
    """Referred, maybe scanned. Without scans the referral is still open."""

    referred: date
    scans: tuple[Scan, ...]


def nodule_of(diameter: float, lobe: str) -> Nodule:
    """A solid nodule, its volume that of a sphere."""
    return Nodule(diameter, round(math.pi / 6 * diameter**3), lobe)


def scan(dice: Dice, day: date, category: str, diameter: float | None = None) -> Scan:
    """A scan of that category, read within a few days."""
    action = _ACTION[category]
    low, high = _DIAMETER.get(category, (0.0, 0.0))
    size = diameter if diameter is not None else round(low + (high - low) * dice.whole(0, 100) / 100, 1)
    lobe = dice.pick(("RUL", "RML", "RLL", "LUL", "LLL"))
    reported = day + timedelta(days=dice.whole(0, 3))
    second = None if action == UNREMARKABLE else reported + timedelta(days=dice.whole(1, 4))
    dose = round(dice.bell(0.95, 0.15, 0.5, 1.3), 2)
    return Scan(day, category, action, nodule_of(size, lobe) if size else None, dose, reported, second)


def before_diagnosis(dice: Dice, diagnosed: date) -> ScreeningCourse:
    """The screening that found a cancer: referred five weeks before the diagnosis, scanned three weeks
    before.
    """
    found = scan(dice, weekday_from(diagnosed - timedelta(days=21)), "4B")
    return ScreeningCourse(diagnosed - timedelta(days=35), (found,))


def draw(dice: Dice, today: date) -> ScreeningCourse:
    """Referred some time since the benefit began (2026-04-01); most already scanned once."""
    first = max(date(2026, 4, 1), today - timedelta(days=235))
    referred = weekday_from(dice.day(min(first, today), today))
    referred = min(referred, today)
    scanned = weekday_from(referred + timedelta(days=dice.whole(4, 25)))
    if scanned >= today - timedelta(days=8):
        return ScreeningCourse(referred, ())
    category = dice.weighted(content.rates("screening", "lung_rads"))
    return ScreeningCourse(referred, (scan(dice, scanned, category),))
