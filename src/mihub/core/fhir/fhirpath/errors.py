"""What a FHIRPath expression can do wrong, with the place in the expression.

Messages name operators, functions and types, never a value of the resource. Above: every file of this room.
"""

from __future__ import annotations

from mihub.errors import InvalidInput

SPECIFICATION = "FHIRPath 2.0.0 (https://hl7.org/fhirpath/)"


class FhirPathError(InvalidInput):
    """The expression cannot be read, or cannot be evaluated on this input.

    `position` counts characters from 0; None until the operator or function that failed is known.
    """

    def __init__(self, what: str, position: int | None = None, *, next_step: str = "") -> None:
        where = "" if position is None else f"expression, character {position + 1}"
        super().__init__(
            what, where=where, rule=SPECIFICATION, next_step=next_step or "Correct the expression."
        )
        self.position = position

    def at(self, position: int) -> FhirPathError:
        """The same error with its place; a place that is known already stays."""
        return self if self.position is not None else FhirPathError(self.what, position)
