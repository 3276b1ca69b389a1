"""What can be wrong with a unit. Messages give the place and UCUM's own symbols, never the text that was refused."""

from __future__ import annotations

from typing import Final

from mihub.errors import InvalidInput

SPECIFICATION: Final = "UCUM 2.2 (https://ucum.org/ucum)"


class UcumError(InvalidInput):
    """The code is no UCUM unit, or the two units do not measure the same. `position` counts from 0; None for neither."""

    def __init__(self, what: str, position: int | None = None, *, next_step: str = "") -> None:
        where = "" if position is None else f"unit, character {position + 1}"
        super().__init__(what, where=where, rule=SPECIFICATION, next_step=next_step)
        self.position = position
