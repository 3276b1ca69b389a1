"""What all Consents of one person permit together: deny overrides, unknown means no.

For a count: every required code must hold today, and a fact's days must lie in the collection period (code 6)
or, with the retrospective module in the same Consent, before it. Adding a deny never widens anything. Source:
MII broad consent; TORCH's published rules for the retrospective codes. Above: `site.consent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from mihub.core.consent.periods import Periods
from mihub.core.consent.policy import PolicyCatalogue, PolicyCode
from mihub.core.consent.provisions import Ignored, Statement, statements
from mihub.core.fhir import Resource

# "Retrospective" has no beginning; peers use this day.
FIRST_DAY: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class PermittedPeriods:
    """The days on which one code is permitted, and the permits and denies that made it so."""

    code: PolicyCode
    days: Periods
    reasons: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """May this person be counted today, and facts of which days. `because` says why not."""

    permitted: bool
    windows: Periods
    because: str
    periods: tuple[PermittedPeriods, ...]
    ignored: tuple[Ignored, ...]


def rule(
    consents: Iterable[Resource], required: frozenset[PolicyCode], catalogue: PolicyCatalogue, today: date
) -> Ruling:
    """The decision over all Consents of one person; codes that every count needs are added to `required`."""
    stated = [one for consent in consents for one in statements(consent, catalogue)]
    return decide(stated, required, catalogue, today)


def decide(
    stated: Sequence[Statement | Ignored],
    required: frozenset[PolicyCode],
    catalogue: PolicyCatalogue,
    today: date,
) -> Ruling:
    """As `rule`, over everything that the person's Consents state."""
    spoken = [one for one in stated if isinstance(one, Statement)]
    ignored = tuple(one for one in stated if isinstance(one, Ignored))
    needed = sorted(required | {catalogue.use, catalogue.collect}, key=int)
    periods = tuple(permitted(code, spoken) for code in needed)
    today_needed = [one for one in periods if one.code != catalogue.collect]
    missing = [one.code for one in today_needed if today not in one.days]
    if missing:
        return Ruling(False, Periods(), f"code {missing[0]} is not permitted today", periods, ignored)
    windows = collection_windows(spoken, catalogue, today)
    if not windows:
        return Ruling(False, windows, f"code {catalogue.collect} permits no day", periods, ignored)
    return Ruling(True, windows, "", periods, ignored)


def permitted(code: PolicyCode, spoken: Sequence[Statement]) -> PermittedPeriods:
    """The days of the code's permits without those of any deny, in any of the person's Consents."""
    reasons = tuple(one for one in spoken if one.code == code or one.code is None)
    return PermittedPeriods(code, _permits(code, spoken).minus(_denies(code, spoken)), reasons)


def collection_windows(spoken: Sequence[Statement], catalogue: PolicyCatalogue, today: date) -> Periods:
    """The days from which facts may be used.

    The retrospective part ends before the collection period *as written*: a deny that shortens the period
    must not lengthen the time before it.
    """
    collect = catalogue.collect
    denied = _denies(collect, spoken)
    windows = _permits(collect, spoken).minus(denied)
    for consent in {one.consent for one in spoken}:
        own = [one for one in spoken if one.consent == consent]
        written = _permits(collect, own)
        if written and _looks_back(own, spoken, catalogue, today):
            before = Periods.of([(FIRST_DAY, written.intervals[0][0] - timedelta(days=1))])
            windows = windows.union(before.minus(denied))
    return windows


def _looks_back(
    own: Sequence[Statement], spoken: Sequence[Statement], catalogue: PolicyCatalogue, today: date
) -> bool:
    return any(
        today in _permits(code, own).minus(_denies(code, spoken))
        for code in catalogue.retrospective - catalogue.inactive
    )


def _permits(code: PolicyCode, spoken: Iterable[Statement]) -> Periods:
    return Periods.of(one.days for one in spoken if one.decision == "permit" and one.code == code)


def _denies(code: PolicyCode, spoken: Iterable[Statement]) -> Periods:
    return Periods.of(one.days for one in spoken if one.decision == "deny" and one.code in (code, None))
