"""The seam of search: what an engine must answer. `memory` is the reference, `postgres` the product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.errors import TooLarge
from mihub.site.search.question import Question
from mihub.site.store.protocol import Version


@dataclass(frozen=True, slots=True)
class Page:
    """`after` leads to the next page; None on the last. `total` counts matches, None when nobody asked."""

    matches: list[Version]
    included: list[Version]
    total: int | None
    after: tuple[object, ...] | None


# A page brings along at most so many resources: a page of a thousand patients could lead to all there is.
MOST_INCLUDED = 20_000


def too_many_included() -> TooLarge:
    """The refusal; leaving some out would hide them."""
    return TooLarge(
        f"The page would bring along more than {MOST_INCLUDED} other resources.",
        where="_include, _revinclude",
        rule="a page is read whole",
        next_step="Ask for fewer on a page (_count).",
    )


class Search(Protocol):
    """Synchronous. Nothing outside `within` is counted, listed, included, or reached through a chain."""

    def find(self, question: Question, access: Access, within: Restriction = EVERYTHING) -> Page:
        """One page. The access is audited, one line for each patient on the page, before this returns.

        Raises `TooLarge` when more than `MOST_INCLUDED` resources would come along.
        """
        ...

    def ids(self, question: Question, within: Restriction = EVERYTHING) -> list[str]:
        """Ids of all matches, for conditional writes and linkage; resources are not shown, so it is not
        audited.
        """
        ...
