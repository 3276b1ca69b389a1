"""The practice's screening worklist: everybody of the age in question, where they stand, and why.

Computed anew from the practice's site and the care record; nothing is kept. Nobody of that age disappears:
who is not listed is counted with the reason. Neighbours: `assessment`, `referrals.lists`.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mihub.care.referrals.lists import Referral, referrals
from mihub.care.referrals.person import stable_id
from mihub.care.referrals.terms import KVNR, identifier_of
from mihub.care.screening.assessment import CODES, FLAG, OPT_OUT, Assessment, assess, lung_cancer_codes
from mihub.care.screening.referral import is_screening
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.policy.actor import MemberId
from mihub.core.rules.receipt import Decision, Outcome
from mihub.errors import Unavailable


class Standing(StrEnum):
    """Where a person stands, in the order in which a practice works."""

    MAY_BE_REFERRED = "may-be-referred"
    ASK = "ask"
    REFERRED = "referred"
    LATER = "later"
    OPTED_OUT = "opted-out"
    NOT_ELIGIBLE = "not-eligible"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `referral` is the newest screening referral of this practice for the person, open or
    closed.
    """

    assessment: Assessment
    standing: Standing
    referral: Referral | None

    @property
    def patient_id(self) -> str:
        return str(self.assessment.patient["id"])


@dataclass(frozen=True, slots=True)
class Worklist:
    """`left_out` counts who is not listed, by reason: too-young, too-old, dead, lung-cancer, never-smoked.

    `is_complete` is false when the care record was silent: then nobody knows who is referred already.
    """

    entries: tuple[Entry, ...]
    left_out: Mapping[str, int]
    is_complete: bool = True

    def of(self, standing: Standing) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.standing is standing)


async def worklist(practice: FhirClient, record: FhirClient, member: MemberId, today: date) -> Worklist:
    """The list of one practice, sorted by standing, then by family name."""
    patients, observations, flags, conditions, sent = await asyncio.gather(
        practice.search("Patient", [("_count", "500")]),
        practice.search("Observation", [("code", CODES), ("_count", "1000")]),
        practice.search("Flag", [("code", f"{FLAG}|{OPT_OUT}"), ("_count", "500")]),
        practice.search("Condition", [("code", lung_cancer_codes()), ("_count", "500")]),
        sent_for_screening(record, member),
    )
    seen, flagged, diagnosed = _by_subject(observations), _by_subject(flags), _by_subject(conditions)
    entries, left_out = [], Counter[str]()
    for patient in patients:
        own = patient["id"]
        assessment = assess(patient, seen[own], flagged[own], diagnosed[own], today)
        reason = _left_out(assessment)
        if reason:
            left_out[reason] += 1
        else:
            entries.append(entry(assessment, newest_for(patient, sent or (), member)))
    order = list(Standing)
    entries.sort(key=lambda each: (order.index(each.standing), _name(each.assessment.patient)))
    return Worklist(tuple(entries), dict(left_out), is_complete=sent is not None)


async def sent_for_screening(record: FhirClient, member: MemberId) -> list[Referral] | None:
    """The practice's screening referrals; None when the care record is silent."""
    try:
        return [each for each in await referrals(record, member, "out") if is_screening(each.request)]
    except Unavailable:
        return None


def entry(assessment: Assessment, referral: Referral | None) -> Entry:
    """The line of one person."""
    return Entry(assessment, _standing(assessment, referral), referral)


def newest_for(patient: Resource, sent: Sequence[Referral], member: MemberId) -> Referral | None:
    """The person's newest referral among `sent`: by the id this practice gave, or by insurance number."""
    own_id, number = stable_id(member, patient["id"]), identifier_of(patient, KVNR)
    for each in sorted(sent, key=lambda referral: referral.authored, reverse=True):
        person = each.patient
        if person is not None and (
            person["id"] == own_id or (number and identifier_of(person, KVNR) == number)
        ):
            return each
    return None


def _standing(assessment: Assessment, referral: Referral | None) -> Standing:
    receipt = assessment.receipt
    if referral is not None and referral.is_open:
        return Standing.REFERRED
    if receipt.decision is Decision.NOT_ELIGIBLE:
        only_ct = [criterion.id for criterion in receipt.failed] == ["ct-interval"]
        return Standing.LATER if only_ct else Standing.NOT_ELIGIBLE
    if assessment.opted_out:
        return Standing.OPTED_OUT
    return Standing.ASK if receipt.decision is Decision.CANNOT_DECIDE else Standing.MAY_BE_REFERRED


def _left_out(assessment: Assessment) -> str:
    if assessment.is_dead:
        return "dead"
    if assessment.has_lung_cancer:
        return "lung-cancer"
    age = assessment.receipt.criterion("age")
    if age.outcome is Outcome.FAILED:
        values = age.steps[0].values
        return "too-young" if int(str(values["age"])) < int(str(values["low"])) else "too-old"
    return "never-smoked" if assessment.history.never_smoked and not assessment.history.recorded else ""


def _by_subject(resources: Sequence[Resource]) -> defaultdict[str, list[Resource]]:
    found: defaultdict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        found[str(resource.get("subject", {}).get("reference", "")).rpartition("/")[2]].append(resource)
    return found


def _name(patient: Resource) -> tuple[str, str]:
    names = patient.get("name") or [{}]
    return str(names[0].get("family", "")).casefold(), " ".join(names[0].get("given", [])).casefold()
