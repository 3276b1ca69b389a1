"""FHIRPath on resources of any shape: an answer or a `FhirPathError`, never another error, never a value in it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import FhirPathError
from mihub.core.fhir.fhirpath.functions.registry import FUNCTIONS
from mihub.core.fhir.fhirpath.quantity import unit

SECRET = "Geheimwert"
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.just(SECRET),
    st.sampled_from(["", "2024-02-30", "2024-02-29T10:30:00+99:99", "24:00", "#", "#x", "Patient/1", "0001-01-01"]),
)  # fmt: skip
KEYS = [
    "value", "code", "unit", "system", "reference", "url", "extension", "id", "coding", "resourceType", "contained",
    "entry", "fullUrl", "valueQuantity", "valueDateTime", "_valueDateTime", "issued", "subject", "component", "low",
]  # fmt: skip


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)


SHAPES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), objects(inner)), max_leaves=8
)
RESOURCES = objects(SHAPES).map(lambda content: {**content, "resourceType": "Observation"})
ARGUMENTS = {"where": "$this = $this", "iif": "true, $this", "defineVariable": "'x'", "trace": "'x', $this"}
OPERATORS = ["=", "~", "<", ">=", "+", "-", "*", "/", "div", "mod", "&", "|", "in", "and", "implies"]


def calls() -> list[str]:
    """Every function on every element, and every operator on pairs."""
    found = [f"value {each} component.value" for each in OPERATORS] + [
        f"issued {each} value" for each in OPERATORS
    ]
    for function in FUNCTIONS.values():
        inner = ARGUMENTS.get(function.name) or ", ".join(
            ["$this" if function.lazy else "value"] * function.minimum
        )
        if function.name != "repeatAll":
            found += [f"{start}.{function.name}({inner})" for start in ("value", "descendants()", "subject")]
    return [
        *found,
        "descendants().sort()",
        "descendants() ~ children()",
        "value ~ value",
        "(value as Quantity).value",
    ]


CALLS = calls()


@settings(max_examples=60, deadline=None)
@given(RESOURCES, st.lists(st.sampled_from(CALLS), min_size=30, max_size=30))
def test_any_shape_gives_an_answer_or_our_own_error(resource: dict[str, Any], expressions: list[str]) -> None:
    for expression in expressions:
        refusal = refused(expression, resource)
        if refusal is not None:
            assert SECRET not in str(refusal)
            assert refusal.position is not None


def refused(expression: str, resource: dict[str, Any]) -> FhirPathError | None:
    """Our own error; any other one is a defect and passes through."""
    try:
        fhirpath.compile(expression).evaluate(resource)
    except FhirPathError as error:
        return error
    return None


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("mgdulkL10*^./(){}[]-+2s'%"), max_size=25))
def test_any_unit_means_something(code: str) -> None:
    assert unit(code).factor > 0
