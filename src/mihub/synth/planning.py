"""What every tumour plan is made of: the input, the plan, and the usual steps with usual waits.

Waits follow the pathway's targets loosely (board within two weeks, treatment within six). Above: `lung_plan`,
`other_plans`, `tumours`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from mihub.synth.calendar import weekday_from
from mihub.synth.dice import Dice
from mihub.synth.events import Board, Diagnosis, Event, Operation, Radiotherapy, Systemic
from mihub.synth.regimens import REGIMENS, SIDE_EFFECTS
from mihub.synth.stages import Tnm


@dataclass(frozen=True, slots=True)
class PlanInput:
    """Where and when it begins: the day of diagnosis, the hospital near home, the hospital of the board."""

    day: date
    home: str
    board_at: str
    sex: str
    age: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The first treatment as planned, before fate cuts it."""

    entity: str
    diagnosis: Diagnosis
    events: tuple[Event, ...]
    curative: bool
    home: str
    board_at: str
    second_line: str
    usual_metastases: tuple[str, ...]
    small_cell_extent: str | None = None
    screen_detected: bool = False


def after(dice: Dice, day: date, low: int, high: int) -> date:
    """A working day some days later."""
    return weekday_from(day + timedelta(days=dice.whole(low, high)))


def ecog(dice: Dice, stage_group: str) -> int:
    """Performance status: worse with the stage."""
    shares = {"0": 0.45, "1": 0.4, "2": 0.12, "3": 0.03}
    if stage_group == "IV":
        shares = {"0": 0.22, "1": 0.43, "2": 0.23, "3": 0.12}
    return int(dice.weighted(shares))


def first_board(dice: Dice, given: PlanInput, advice: tuple[str, ...]) -> Board:
    """The board before treatment."""
    return Board(after(dice, given.day, 4, 13), given.board_at, "praeth", advice, dice.chance(0.03))


def operation(dice: Dice, day: date, hospital: str, ops: tuple[str, ...], tnm: Tnm) -> Operation:
    """An operation to cure, with the pathologist's classification."""
    residual = dice.weighted({"R0": 0.91, "R1": 0.06, "R2": 0.01, "RX": 0.02})
    complication = dice.weighted({"N": 0.86, "WSS": 0.05, "PMN": 0.05, "BSI": 0.02, "U": 0.02})
    pathological = Tnm(after(dice, day, 3, 6), "p", tnm.t, tnm.n, tnm.m, tnm.stage, tnm.edition)
    return Operation(day, hospital, "K", ops, residual, pathological, complication)


def systemic(dice: Dice, name: str, begin: date, hospital: str, intention: str, position: str) -> Systemic:
    """One therapy of the catalogue; about one of four is shorter than planned, one of ten stops for side
    effects.
    """
    regimen = REGIMENS[name]
    stopped = dice.chance(0.1)
    share = dice.whole(25, 80) / 100 if stopped else dice.whole(92, 108) / 100
    effect = (
        (dice.pick(SIDE_EFFECTS[regimen.kind]), dice.whole(3, 4)) if stopped or dice.chance(0.15) else None
    )
    return Systemic(
        begin,
        begin + timedelta(days=max(1, round(regimen.days * share))),
        hospital,
        intention,
        position,
        regimen.kind,
        regimen.protocol,
        regimen.substances,
        "A" if stopped else ("E" if intention == "K" else "W"),
        effect,
    )


def radiotherapy(
    dice: Dice,
    begin: date,
    hospital: str,
    target: str,
    side: str,
    total: float,
    single: float,
    *,
    intention: str = "K",
    position: str = "O",
    chemo: bool = False,
) -> Radiotherapy:
    """One series, five fractions a week."""
    fractions = round(total / single)
    end = weekday_from(begin + timedelta(days=round(fractions * 7 / 5) + dice.whole(0, 3)))
    return Radiotherapy(begin, end, hospital, intention, position, target, side, total, single, chemo)
