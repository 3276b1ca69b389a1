"""A decision that can be replayed: rule, version, citation, inputs, steps in words, result, outcome per
criterion.

Steps keep a key and values; words come from the rule's own document in the reader's language, so that no
rule lives in a template. Neighbours: `document` (words), `lung_screening` (writes receipts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction

# What a step may show: a number, a day or a word that the rule itself chose.
StepValue = int | Fraction | date | str


class Outcome(StrEnum):
    """Of one criterion."""

    MET = "met"
    FAILED = "failed"
    UNDECIDED = "undecided"


class Decision(StrEnum):
    """Of the whole rule."""

    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not-eligible"
    CANNOT_DECIDE = "cannot-decide"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the arithmetic: `key` names the sentence in the rule document, `values` fill it."""

    key: str
    values: Mapping[str, StepValue]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion with its citation, its arithmetic and, when undecided, what is missing (keys of the rule
    document).
    """

    id: str
    citation: str
    outcome: Outcome
    steps: tuple[Step, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was decided and why. `inputs` holds what the rule read, for replay; it is a patient value, never
    logged.
    """

    rule_id: str
    rule_version: str
    citation: str
    decided_on: date
    inputs: Mapping[str, object]
    criteria: tuple[Criterion, ...]
    notes: tuple[Step, ...] = ()

    @property
    def decision(self) -> Decision:
        """One failed criterion is enough to refuse, whatever else is missing; else one undecided is enough
        to ask.
        """
        outcomes = {criterion.outcome for criterion in self.criteria}
        if Outcome.FAILED in outcomes:
            return Decision.NOT_ELIGIBLE
        return Decision.CANNOT_DECIDE if Outcome.UNDECIDED in outcomes else Decision.ELIGIBLE

    @property
    def failed(self) -> tuple[Criterion, ...]:
        """The criteria that are not met; empty when none failed."""
        return tuple(criterion for criterion in self.criteria if criterion.outcome is Outcome.FAILED)

    @property
    def missing(self) -> tuple[str, ...]:
        """What must be known before the rule can decide, in the order of the criteria, each once."""
        return tuple(dict.fromkeys(key for criterion in self.criteria for key in criterion.missing))

    def criterion(self, criterion_id: str) -> Criterion:
        """The criterion of that id. Raises `KeyError` for an id that the rule does not have."""
        for criterion in self.criteria:
            if criterion.id == criterion_id:
                return criterion
        raise KeyError(criterion_id)
