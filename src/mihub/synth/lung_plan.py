"""Lung cancer as planned on the day of diagnosis: histology, stage, molecular findings, first treatment.

Examples of what a record contains, never advice. Rates: data/parameters.json `lung`. Above: `tumours`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from mihub.synth import content, stages
from mihub.synth.dice import Dice
from mihub.synth.events import Board, Diagnosis, Event, Variant
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
from mihub.synth.stages import Tnm

_TEXT = {
    "8140/3": "Adenokarzinom der Lunge",
    "8070/3": "Plattenepithelkarzinom der Lunge",
    "8012/3": "Großzelliges Karzinom der Lunge",
    "8041/3": "Kleinzelliges Karzinom der Lunge",
}
_LOBES = {"C34.1": 0.55, "C34.3": 0.3, "C34.2": 0.05, "C34.0": 0.05, "C34.9": 0.05}
_METASTASES = ("BRA", "OSS", "HEP", "ADR", "PUL", "PLE")
_GENES = ("EGFR", "ALK", "ROS1", "KRAS", "BRAF")
_DETAIL = {"EGFR": ("L858R", "Exon-19-Deletion"), "KRAS": ("G12C", "G12D", "G12V"), "BRAF": ("V600E",)}
_CURATIVE_GROUPS = ("I", "II", "III")


def plan_lung(dice: Dice, given: PlanInput) -> Plan:
    """One lung cancer with its first treatment."""
    screened = dice.chance(content.parameters()["lung"]["screen_detected"]) and _could_be_screened(given)
    small_cell = not dice.chance(content.parameters()["lung"]["nsclc"])
    extent = dice.weighted(content.rates("lung", "sclc_extent")) if small_cell else None
    tnm = _tnm(dice, given.day, extent, screened)
    diagnosis = _diagnosis(dice, given, tnm, small_cell)
    if extent:
        events, curative = _small_cell_treatment(dice, given, diagnosis, extent), extent != "ED"
    else:
        events, curative = _treatment(dice, given, diagnosis)
    return Plan(
        "lung",
        diagnosis,
        tuple(events),
        curative,
        given.home,
        given.board_at,
        "topotecan" if small_cell else "docetaxel",
        _METASTASES,
        extent,
        screened,
    )


def _could_be_screened(given: PlanInput) -> bool:
    """The benefit began on 2026-04-01; referral and scan lie five weeks before the diagnosis. The law's
    ages.
    """
    return given.day >= date(2026, 5, 10) and 50 <= given.age < 76


def _tnm(dice: Dice, day: date, extent: str | None, screened: bool) -> Tnm:
    if extent:
        return stages.small_cell(dice, extent, day)
    table = "screen_detected_stage" if screened else "nsclc_stage"
    return stages.draw(dice, "lung", dice.weighted(content.rates("lung", table)), day)


def _diagnosis(dice: Dice, given: PlanInput, tnm: Tnm, small_cell: bool) -> Diagnosis:
    morphology = "8041/3" if small_cell else dice.weighted(content.rates("lung", "histology"))
    icd = dice.weighted(_LOBES)
    side = "R" if icd == "C34.2" or dice.chance(0.57) else "L"
    spread = {"1a": 1, "1b": 1, "1c": 2}.get(tnm.m, 0)
    sites = ("PLE", "PUL") if tnm.m == "1a" else _METASTASES[:4]
    return Diagnosis(
        given.day,
        given.board_at if dice.chance(0.35) else given.home,
        icd,
        icd,
        morphology,
        _TEXT[morphology],
        side,
        "4" if small_cell else dice.pick("223"),
        given.day,
        _TEXT[morphology],
        tnm,
        ecog(dice, stages.group(tnm.stage)),
        tuple(dice.some(sites, spread)),
        () if small_cell else _variants(dice, tnm, morphology),
    )


def _variants(dice: Dice, tnm: Tnm, morphology: str) -> tuple[Variant, ...]:
    """Drivers exclude each other; a third of the advanced cases was never tested."""
    advanced = stages.group(tnm.stage) == "IV"
    if not dice.chance(content.rates("lung", "tested")["IV" if advanced else "I-III"]):
        return ()
    driver = dice.weighted(content.rates("lung", "driver"))
    found = [
        Variant(
            gene,
            "M" if gene == driver else "W",
            dice.pick(_DETAIL[gene]) if gene == driver and gene in _DETAIL else "",
        )
        for gene in _GENES
    ]
    pd_l1 = dice.weighted(content.rates("lung", "pd_l1"))
    return (
        *found,
        Variant("PD-L1", "U" if pd_l1 == "unknown" else "S", f"TPS {pd_l1} %" if pd_l1 != "unknown" else ""),
    )


def driver_of(diagnosis: Diagnosis) -> str:
    """The mutated gene, or an empty text."""
    return next((variant.gene for variant in diagnosis.variants if variant.result == "M"), "")


def _treatment(dice: Dice, given: PlanInput, diagnosis: Diagnosis) -> tuple[list[Event], bool]:
    group = stages.group(diagnosis.tnm.stage)
    if group == "IV":
        return _palliative(dice, given, diagnosis), False
    if diagnosis.ecog >= 3:
        return [first_board(dice, given, ("KW",))], False
    if group in ("I", "II") or (diagnosis.tnm.stage == "IIIA" and dice.chance(0.45)):
        return _resection(dice, given, diagnosis, group), True
    return _chemoradiation(dice, given, diagnosis), True


def _resection(dice: Dice, given: PlanInput, diagnosis: Diagnosis, group: str) -> list[Event]:
    """Operation near home, or stereotactic radiotherapy; adjuvant therapy from stage II."""
    if group == "I" and dice.chance(0.22):
        board = first_board(dice, given, ("ST",))
        return [
            board,
            radiotherapy(dice, after(dice, board.day, 12, 24), given.board_at, "3.4", diagnosis.side, 54, 18),
        ]
    board = first_board(dice, given, ("OP",))
    ops = ("5-323", "5-404") if diagnosis.tnm.t in ("1a", "1b") and dice.chance(0.3) else ("5-324", "5-404")
    surgery = operation(dice, after(dice, board.day, 9, 25), given.home, ops, diagnosis.tnm)
    adjuvant = group != "I" and dice.chance(0.7)
    name = "osimertinib-adjuvant" if driver_of(diagnosis) == "EGFR" else "adjuvant"
    second = Board(
        after(dice, surgery.day, 8, 15), given.board_at, "postop", ("ZS" if "osi" in name else "CH",)
    )
    if not adjuvant:
        return [board, surgery, replace(second, advice=("KW",))]
    return [
        board,
        surgery,
        second,
        systemic(dice, name, after(dice, second.day, 14, 30), given.home, "K", "A"),
    ]


def _chemoradiation(dice: Dice, given: PlanInput, diagnosis: Diagnosis) -> list[Event]:
    board = first_board(dice, given, ("CH", "ST"))
    begin = after(dice, board.day, 10, 24)
    chemo = systemic(dice, "radiosensitiser", begin, given.home, "K", "O")
    beams = radiotherapy(dice, begin, given.board_at, "3.4", diagnosis.side, 60, 2, chemo=True)
    if not dice.chance(0.7):
        return [board, chemo, beams]
    latest = max(day for day in (chemo.end, beams.end) if day)
    return [
        board,
        chemo,
        beams,
        systemic(dice, "durvalumab", after(dice, latest, 14, 40), given.home, "K", "O"),
    ]


def _palliative(dice: Dice, given: PlanInput, diagnosis: Diagnosis) -> list[Event]:
    if diagnosis.ecog >= 3 and not driver_of(diagnosis):
        return [first_board(dice, given, ("KW",))]
    name = _palliative_regimen(dice, diagnosis)
    line = systemic(dice, name, given.day, given.home, "P", "O")
    board = first_board(dice, given, (line.kind,))
    begin = after(dice, board.day, 8, 22)
    length = (line.end or line.begin) - line.begin
    events: list[Event] = [board, replace(line, begin=begin, end=begin + length)]
    if "BRA" in diagnosis.metastases:
        events.append(
            radiotherapy(
                dice, after(dice, board.day, 5, 15), given.board_at, "1.1", "T", 30, 3, intention="P"
            )
        )
    return events


def _palliative_regimen(dice: Dice, diagnosis: Diagnosis) -> str:
    driver = driver_of(diagnosis)
    if driver in ("EGFR", "ALK", "ROS1", "BRAF"):
        return driver
    if any(
        variant.gene == "PD-L1" and ">=50" in variant.detail for variant in diagnosis.variants
    ) and dice.chance(0.7):
        return "pembrolizumab"
    return "platinum-paclitaxel" if diagnosis.morphology == "8070/3" else "platinum-pemetrexed"


def _small_cell_treatment(dice: Dice, given: PlanInput, diagnosis: Diagnosis, extent: str) -> list[Event]:
    if extent == "ED":
        board = first_board(dice, given, ("CI",))
        return [board, systemic(dice, "sclc-extensive", after(dice, board.day, 4, 10), given.home, "P", "O")]
    if extent == "VLD":
        board = first_board(dice, given, ("OP", "CH"))
        surgery = operation(
            dice, after(dice, board.day, 8, 16), given.home, ("5-324", "5-404"), diagnosis.tnm
        )
        return [
            board,
            surgery,
            systemic(dice, "sclc-limited", after(dice, surgery.day, 25, 40), given.home, "K", "A"),
        ]
    board = first_board(dice, given, ("CH", "ST"))
    chemo = systemic(dice, "sclc-limited", after(dice, board.day, 4, 10), given.home, "K", "O")
    beams = radiotherapy(
        dice, after(dice, chemo.begin, 18, 28), given.board_at, "3.4", diagnosis.side, 45, 1.5, chemo=True
    )
    events: list[Event] = [board, chemo, beams]
    if dice.chance(0.6):
        latest = max(day for day in (chemo.end, beams.end) if day)
        begin = after(dice, latest, 21, 35)
        events.append(radiotherapy(dice, begin + timedelta(days=0), given.board_at, "1.1", "T", 25, 2.5))
    return events
