"""FHIRPath Patch where the published cases are silent: choices, refusals, and that nothing is half done."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mihub.core.fhir.patch import fhirpath_patched
from mihub.errors import MihubError

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "code": {"text": "x"},
    "valueString": "high",
    "note": [{"text": "a"}, {"text": "b"}, {"text": "c"}],
}


def patched(*operations: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": "operation", "part": [{"name": name, **value} for name, value in one.items()]}
        for one in operations
    ]
    return fhirpath_patched(OBSERVATION, {"resourceType": "Parameters", "parameter": parameters})


def of(kind: str, path: str, **parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": {"valueCode": kind}, "path": {"valueString": path}, **parts}


def test_a_choice_changes_its_type_with_its_value() -> None:
    found = patched(of("replace", "Observation.value", value={"valueQuantity": {"value": 5}}))
    assert found["valueQuantity"] == {"value": 5}
    assert "valueString" not in found


def test_moving_keeps_every_item() -> None:
    moved = patched(
        of("move", "Observation.note", source={"valueInteger": 0}, destination={"valueInteger": 2})
    )
    assert [one["text"] for one in moved["note"]] == ["b", "c", "a"]


def test_what_is_given_stays_as_it_was() -> None:
    before = copy.deepcopy(OBSERVATION)
    patched(of("delete", "Observation.note[1]"))
    assert before == OBSERVATION


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (of("delete", "Observation.note"), "several elements"),
        (
            of("add", "Observation", name={"valueString": "nothing"}, value={"valueString": "x"}),
            "has no element nothing",
        ),
        (
            of("add", "Observation", name={"valueString": "status"}, value={"valueCode": "x"}),
            "is there already",
        ),
        (
            of("insert", "Observation.note", index={"valueInteger": 9}, value={"valueString": "x"}),
            "behind the end",
        ),
        (of("replace", "Observation.subject", value={"valueString": "x"}), "names no element"),
        (of("replace", "Observation.note.count()", value={"valueInteger": 1}), "this part of it computes"),
        (of("delete", "Observation.note["), "cannot be read"),
        (of("erase", "Observation.note[0]"), "no such operation"),
        (of("replace", "Observation", value={"valueString": "x"}), "whole resource"),
    ],
)
def test_an_operation_that_does_not_fit_is_named(operation: dict[str, Any], says: str) -> None:
    with pytest.raises(MihubError, match=r"operation 1|Observation") as refused:
        patched(operation)
    assert says in str(refused.value)
    assert "operation 1" in refused.value.where
