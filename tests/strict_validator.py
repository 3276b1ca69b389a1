"""A validator small enough to foretell: what it says about a resource is read off the resource by eye.

For tests of what happens with findings; the real validator has tests of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from mihub.core.fhir import Resource
from mihub.site.validate.finding import Finding

PROFILE = "https://example.org/StructureDefinition/lab"
LAB = "https://example.org/StructureDefinition/lab|1"


class StrictValidator:
    """An Observation needs `status` and at most one `note` (a warning); a Patient a `gender`; 42 breaks the validator."""

    def __init__(self) -> None:
        self.asked = 0

    def validate(self, resource: Resource, profiles: Sequence[str] = ()) -> list[Finding]:
        """See `finding.Validator`."""
        self.asked += 1
        kind, found = resource.get("resourceType"), []
        if resource.get("valueInteger") == 42:
            raise RuntimeError("42")
        if kind == "Observation" and "status" not in resource:
            found.append(_missing("Observation.status", "cardinality-min", PROFILE))
        if kind == "Observation" and len(resource.get("note", [])) > 1:
            found.append(
                Finding(
                    "warning", "structure", "Observation.note[1]", "cardinality-max", PROFILE, {"max": "1"}
                )
            )
        if kind == "Patient" and "gender" not in resource:
            found.append(_missing("Patient.gender", "cardinality-min", ""))
        found += [
            _missing(f"{kind}.{name}", "unknown-profile", name) for name in profiles if "nowhere" in name
        ]
        return found


def _missing(place: str, rule: str, profile: str) -> Finding:
    return Finding(
        "error", "required", place, rule, profile, {"min": "1", "element": place.rpartition(".")[2]}
    )


def observation(number: int | str, *, good: bool = True, **more: object) -> Resource:
    """An Observation that the validator accepts, or not."""
    made: Resource = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "meta": {"profile": [PROFILE]},
        "code": {"text": "CRP"},
        "subject": {"reference": "Patient/p1"},
        **more,
    }
    return made | ({"status": "final"} if good else {})


def patient(number: int | str = 1, *, good: bool = True) -> Resource:
    """A Patient that the validator accepts, or not."""
    made: Resource = {"resourceType": "Patient", "id": f"p{number}", "name": [{"family": "Geheimnis"}]}
    return made | ({"gender": "female"} if good else {})
