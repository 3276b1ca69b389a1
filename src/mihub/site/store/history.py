"""What is asked of the history of a resource, a type or the whole record, and a page of the answer, newest first.

A page is cut by the position in the change log, which never changes: however much is written meanwhile, no version comes
twice and none is left out. Whoever may see the current version may see the old ones, but for those that were withheld.
Source: https://hl7.org/fhir/R4/http.html#history. Above: `site.api`. Below: both engines fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mihub.core.audit.entry import OutcomeCode
from mihub.core.policy.restriction import Restriction
from mihub.site.store.content import shown
from mihub.site.store.protocol import HistoryQuery, Note, Past

# At most so many versions older than a position (None: from the newest), newest first.
Fetch = Callable[[int | None, int], Sequence[Past]]


def filled(query: HistoryQuery, within: Restriction, fetch: Fetch) -> tuple[list[Past], int | None]:
    """The versions of a page and where the next one begins; withheld versions leave no gap in a page."""
    if query.count == 0:
        return [], None
    found: list[Past] = []
    before = query.before
    while len(found) <= query.count:
        fetched = fetch(before, query.count + 1)
        seen = set(map(id, shown([one.version for one in fetched], within)))
        found += [one for one in fetched if id(one.version) in seen]
        if len(fetched) <= query.count:
            break
        before = fetched[-1].version.position
    page = found[: query.count]
    return page, page[-1].version.position if len(found) > query.count else None


def notes_of_history(
    query: HistoryQuery, patients: Sequence[str], count: int, within: Restriction, *, there: bool
) -> list[Note]:
    """One line for each patient on the page."""
    allowed = there if query.resource_id else speaks(within, query.resource_type)
    outcome: OutcomeCode = "0" if allowed else "4"
    return [
        Note(
            "R" if query.resource_id else "E", query.interaction, query.resource_type, query.resource_id, patient,
            1 if query.resource_id else count, outcome, query.names,
        )
        for patient in sorted(patients) or [""]
    ]  # fmt: skip


def speaks(within: Restriction, resource_type: str) -> bool:
    """Does any rule speak for the type, or with "" for any type?"""
    return within.names(resource_type) if resource_type else bool(within.open_types or within.patient_types)
