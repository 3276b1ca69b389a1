"""What a running expression sees: the current item, variables, the clock, and how far and how long it may run.

One scope lives for one evaluation and changes in place; the compiler restores what an inner expression
changed. Above: `compiler` and the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any, Final

from mihub.core.fhir.fhirpath.elements import Element, Items
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.types import Model

# Variables that every expression has, beside %context, %resource and %rootResource.
CONSTANTS: Final[Mapping[str, Items]] = {
    "sct": ["http://snomed.info/sct"], "loinc": ["http://loinc.org"], "ucum": ["http://unitsofmeasure.org"],
}  # fmt: skip
# Below so many items or characters the work of a step is not worth counting.
SMALL: Final = 32
SMALL_TEXT: Final = 1_024
# The clock is read so often, and for the first time when so much is spent: small evaluations never read it.
_STEPS_BETWEEN_READINGS: Final = 10_000

Trace = Callable[[str, Items], None]
Resolve = Callable[[str], Mapping[str, Any] | None]
MemberOf = Callable[[Any, str], bool | None]
ConformsTo = Callable[[Any, str], bool | None]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What an expression may ask of the outside; None refuses or answers by the packaged types alone."""

    resolve: Resolve | None = None
    member_of: MemberOf | None = None
    conforms_to: ConformsTo | None = None
    trace: Trace | None = None


NO_HOOKS: Final = Hooks()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one evaluation may do.

    A step is an item visited, compared or made, or a stretch of a long text. `seconds` counts from the first ten
    thousand steps on; `pattern_seconds` is for all regular expressions of the evaluation together.
    """

    steps: int = 1_000_000
    seconds: float = 10.0
    pattern_seconds: float = 1.0


DEFAULT_LIMITS: Final = Limits()


@dataclass(slots=True)
class Meter:
    """Counts the steps of several evaluations, for a caller who bounds them together."""

    steps: int = 0


@dataclass(slots=True)
class _Watch:
    """The clock of one evaluation."""

    pattern_seconds: float
    deadline: float | None = None


class Scope:
    """`this` holds no or one item inside a lambda; `variables` is replaced, never changed in place."""

    __slots__ = (
        "_next_reading", "_watch", "hooks", "index", "limits", "model", "now", "root", "steps_left", "this", "total",
        "variables",
    )  # fmt: skip

    def __init__(
        self,
        model: Model,
        root: Element,
        variables: dict[str, Items],
        hooks: Hooks,
        now: datetime | None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.model = model
        self.root = root
        self.this: Items = [root]
        self.variables = variables
        self.hooks = hooks
        self.now = now
        self.index = 0
        self.total: Items = []
        self.limits = limits
        self.steps_left = limits.steps
        self._next_reading = limits.steps - _STEPS_BETWEEN_READINGS
        self._watch: _Watch | None = None

    def spend(self, steps: int) -> None:
        """Count work; refuses an expression that does not come to an end, or not in time."""
        self.steps_left -= steps
        if self.steps_left < self._next_reading:
            self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        if self.steps_left < 0:
            raise FhirPathError(
                f"The expression needs more than {self.limits.steps} steps on this resource.",
                next_step="Narrow the expression.",
            )
        self._next_reading = max(0, self.steps_left - _STEPS_BETWEEN_READINGS)
        watch = self._watched()
        if watch.deadline is None:
            watch.deadline = monotonic() + self.limits.seconds
        elif monotonic() > watch.deadline:
            raise FhirPathError(
                f"The expression needs longer than {self.limits.seconds:g} s on this resource.",
                next_step="Narrow the expression.",
            )

    def patience(self) -> float:
        """The seconds that regular expressions may still take. Raises when they are used up."""
        left = self._watched().pattern_seconds
        if left <= 0:
            raise self.too_slow()
        return left

    def waited(self, seconds: float) -> None:
        """Count the time of a regular expression."""
        self._watched().pattern_seconds -= seconds

    def _watched(self) -> _Watch:
        # Made when it is needed: most evaluations need none.
        if self._watch is None:
            self._watch = _Watch(min(self.limits.pattern_seconds, self.limits.seconds))
        return self._watch

    def too_slow(self) -> FhirPathError:
        """The refusal of a regular expression that does not end."""
        return FhirPathError(
            "The regular expressions need longer than "
            f"{min(self.limits.pattern_seconds, self.limits.seconds):g} s on this resource.",
            next_step="Avoid repetitions inside repetitions.",
        )


Run = Callable[[Scope], Items]


def each(scope: Scope, items: Items, run: Run) -> list[Items]:
    """Run an inner expression for every item, `$this` and `$index` set; scope as before afterwards."""
    scope.spend(len(items))
    this, index, variables = scope.this, scope.index, scope.variables
    results: list[Items] = []
    for scope.index, item in enumerate(items):
        scope.this = [item]
        results.append(run(scope))
        scope.variables = variables
    scope.this, scope.index = this, index
    return results
