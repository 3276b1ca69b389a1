"""Who asks, in which role, for which purpose: no read and no write exists without them.

Purposes are codes of HL7 v3 PurposeOfUse. Above: `assertion` (proof between organisations), `rules`
(decisions).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

MemberId = NewType("MemberId", str)  # an organisation of the region, e.g. "chemnitz"
TransportId = NewType(
    "TransportId", str
)  # one patient between one site and the trust centre; means nothing elsewhere
PersonId = NewType(
    "PersonId", str
)  # one person in the trust centre's registry; never leaves trust, portal and care record


class Role(StrEnum):
    """The hats of the region (docs/reference/roles.md)."""

    PATIENT = "patient"
    GP = "gp"
    ONCOLOGIST = "oncologist"
    RADIOLOGIST = "radiologist"
    NURSE = "nurse"
    BOARD_COORDINATOR = "board-coordinator"
    PALLIATIVE_TEAM = "palliative-team"
    RESEARCHER = "researcher"
    SITE_ENGINEER = "site-engineer"
    DATA_PROTECTION_OFFICER = "data-protection-officer"
    HUB_OPERATOR = "hub-operator"
    SYSTEM = "system"


class Purpose(StrEnum):
    """HL7 v3 PurposeOfUse, the codes used here."""

    TREATMENT = "TREAT"
    PATIENT_REQUEST = "PATRQT"
    CARE_MANAGEMENT = "CAREMGT"
    RESEARCH = "HRESCH"
    OPERATIONS = "HOPERAT"
    RECORD_MANAGEMENT = "HSYSADMIN"


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or program that acts. `name` is shown to the patient in the access log; `id` is opaque and
    stable.
    """

    id: str
    name: str
    role: Role
    organization: MemberId


@dataclass(frozen=True, slots=True)
class Access:
    """One actor for one purpose.

    `subject` restricts to one patient: for a patient it is who they are; for a member of a care team it is
    the patient with whom `care_relation` (reference of the CareTeam or ServiceRequest in the care record)
    connects them.
    """

    actor: Actor
    purpose: Purpose
    subject: TransportId | None = None
    care_relation: str = ""
