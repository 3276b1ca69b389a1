"""Which research consent somebody gave, in every state that a site must be able to handle.

The broad consent of the MII: modules granted or denied, its five-year window for collecting, withdrawal.
Written down by `fhir/consent.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from mihub.synth import content
from mihub.synth.calendar import add_months, years_before
from mihub.synth.dice import Dice


@dataclass(frozen=True, slots=True)
class ResearchConsent:
    """`state`: all, part, denied, withdrawn, expired (the five-year window for collecting), none."""

    state: str
    given: date
    withdrawn: date | None = None
    without: tuple[str, ...] = ()


def draw(dice: Dice, first_contact: date, last_contact: date) -> ResearchConsent:
    """One consent, given near the first contact; an expired one lies more than five years back."""
    state = dice.weighted(content.rates("research_consent"))
    given = dice.day(first_contact, min(last_contact, first_contact + timedelta(days=20)))
    if state == "expired":
        given = min(given, years_before(last_contact, 5) - timedelta(days=dice.whole(10, 300)))
    elif given < years_before(last_contact, 5):
        given = dice.day(years_before(last_contact, 4), last_contact)
    if state == "withdrawn":
        return ResearchConsent(
            state, given, withdrawn=dice.day(min(add_months(given, 1), last_contact), last_contact)
        )
    if state == "part":
        modules = ["biomaterial", "insurance", "recontact", "third_country", "prom", "gp"]
        return ResearchConsent(state, given, without=tuple(dice.some(modules, dice.whole(1, 3))))
    return ResearchConsent(state, given)
