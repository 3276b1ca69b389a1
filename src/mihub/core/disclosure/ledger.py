"""The seam of the overlap ledger: which cohorts a project has already been told about.

`MemoryLedger` is the reference. A cohort is a
set of keyed tags, never of patient ids. An answer may leave only after `record` returned.
Above: `gate`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Release:
    """One count that left: the question's hash, the people behind it, and what was said."""

    query: str
    people: frozenset[int]
    value: int


class Ledger(Protocol):
    """One site's memory of what left, by project."""

    def released(self, project: str) -> Sequence[Release]:
        """Everything that left for this project, oldest first. Raises when the memory can not be trusted."""
        ...

    def record(self, project: str, release: Release) -> None:
        """Remember a release; durable when it returns."""
        ...


class MemoryLedger:
    """Forgets everything at the end of the process: for tests."""

    def __init__(self) -> None:
        self._releases: dict[str, list[Release]] = defaultdict(list)

    def released(self, project: str) -> Sequence[Release]:
        """See `Ledger.released`."""
        return tuple(self._releases[project])

    def record(self, project: str, release: Release) -> None:
        """See `Ledger.record`."""
        self._releases[project].append(release)
