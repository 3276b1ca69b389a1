"""Where the refusals of one trial go: into the answer to who tried, not into the quarantine a second time.

Above: `apps` (retry). Below: `protocol`.
"""

from __future__ import annotations

from collections.abc import Sequence

from mihub.site.quarantine.protocol import Refused, Trouble
from mihub.site.validate.finding import Finding


class Collected:
    """Keeps the reasons in memory."""

    def __init__(self) -> None:
        self._refused: list[Refused] = []

    def keep(self, items: Sequence[Refused]) -> list[int]:
        """Remember them."""
        self._refused += items
        return [0] * len(items)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of all of them."""
        return tuple(found for one in self._refused for found in one.findings)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """The other reasons of all of them."""
        return tuple(trouble for one in self._refused for trouble in one.troubles)
