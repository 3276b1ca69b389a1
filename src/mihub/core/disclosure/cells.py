"""A count that may be shown: at least k people, or only that there are fewer.

The one way from an exact count to a shown one; zero is shown like every small number. Rounding is off by
default, because the overlap ledger guards single counts; a project may ask for multiples of 10, which also
blunts combinations of many counts (trust.md §2.4). Source: threshold rules of the MII feasibility network.
Above: `gate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mihub.errors import ConfigurationError

DEFAULT_MIN_CELL: Final = 10
# No project may go below this.
LEAST_MIN_CELL: Final = 5


@dataclass(frozen=True, slots=True)
class CellRule:
    """`min_cell` people at least; shown in multiples of `rounding` (1: exact)."""

    min_cell: int = DEFAULT_MIN_CELL
    rounding: int = 1

    def __post_init__(self) -> None:
        if self.min_cell < LEAST_MIN_CELL or self.rounding < 1:
            raise ConfigurationError(
                "The smallest count that may be shown, or its rounding, is too small.",
                rule=f"at least {LEAST_MIN_CELL} people, multiples of 1 or more",
                next_step="Correct the project's or the site's disclosure rule.",
            )


@dataclass(frozen=True, slots=True)
class SuppressedCount:
    """What may leave. `value` is None when there are fewer than k; `shown` is what a person reads."""

    value: int | None
    shown: str
    suppressed: bool
    min_cell: int
    rounding: int


def suppress(count: int, rule: CellRule, *, noise: int = 0) -> SuppressedCount:
    """The shown form of an exact count; `noise` is added before rounding and never brings it below k."""
    if count < rule.min_cell:
        return SuppressedCount(None, f"<{rule.min_cell}", True, rule.min_cell, rule.rounding)
    value = max(_rounded(count + noise, rule.rounding), rule.min_cell)
    return SuppressedCount(value, str(value), False, rule.min_cell, rule.rounding)


def _rounded(value: int, step: int) -> int:
    return (value + step // 2) // step * step
