"""What is to be validated, as one list of codings, whichever way it was sent. Source: R4 ValueSet/$validate-code.

Above: `validate_code`. Below: `asked`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mihub.core.fhir import Json, Resource
from mihub.site.terminology import shape
from mihub.site.terminology.asked import first, text

Mode = Literal["code", "coding", "codeableConcept"]


@dataclass(frozen=True, slots=True)
class Coded:
    """`concept`: a CodeableConcept; `root`: how its place is named in issues, "" for single parameters."""

    mode: Mode
    concept: Json
    root: str

    @property
    def codings(self) -> list[Json]:
        """The codings, none left out."""
        return [one for one in self.concept.get("coding") or [] if isinstance(one, dict)]

    def path(self, position: int) -> str:
        """The place of one coding."""
        return f"{self.root}.coding[{position}]" if self.mode == "codeableConcept" else self.root


def coded(parameters: Resource, *, of_code_system: bool, infer: bool = False) -> Coded | None:
    """The coded value of a request, or None when it has none that can be validated."""
    concept = first(parameters, "codeableConcept")
    if isinstance(concept, dict):
        # A copy: the answer says versions that were not sent.
        given = concept.get("coding") or []
        codings = (
            [dict(shape.check(one)) for one in given if isinstance(one, dict)]
            if isinstance(given, list)
            else []
        )
        copied = {**concept, "coding": codings} if "coding" in concept else dict(concept)
        return Coded("codeableConcept", copied, "CodeableConcept")
    coding = first(parameters, "coding")
    if isinstance(coding, dict):
        return Coded("coding", {"coding": [shape.check(coding)]}, "Coding")
    code = text(parameters, "code")
    if of_code_system:
        system, version = text(parameters, "url", "system"), text(parameters, "version")
    else:
        system, version = text(parameters, "system"), text(parameters, "systemVersion")
    if not code or not (system or infer):
        return None
    parts = {"system": system, "version": version, "code": code, "display": text(parameters, "display")}
    return Coded("code", {"coding": [{name: value for name, value in parts.items() if value}]}, "")
