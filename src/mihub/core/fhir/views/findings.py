"""What a run found that is no reason to stop: values that do not fit their column. Counted, never shown.

Findings of several processes are added up. Above: `running`, `site.views`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Mismatch:
    """So many values of a column were of another type and became null."""

    column: str
    declared: str
    found: str
    count: int

    def __str__(self) -> str:
        return f"Column {self.column}: {self.count} of type {self.found}, declared {self.declared}; kept as null."


@dataclass(slots=True)
class Findings:
    """Counts of one run. `resources` read and of the view's type; `excluded` by its `where`; `rows` given."""

    resources: int = 0
    excluded: int = 0
    rows: int = 0
    mismatches: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def add(self, other: Findings) -> None:
        """Take over the counts of a part of the same run."""
        self.resources += other.resources
        self.excluded += other.excluded
        self.rows += other.rows
        self.mismatches.update(other.mismatches)

    def unfit(self, column: str, declared: str, found: str, count: int = 1) -> None:
        """Values that became null."""
        self.mismatches[column, declared, found] += count

    def listed(self) -> list[Mismatch]:
        """All mismatches, by column."""
        found: Iterable[tuple[tuple[str, str, str], int]] = self.mismatches.items()
        return sorted(Mismatch(*key, count) for key, count in found)
