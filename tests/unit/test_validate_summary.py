"""A profile told to a person: what it requires, marks and lays on systems. Obligations are shown and never a finding."""

from __future__ import annotations

import pytest

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.memory import MemoryDefinitions
from mihub.errors import NotFound
from mihub.site.validate.summary import Obligation, profile_summary
from tests.validate_samples import PATIENT, canonical, profile, said, validator_with

OBLIGED = profile(
    "p",
    "Patient",
    {"id": "Patient.birthDate", "mustSupport": True},
    {
        "id": "Patient.telecom",
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/obligation",
                "extension": [
                    {"url": "code", "valueCode": "SHALL:populate-if-known"},
                    {"url": "actor", "valueCanonical": "http://example.org/actor"},
                    {"url": "documentation", "valueMarkdown": "für Rückfragen"},
                ],
            }
        ],
    },
)


def test_obligations_are_listed_and_not_enforced() -> None:
    summary = profile_summary(MemoryDefinitions([OBLIGED], core_definitions()), canonical("p"))
    rows = {row.element: row for row in summary.asked}
    assert rows["Patient.birthDate"].must_support
    assert rows["Patient.telecom"].obligations == (
        Obligation("SHALL:populate-if-known", ("http://example.org/actor",), "für Rückfragen"),
    )
    assert "Patient.photo" not in rows
    assert said(validator_with(OBLIGED).validate(PATIENT, [canonical("p")])) == set()


def test_what_r4_itself_requires_is_told() -> None:
    rows = {
        row.element: row
        for row in profile_summary(
            core_definitions(), "http://hl7.org/fhir/StructureDefinition/Observation"
        ).asked
    }
    assert rows["Observation.status"].strength == "required"
    assert rows["Observation.code"].min == 1


def test_an_unknown_profile_is_refused_with_the_next_step() -> None:
    with pytest.raises(NotFound, match="mihub packages add"):
        profile_summary(core_definitions(), canonical("nobody"))
