"""The seam to the record: select versions in one state of it, then read them, however long that takes.

`postgres` is the engine. Never selects what the restriction does not allow. Above: `writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import Restriction
from mihub.site.export.made import Listed
from mihub.site.export.wish import Wish
from mihub.site.search.question import Condition

# A type's filters, each with conditions that all must hold; one filter that holds is enough.
Filters = dict[str, list[tuple[Condition, ...]]]


@dataclass(frozen=True, slots=True)
class Selected:
    """`time` and `position` of the state; every later change has a later time. `deleted`: type and id, since `Wish.since`."""

    time: str
    position: int
    listed: list[Listed]
    deleted: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Row:
    """One listed version."""

    number: int
    version_id: int
    size_bytes: int


class Record(Protocol):
    """Errors are those of `mihub.errors`."""

    def select(
        self,
        wish: Wish,
        filters: Filters,
        access: Access,
        within: Restriction,
        folder: Path,
        step: Callable[[], None],
    ) -> Selected:
        """Write the lists into `folder` and note every patient concerned before this returns."""
        ...

    def rows(self, folder: Path, listed: Listed, first: int, most: int) -> list[Row]:
        """Some rows of a list."""
        ...

    def lines(self, resource_type: str, rows: Sequence[Row]) -> tuple[bytes, int]:
        """The stored bodies of these rows, a line feed after each, and how many there are: erased ones are left out."""
        ...
