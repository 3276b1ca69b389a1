"""Tumour stages: cells of the TNM tables, and the cell that a drawn stage stands for.

Lung: UICC/AJCC 8th edition (domain rule 5.7); 9th edition only for the story person, both kept, never
converted. Colorectal and breast: 8th edition, the anatomic cells used here. Source of rates:
data/parameters.json.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mihub.synth.dice import Dice


@dataclass(frozen=True, slots=True)
class Tnm:
    """One classification with its edition. `prefix` is c or p; stage as UICC writes it."""

    day: date
    prefix: str
    t: str
    n: str
    m: str
    stage: str
    edition: str = "8"


_LUNG_CELLS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "IA1": (("1a", "0", "0"),),
    "IA2": (("1b", "0", "0"),),
    "IA3": (("1c", "0", "0"),),
    "IB": (("2a", "0", "0"),),
    "IIA": (("2b", "0", "0"),),
    "IIB": (("1c", "1", "0"), ("2a", "1", "0"), ("3", "0", "0")),
    "IIIA": (("1c", "2", "0"), ("2b", "2", "0"), ("3", "1", "0"), ("4", "0", "0")),
    "IIIB": (("3", "2", "0"), ("4", "2", "0"), ("2a", "3", "0")),
    "IIIC": (("4", "3", "0"), ("3", "3", "0")),
    "IVA": (("2a", "2", "1a"), ("3", "2", "1b"), ("4", "2", "1a"), ("2b", "3", "1b")),
    "IVB": (("3", "3", "1c"), ("4", "2", "1c"), ("2b", "2", "1c")),
}
_COLORECTAL_CELLS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "I": (("1", "0", "0"), ("2", "0", "0")),
    "IIA": (("3", "0", "0"),),
    "IIIB": (("3", "1a", "0"), ("4a", "1b", "0"), ("3", "2a", "0")),
    "IVA": (("3", "1b", "1a"), ("4a", "2a", "1a")),
}
_BREAST_CELLS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "IA": (("1b", "0", "0"), ("1c", "0", "0")),
    "IIA": (("2", "0", "0"), ("1c", "1", "0")),
    "IIIA": (("3", "1", "0"), ("2", "2", "0")),
    "IV": (("2", "1", "1"), ("4b", "2", "1")),
}
CELLS = {"lung": _LUNG_CELLS, "colorectal": _COLORECTAL_CELLS, "breast": _BREAST_CELLS}
_SCLC_STAGE = {"VLD": ("IA2", "IB"), "LD": ("IIIA", "IIIB"), "ED": ("IVA", "IVB")}


def group(stage: str) -> str:
    """The coarse stage: I, II, III or IV."""
    for coarse in ("IV", "III", "II", "I"):
        if stage.startswith(coarse):
            return coarse
    return stage


def draw(dice: Dice, entity: str, stage: str, day: date, prefix: str = "c") -> Tnm:
    """A classification of that stage."""
    t, n, m = dice.pick(CELLS[entity][stage])
    return Tnm(day, prefix, t, n, m, stage)


def small_cell(dice: Dice, extent: str, day: date) -> Tnm:
    """A classification that fits very limited, limited or extensive disease."""
    return draw(dice, "lung", dice.pick(_SCLC_STAGE[extent]), day)
