"""One person before the ordinance: gather what the practice knows, decide, and say what stands against a
referral.

Reads only the practice's own site. An opt-out of invitations is honoured and shown; whoever asks for the
examination themselves may still be referred. Neighbours: `history` (facts), `core.rules.lung_screening`
(decision).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from mihub.care.screening.history import (
    INTERVAL,
    LAST_CT,
    LOINC,
    OBSERVATION,
    STATUS_LOINC,
    SmokingHistory,
    read_history,
    read_prior_ct,
)
from mihub.care.screening.rule import screening_rule
from mihub.core.fhir import Resource
from mihub.core.fhir.client import FhirClient
from mihub.core.rules.lung_screening import PriorCt, ScreeningFacts, decide_lung_screening
from mihub.core.rules.receipt import Receipt

FLAG: Final = "https://mihub.example/fhir/CodeSystem/flag"
OPT_OUT: Final = "no-screening-invitation"
ICD10: Final = "http://fhir.de/CodeSystem/bfarm/icd-10-gm"
LUNG_CANCER: Final = ("C34", *(f"C34.{digit}" for digit in "01238"), "C34.9")
CODES: Final = f"{OBSERVATION}|{INTERVAL},{OBSERVATION}|{LAST_CT},{LOINC}|{STATUS_LOINC}"


@dataclass(frozen=True, slots=True)
class Assessment:
    """One patient of the practice with everything the decision was made from."""

    patient: Resource
    history: SmokingHistory
    prior_ct: PriorCt | None
    receipt: Receipt
    opted_out: bool
    has_lung_cancer: bool

    @property
    def is_dead(self) -> bool:
        return bool(self.patient.get("deceasedDateTime") or self.patient.get("deceasedBoolean"))


async def assess_one(practice: FhirClient, patient_id: str, today: date) -> Assessment:
    """Raises `NotFound` when the practice has no such patient."""
    subject = ("patient", f"Patient/{patient_id}")
    patient, observations, flags, conditions = await asyncio.gather(
        practice.read("Patient", patient_id),
        practice.search("Observation", [subject, ("code", CODES)]),
        practice.search("Flag", [subject]),
        practice.search("Condition", [subject, ("code", lung_cancer_codes())]),
    )
    return assess(patient, observations, flags, conditions, today)


def assess(
    patient: Resource,
    observations: Sequence[Resource],
    flags: Sequence[Resource],
    conditions: Sequence[Resource],
    today: date,
) -> Assessment:
    """The decision for one patient from their own resources."""
    history, prior_ct = read_history(observations), read_prior_ct(observations)
    facts = ScreeningFacts(_birth_date(patient), history.intervals, prior_ct)
    return Assessment(
        patient=patient,
        history=history,
        prior_ct=prior_ct,
        receipt=decide_lung_screening(facts, today, screening_rule()),
        opted_out=any(_is_opt_out(flag) for flag in flags),
        has_lung_cancer=bool(conditions),
    )


def lung_cancer_codes() -> str:
    """The value of a token search for lung cancer."""
    return ",".join(f"{ICD10}|{code}" for code in LUNG_CANCER)


def _is_opt_out(flag: Resource) -> bool:
    codings = flag.get("code", {}).get("coding", [])
    coded = any(coding.get("system") == FLAG and coding.get("code") == OPT_OUT for coding in codings)
    return coded and flag.get("status") == "active"


def _birth_date(patient: Resource) -> date | None:
    # A year alone is not enough for a birthday; the rule then asks for the date.
    try:
        return date.fromisoformat(str(patient.get("birthDate", "")))
    except ValueError:
        return None
