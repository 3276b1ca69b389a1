"""The gate: an exact cohort goes in; a shown count, "fewer than k", or a refusal comes out.

Refused is every other question whose people differ from a released cohort by fewer than k, also by none: were
equal sets answered, the refusal itself would tell. The same question about the same people is answered again.
What remains: a combination of many counts whose cohorts differ widely; rounding and noise blunt it. Source:
trust.md §2.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mihub.core.disclosure.cells import CellRule, SuppressedCount, suppress
from mihub.core.disclosure.ledger import Ledger, Release
from mihub.core.disclosure.noise import keyed_noise, person_tag, set_hash

# The one word for every refusal.
NOT_RELEASED: Final = "not-released"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing leaves; `shown` is the same for every cause."""

    shown: str = "–"
    reason: str = NOT_RELEASED


@dataclass(frozen=True, slots=True)
class Gate:
    """`epsilon` None means no noise. The secret is the site's own."""

    ledger: Ledger
    secret: bytes
    epsilon: float | None = None

    def release(
        self, patients: Iterable[str], *, project: str, query: str, rule: CellRule
    ) -> SuppressedCount | Refused:
        """Decide and remember. `query` is the hash of the canonical question."""
        people = frozenset(person_tag(self.secret, patient) for patient in patients)
        released = self.ledger.released(project)
        if any(_too_close(people, query, earlier, rule.min_cell) for earlier in released):
            return Refused()
        noise = (
            0 if self.epsilon is None else keyed_noise(self.secret, set_hash(people), epsilon=self.epsilon)
        )
        shown = suppress(len(people), rule, noise=noise)
        said_before = any(earlier.query == query and earlier.people == people for earlier in released)
        if shown.value is not None and not said_before:
            self.ledger.record(project, Release(query, people, shown.value))
        return shown


def _too_close(people: frozenset[int], query: str, earlier: Release, min_cell: int) -> bool:
    if abs(len(people) - len(earlier.people)) >= min_cell:
        return False
    if people == earlier.people:
        return query != earlier.query
    return len(people ^ earlier.people) < min_cell
