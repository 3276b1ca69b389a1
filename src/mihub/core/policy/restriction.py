"""What of a record one access may touch: the same answer as a Python predicate and as a filter for a search.

A search pushes it down to the rows, so that totals, pages and included resources obey it; filtering
afterwards would leak them. Above: store and search. Below: `rules` makes it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from mihub.core.fhir import Resource
from mihub.core.fhir.types import RESOURCE_TYPES

# HL7 v3 ActCode: not to be disclosed to the patient before the author releases it.
NOT_TO_PATIENT: Final = "NOPAT"


@dataclass(frozen=True, slots=True)
class Restriction:
    """`open_types` are free; of `patient_types` only what belongs to the patient with the id `patient_id`.

    `sees_withheld`: also what is labelled as not to be disclosed to patients.
    """

    open_types: frozenset[str] = frozenset()
    patient_types: frozenset[str] = frozenset()
    patient_id: str | None = None
    sees_withheld: bool = True

    def allows(self, resource_type: str, patients: Collection[str], *, withheld: bool) -> bool:
        """May a resource of this type, in the compartments of these patients, be touched?"""
        if withheld and not self.sees_withheld:
            return False
        if resource_type in self.open_types:
            return True
        return (
            resource_type in self.patient_types
            and self.patient_id is not None
            and self.patient_id in patients
        )

    def belongs(self, resource_type: str, patients: Collection[str]) -> bool:
        """Does a resource concern nobody but the one patient to whom the access is limited?

        Who may write what is theirs may not write into somebody else's record by naming both.
        """
        return resource_type in self.open_types or set(patients) == {self.patient_id}

    def names(self, resource_type: str) -> bool:
        """Does any rule speak for this type? A patient unknown here is named and finds nothing."""
        return resource_type in self.open_types or resource_type in self.patient_types


def withheld(resource: Resource) -> bool:
    """Is the resource labelled as not to be disclosed to the patient? The code counts under any system."""
    meta = resource.get("meta")
    labels = meta.get("security") if isinstance(meta, dict) else None
    return isinstance(labels, list) and any(
        isinstance(label, dict) and label.get("code") == NOT_TO_PATIENT for label in labels
    )


# For the site's own programs; nobody gets it by a request.
EVERYTHING = Restriction(open_types=RESOURCE_TYPES)
NOTHING = Restriction()
