"""Colorectal and breast cancer as planned on the day of diagnosis.

Shorter than lung: they are there so that cohorts, counts and due lists meet other tumours. Above: `tumours`.
"""

from __future__ import annotations

from mihub.synth import content, stages
from mihub.synth.dice import Dice
from mihub.synth.events import Board, Diagnosis, Event
from mihub.synth.planning import (
    Plan,
    PlanInput,
    after,
    ecog,
    first_board,
    operation,
    radiotherapy,
    systemic,
)

_COLON = {"C18.0": 0.16, "C18.2": 0.16, "C18.4": 0.1, "C18.7": 0.24, "C19": 0.06, "C20": 0.28}
_BREAST = {"C50.4": 0.5, "C50.2": 0.14, "C50.1": 0.1, "C50.5": 0.1, "C50.9": 0.16}


def plan_colorectal(dice: Dice, given: PlanInput) -> Plan:
    """One colorectal cancer with its first treatment."""
    tnm = stages.draw(dice, "colorectal", dice.weighted(content.rates("colorectal", "stage")), given.day)
    icd = dice.weighted(_COLON)
    rectum = icd == "C20"
    text = "Adenokarzinom des Rektums" if rectum else "Adenokarzinom des Kolons"
    group = stages.group(tnm.stage)
    diagnosis = Diagnosis(
        given.day,
        given.home,
        icd,
        f"{icd}.9" if "." not in icd else icd,
        "8140/3",
        text,
        "T",
        dice.pick("223"),
        given.day,
        text,
        tnm,
        ecog(dice, group),
        ("HEP",) if group == "IV" else (),
    )
    events = (
        _colorectal_palliative(dice, given)
        if group == "IV"
        else _colorectal_curative(dice, given, diagnosis, rectum, group)
    )
    return Plan(
        "colorectal",
        diagnosis,
        tuple(events),
        group != "IV",
        given.home,
        given.board_at,
        "folfox-bevacizumab",
        ("HEP", "PUL", "PER"),
    )


def _colorectal_palliative(dice: Dice, given: PlanInput) -> list[Event]:
    board = first_board(dice, given, ("CI",))
    return [board, systemic(dice, "folfox-bevacizumab", after(dice, board.day, 8, 20), given.home, "P", "O")]


def _colorectal_curative(
    dice: Dice, given: PlanInput, diagnosis: Diagnosis, rectum: bool, group: str
) -> list[Event]:
    events: list[Event] = []
    board = first_board(dice, given, ("ST", "CH") if rectum and group == "III" else ("OP",))
    day = after(dice, board.day, 8, 20)
    if rectum and group == "III":
        beams = radiotherapy(dice, day, given.home, "5.1", "T", 50.4, 1.8, position="N", chemo=True)
        events += [beams, systemic(dice, "capecitabine", day, given.home, "K", "N")]
        day = after(dice, beams.end or day, 45, 60)
    surgery = operation(dice, day, given.home, ("5-484",) if rectum else ("5-455",), diagnosis.tnm)
    events.append(surgery)
    second = Board(
        after(dice, surgery.day, 8, 14), given.board_at, "postop", ("CH",) if group == "III" else ("KW",)
    )
    events.append(second)
    if group == "III" and not rectum:
        events.append(systemic(dice, "folfox", after(dice, second.day, 18, 32), given.home, "K", "A"))
    return [board, *events]


def plan_breast(dice: Dice, given: PlanInput) -> Plan:
    """One breast cancer with its first treatment."""
    tnm = stages.draw(dice, "breast", dice.weighted(content.rates("breast", "stage")), given.day)
    icd, side, group = dice.weighted(_BREAST), dice.pick("LR"), stages.group(tnm.stage)
    text = "Invasives Mammakarzinom (NST)"
    diagnosis = Diagnosis(
        given.day,
        given.home,
        icd,
        icd,
        "8500/3",
        text,
        side,
        dice.pick("1223"),
        given.day,
        text,
        tnm,
        ecog(dice, group),
        tuple(dice.some(("OSS", "HEP", "PUL"), 1)) if group == "IV" else (),
    )
    hormone = "tamoxifen" if given.sex == "male" or dice.chance(0.25) else "letrozole"
    if group == "IV":
        board = first_board(dice, given, ("HO",))
        events: list[Event] = [
            board,
            systemic(dice, hormone, after(dice, board.day, 5, 15), given.home, "P", "O"),
        ]
    else:
        events = _breast_curative(dice, given, diagnosis, group)
    return Plan(
        "breast",
        diagnosis,
        tuple(events),
        group != "IV",
        given.home,
        given.board_at,
        "ec-paclitaxel",
        ("OSS", "HEP", "PUL"),
    )


def _breast_curative(dice: Dice, given: PlanInput, diagnosis: Diagnosis, group: str) -> list[Event]:
    conserving = group != "III" or dice.chance(0.3)
    board = first_board(dice, given, ("OP", "ST") if conserving else ("OP", "CH"))
    surgery = operation(
        dice,
        after(dice, board.day, 8, 22),
        given.home,
        ("5-870", "5-401") if conserving else ("5-872", "5-402"),
        diagnosis.tnm,
    )
    second = Board(
        after(dice, surgery.day, 7, 13), given.board_at, "postop", ("CH",) if group != "I" else ("ST",)
    )
    events: list[Event] = [board, surgery, second]
    latest = second.day
    if group != "I":
        chemo = systemic(dice, "ec-paclitaxel", after(dice, latest, 12, 24), given.home, "K", "A")
        events.append(chemo)
        latest = chemo.end or latest
    if conserving:
        beams = radiotherapy(
            dice, after(dice, latest, 18, 35), given.home, "3.1", diagnosis.side, 40.05, 2.67, position="A"
        )
        events.append(beams)
    return events
