"""What a running expression sees: the current item, variables, the clock, and how far it may run.

One scope lives for one evaluation and changes in place; the compiler restores what an inner expression
changed. Above: `compiler` and the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from mihub.core.fhir.fhirpath.elements import Element, Items
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.types import Model

MAX_STEPS: Final = 1_000_000

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


class Scope:
    """`this` holds no or one item inside a lambda; `variables` is replaced, never changed in place."""

    __slots__ = ("hooks", "index", "model", "now", "root", "steps_left", "this", "total", "variables")

    def __init__(
        self, model: Model, root: Element, variables: dict[str, Items], hooks: Hooks, now: datetime | None
    ) -> None:
        self.model = model
        self.root = root
        self.this: Items = [root]
        self.variables = variables
        self.hooks = hooks
        self.now = now
        self.index = 0
        self.total: Items = []
        self.steps_left = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Count work; refuses an expression that does not come to an end."""
        self.steps_left -= steps
        if self.steps_left < 0:
            raise FhirPathError(
                f"The expression needs more than {MAX_STEPS} steps on this resource.",
                next_step="Narrow the expression.",
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
