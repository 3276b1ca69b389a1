"""What FHIRPath asks of its surroundings while a resource is validated: resolve, memberOf, conformsTo.

Answers from the message and the definitions alone; nothing is fetched. Above: `engine`. Below: `container`, `discriminators`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mihub.core.fhir.fhirpath import Hooks
from mihub.site.validate.references import resolved
from mihub.site.validate.run import Run

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine


def hooks_for(engine: Engine, run: Run) -> Hooks:
    """The hooks of one run."""

    def resolve(reference: str) -> Mapping[str, Any] | None:
        return resolved(reference, run)

    def member_of(value: Any, value_set: str) -> bool | None:
        return member(engine, value, value_set)

    def conforms_to(value: Any, canonical: str) -> bool | None:
        if not isinstance(value, dict) or engine.profiles.get(canonical) is None:
            return None
        return engine.profiles.fits(value, canonical, run)

    return Hooks(resolve=resolve, member_of=member_of, conforms_to=conforms_to)


def member(engine: Engine, value: Any, value_set: str) -> bool | None:
    """Whether a code, Coding or CodeableConcept is in a value set; None when nobody can tell."""
    if isinstance(value, str):
        verdict = engine.codes.member(value_set, "", value).verdict
        return None if verdict == "unknown" else verdict == "yes"
    if not isinstance(value, dict):
        return None
    codings = value.get("coding") if isinstance(value.get("coding"), list) else [value]
    answers = [
        engine.codes.member(value_set, str(one.get("system") or ""), one["code"]).verdict
        for one in codings or ()
        if isinstance(one, dict) and isinstance(one.get("code"), str)
    ]
    if "yes" in answers:
        return True
    return None if "unknown" in answers else False
