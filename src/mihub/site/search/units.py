"""Amounts in base units, so that 7.25 g/dL and 72.5 g/L are one amount: the same for what is stored and what is asked.

Only units on a ratio or a temperature scale: on a logarithmic one "greater" may turn round. Above: `extract`, `values`.
Below: `core.fhir.ucum`.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Final

from mihub.core.fhir import ucum
from mihub.core.fhir.ucum import UcumError, Unit
from mihub.core.fhir.ucum.conversion import in_base

UCUM: Final = ucum.SYSTEM
_TEMPERATURES: Final = frozenset({"", "Cel", "degF", "degRe"})


@lru_cache(maxsize=4096)
def _unit(code: str) -> tuple[Unit, str] | None:
    try:
        unit = ucum.parse(code)
    except UcumError:
        return None
    if not unit.computable or unit.function not in _TEMPERATURES:
        return None
    return unit, ucum.base_code(unit.dimensions)


def in_base_units(number: float | int | Decimal, code: str) -> tuple[float, str] | None:
    """The amount and the code of its base units; None for a code that is none, or that has no such scale.

    Worked out exactly before it becomes a double, so that equal amounts stay equal in whatever unit they were written.
    """
    known = _unit(code)
    if known is None:
        return None
    unit, base = known
    try:
        return float(in_base(Decimal(str(number)), unit)), base
    except (UcumError, OverflowError):
        return None
