"""One report while it becomes resources: whose tumour, when reported, and the resources made so far with
their stable ids.

An id is a hash of member, patient number, tumour, kind and the report's own element ids, so that a later
report of the same thing meets the earlier one. Above: the mapping files. Below: `node`, `dates`, `core.mii`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import OURS, oncology_profile, tumour_number_system
from mihub.site.ingest.fhir_resource import derived_id
from mihub.site.ingest.obds.dates import ObdsDate, put_date, read_date
from mihub.site.ingest.obds.node import Node


@dataclass(frozen=True, slots=True)
class Case:
    """One tumour of one patient at one member."""

    member: str
    patient_number: str
    patient: Json  # a Reference
    assignment: Node  # Tumorzuordnung

    @property
    def tumour_number(self) -> str:
        """The member's number of the tumour."""
        return self.assignment.attribute("Tumor_ID")

    @property
    def condition_id(self) -> str:
        """The id of the primary Condition."""
        return self.id_of("tumour")

    @property
    def condition(self) -> Json:
        """A Reference to the primary Condition."""
        return {"reference": f"Condition/{self.condition_id}"}

    def id_of(self, kind: str, *key: str) -> str:
        """The stable id of something that belongs to this tumour."""
        return f"{kind}-{derived_id(self.member, self.patient_number, self.tumour_number, kind, *key)}"

    def tumour_identifier(self) -> Json:
        """The member's number as an Identifier."""
        return {"system": tumour_number_system(self.member), "value": self.tumour_number}


@dataclass(slots=True)
class Report:
    """A report element (Diagnose, OP, ...) and what was made of it.

    `reported`: Meldedatum; `number`: its own id.
    """

    case: Case
    node: Node
    number: str
    reported: str
    default_date: ObdsDate | None = None
    resources: list[Resource] = field(default_factory=list)

    def new(self, resource_type: str, kind: str, *key: str, profile: str = "") -> Resource:
        """A new resource of this report with id, profile, origin and (but for Condition) its place in
        `resources`.
        """
        return self.new_at(
            self.case.id_of(kind, self.node.name, self.number, *key), resource_type, profile=profile
        )

    def new_at(self, resource_id: str, resource_type: str, *, profile: str = "") -> Resource:
        """As `new`, with a given id."""
        meta: Json = {"source": f"{OURS}/obds/{self.case.member}"}
        if profile:
            meta["profile"] = [oncology_profile(profile)]
        resource: Resource = {"resourceType": resource_type, "id": resource_id, "meta": meta}
        self.resources.append(resource)
        return resource

    def observation(self, kind: str, *key: str, profile: str, code: Json) -> Resource:
        """A final Observation about this tumour, without date and value."""
        resource = self.new("Observation", kind, *key, profile=profile)
        resource.update(status="final", code=code, subject=self.case.patient, focus=[self.case.condition])
        return resource

    def dated(self, resource: Resource, node: Node | None, *, required: bool = False) -> None:
        """Set `effectiveDateTime` from an element, else from the report's own date."""
        put_date(resource, "effectiveDateTime", read_date(node) or self.default_date, required=required)

    def identifier(self, element: str) -> list[Json]:
        """The report's own number as identifiers; empty when it has none."""
        value = self.node.attribute(element)
        return [{"system": f"{OURS}/obds/{self.case.member}/{element}", "value": value}] if value else []


def reference(resource: Resource) -> Json:
    """A Reference to a resource that has its id."""
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def coded(system: str, code: str, display: str = "", version: str = "") -> Json:
    """A CodeableConcept with one coding."""
    coding = {"system": system, "version": version, "code": code, "display": display}
    return {"coding": [{name: value for name, value in coding.items() if value}]}
