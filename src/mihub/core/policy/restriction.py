"""What of a record one access may touch: the same answer as a Python predicate and as a filter for a search.

A search pushes it down to the rows, so that totals, pages and included resources obey it; filtering
afterwards would leak them. Above: store and search. Below: `rules` makes it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mihub.core.fhir.types import RESOURCE_TYPES


@dataclass(frozen=True, slots=True)
class Restriction:
    """`open_types` are free; of `patient_types` only what belongs to the patient with the id `patient_id`."""

    open_types: frozenset[str] = frozenset()
    patient_types: frozenset[str] = frozenset()
    patient_id: str | None = None

    def allows(self, resource_type: str, patients: Collection[str]) -> bool:
        """May a resource of this type, in the compartments of these patients, be touched?"""
        if resource_type in self.open_types:
            return True
        return (
            resource_type in self.patient_types
            and self.patient_id is not None
            and self.patient_id in patients
        )

    def names(self, resource_type: str) -> bool:
        """Does any rule speak for this type? A patient unknown here is named and finds nothing."""
        return resource_type in self.open_types or resource_type in self.patient_types

    @property
    def limited(self) -> bool:
        """Is there a type of which only one patient's resources may be touched?"""
        return bool(self.patient_types)


# For the site's own programs; nobody gets it by a request.
EVERYTHING = Restriction(open_types=RESOURCE_TYPES)
NOTHING = Restriction()
