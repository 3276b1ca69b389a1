"""The seam of search: what an engine must answer. `memory` is the reference, `postgres` the product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.site.search.question import Question
from mihub.site.store.protocol import Version


@dataclass(frozen=True, slots=True)
class Page:
    """`after` leads to the next page; None on the last. `total` counts matches, None when nobody asked."""

    matches: list[Version]
    included: list[Version]
    total: int | None
    after: tuple[object, ...] | None


class Search(Protocol):
    """Synchronous. Nothing outside `within` is counted, listed, included, or reached through a chain."""

    def find(self, question: Question, access: Access, within: Restriction = EVERYTHING) -> Page:
        """One page. The access is audited, one line for each patient on the page, before this returns."""
        ...

    def ids(self, question: Question, within: Restriction = EVERYTHING) -> list[str]:
        """Ids of all matches, for conditional writes and linkage; resources are not shown, so it is not
        audited.
        """
        ...
