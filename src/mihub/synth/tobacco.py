"""Who smoked when, and how much: intervals, as the ordinance counts them.

The interval of a smoker who still smokes has no end. Neighbour above: `life`; written down by
`fhir/smoking.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mihub.synth.calendar import add_months
from mihub.synth.dice import Dice


@dataclass(frozen=True, slots=True)
class Smoked:
    """From, until (None: still smoking) and cigarettes per day (None: nobody asked)."""

    start: date
    end: date | None
    per_day: int | None


@dataclass(frozen=True, slots=True)
class Tobacco:
    """What a practice knows. `status` is a key of the smoking status; `kind` says why the person was made
    this way.
    """

    status: str
    intervals: tuple[Smoked, ...]
    kind: str


NEVER = Tobacco("never", (), "never")
SCREENING_KINDS = ("eligible", "ex_smoker_too_long", "too_few_pack_years", "undecidable")


def _year(birth: date, age: int, month: int) -> date:
    return date(birth.year + age, month, 1)


def _eligible(dice: Dice, birth: date, age: int, today: date) -> Tobacco:
    """25 years or more and 15 pack-years or more; one of three paused for less than ten years, one of five
    stopped lately.
    """
    begin = dice.whole(15, min(21, age - 28))
    per_day = dice.pick((12, 15, 15, 18, 20, 20, 20, 25, 30))
    stop = add_months(today, -dice.whole(3, 90)) if dice.chance(0.2) else None
    start = _year(birth, begin, dice.whole(1, 12))
    if age - begin < 36 or not dice.chance(0.34):
        last = stop if stop is None or (stop.year - start.year) >= 27 else None
        return Tobacco("former" if last else "current", (Smoked(start, last, per_day),), "eligible")
    pause = _year(birth, begin + dice.whole(8, 12), dice.whole(1, 12))
    again = add_months(pause, dice.whole(12, 96))
    first = Smoked(start, pause, per_day)
    return Tobacco("current", (first, Smoked(again, None, dice.pick((15, 18, 20, 25)))), "eligible")


def _stopped_long_ago(dice: Dice, birth: date, today: date) -> Tobacco:
    start = _year(birth, dice.whole(15, 20), dice.whole(1, 12))
    end = add_months(today, -dice.whole(125, 260))
    return Tobacco("former", (Smoked(start, end, dice.pick((10, 15, 20, 25))),), "ex_smoker_too_long")


def _too_few(dice: Dice, birth: date) -> Tobacco:
    """Few cigarettes, or a pause of more than ten years that takes the years before it away."""
    if dice.chance(0.5):
        start = _year(birth, dice.whole(18, 24), dice.whole(1, 12))
        return Tobacco("current", (Smoked(start, None, dice.pick((2, 3, 4, 5))),), "too_few_pack_years")
    stopped = _year(birth, dice.whole(26, 30), 8)
    again = add_months(stopped, dice.whole(123, 150))
    first = Smoked(_year(birth, 17, 4), stopped, 20)
    return Tobacco("current", (first, Smoked(again, None, 5)), "too_few_pack_years")


def _undecidable(dice: Dice, birth: date) -> Tobacco:
    """Smokes, but nobody wrote down since when or how much."""
    if dice.chance(0.5):
        return Tobacco("current", (), "undecidable")
    return Tobacco("current", (Smoked(_year(birth, 18, 1), None, None),), "undecidable")


def for_screening(dice: Dice, kind: str, birth: date, age: int, today: date) -> Tobacco:
    """A history of the kind that the screening group asks for."""
    if kind == "eligible":
        return _eligible(dice, birth, age, today)
    if kind == "ex_smoker_too_long":
        return _stopped_long_ago(dice, birth, today)
    return _too_few(dice, birth) if kind == "too_few_pack_years" else _undecidable(dice, birth)


def for_practice(dice: Dice, birth: date, age: int, today: date) -> Tobacco:
    """Everybody else: most never, some stopped, some smoke."""
    if age < 20 or not dice.chance(0.42):
        return NEVER
    start = _year(birth, dice.whole(15, 19), dice.whole(1, 12))
    if dice.chance(0.5):
        end = min(add_months(start, dice.whole(24, 300)), add_months(today, -6))
        return Tobacco("former", (Smoked(start, max(end, start), dice.pick((5, 10, 15, 20))),), "practice")
    return Tobacco("current", (Smoked(start, None, dice.pick((3, 5, 8, 10, 15, 20))),), "practice")


def until_diagnosis(dice: Dice, birth: date, diagnosed: date, smoker: bool) -> Tobacco:
    """A cancer patient's history; half of the smokers stop when they learn the diagnosis."""
    if not smoker:
        return NEVER
    start = _year(birth, dice.whole(15, 20), dice.whole(1, 12))
    per_day = dice.pick((10, 15, 20, 20, 25, 30, 40))
    if dice.chance(0.45):
        end = add_months(diagnosed, -dice.whole(6, 180))
        return Tobacco("former", (Smoked(start, max(end, add_months(start, 60)), per_day),), "cancer")
    if dice.chance(0.5):
        return Tobacco("former", (Smoked(start, diagnosed, per_day),), "cancer")
    return Tobacco("current", (Smoked(start, None, per_day),), "cancer")
