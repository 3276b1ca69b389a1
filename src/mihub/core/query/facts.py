"""One fact: what a question can ask about one resource of one person.

A resource gives one row for each of its codes and values (`slot` empty) and one for each attribute (`slot`
names it). A row holds codes, numbers and dates only, never a name or a text. Above: `site.facts` makes them
from FHIR.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

KINDS: Final = (
    "person",
    "diagnosis",
    "procedure",
    "observation",
    "medication-administration",
    "medication-statement",
    "medication-request",
    "drug",
    "consent",
    "encounter",
    "report",
    "imaging",
    "care-plan",
    "specimen",
)
# Kinds whose code may stand in another resource: the row then has this system and the resource key as code.
BY_REFERENCE: Final = "urn:mihub:reference"
MEDICATION_KINDS: Final = frozenset(
    {"medication-administration", "medication-statement", "medication-request"}
)
DRUG: Final = "drug"
PERSON: Final = "person"
# Rows about the person and their consents have no date of care to judge; all other kinds need one.
UNJUDGED_KINDS: Final = ("consent", PERSON)
PERSON_SYSTEM: Final = "urn:mihub:person"


class Fact(NamedTuple):
    """One row; a tuple, because a site makes millions of them.

    An unknown date is None at both ends; an open end of a period is `date_high` None with a low. A measured
    value has `value_low` equal to `value_high`; "< 5" has minus infinity and 5.
    """

    kind: str
    patient: str
    resource: str
    slot: str = ""
    system: str = ""
    code: str = ""
    value_system: str | None = None
    value_code: str | None = None
    value_low: float | None = None
    value_high: float | None = None
    unit: str | None = None
    date_low: date | None = None
    date_high: date | None = None
    encounter: str | None = None
    department: str | None = None
