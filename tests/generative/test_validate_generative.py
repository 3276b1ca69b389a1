"""Laws of the validator: what is decided quickly is what FHIRPath says; nothing crashes it; it never changes what it reads."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.fhirpath import Element, FhirPathError, compile, r4  # noqa: A004
from mihub.site.validate import natives
from mihub.site.validate.presence import quick
from mihub.site.validate.primitives import PRIMITIVES, faults_of
from mihub.site.validate.run import Run
from mihub.site.validate.values import matches, same
from tests.validate_samples import DOCUMENT, OBSERVATION, PATIENT, base_validator

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=8),
    st.sampled_from(["final", "2024-01-01", "#x", "Patient/1", "http://example.org/x", "male"]),
)  # fmt: skip
_NAMES = """resourceType id meta extension url value code coding system status subject reference name given _given
    valueQuantity valueString contained entry resource text div component dataAbsentReason"""
KEYS = st.sampled_from(_NAMES.split())
JSON = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=25,
)  # fmt: skip


@given(
    st.dictionaries(KEYS, JSON, max_size=8),
    st.sampled_from(["Patient", "Observation", "Bundle", "Parameters"]),
)
@settings(max_examples=150, deadline=None)
def test_anything_is_answered_and_nothing_is_changed(resource: dict[str, Any], name: str) -> None:
    resource = {**resource, "resourceType": name}
    before = deepcopy(resource)
    found = base_validator().validate(resource)
    assert resource == before
    assert all(f.location.startswith((name, "Resource")) and f.rule for f in found)
    assert len({(f.severity, f.location, f.rule, str(f.facts)) for f in found}) == len(found)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_one_value_replaced_never_crashes(data: st.DataObject) -> None:
    resource = deepcopy(data.draw(st.sampled_from([PATIENT, OBSERVATION, DOCUMENT])))
    node: Any = resource
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            node[key] = data.draw(JSON)
            break
        node = node[key]
    base_validator().validate(resource)


def _conditions() -> list[tuple[str, str]]:
    """Every condition of R4's own structures, with the type it stands on."""
    found = []
    for known in core_definitions().all("StructureDefinition"):
        if known.derivation == "constraint" or r4().type(known.type) is None:
            continue
        structure = core_definitions().structure(known.url)
        if structure is None or structure.resource.get("type") != known.type:
            continue
        for element in structure.resource["snapshot"]["element"]:
            if r4().type(element["path"]) is not None:
                found += [
                    (element["path"], row["expression"])
                    for row in element.get("constraint", ())
                    if row.get("expression")
                ]
    return sorted(set(found))


CONDITIONS = _conditions()
QUICK = [
    (path, text, test)
    for path, text in CONDITIONS
    if (test := quick(compile(text).tree, r4().type(path))) is not None
]


def test_most_conditions_have_a_quick_part() -> None:
    assert len(CONDITIONS) > 300
    assert len(QUICK) / len(CONDITIONS) > 0.5


@st.composite
def elements(draw: st.DrawFn) -> tuple[str, str, Any, dict[str, Any]]:
    path, text, test = draw(st.sampled_from(QUICK))
    kind = r4().type(path)
    assert kind is not None
    value: dict[str, Any] = {}
    for name in kind.elements:
        for step in kind.step(name.removesuffix("[x]"))[:3]:
            if draw(st.integers(0, 3)) == 0:
                value[step.key] = draw(
                    st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.just({"id": "a"}), st.just({}))
                )
    return path, text, test, value


@given(elements())
@settings(max_examples=400, deadline=None)
def test_the_quick_answer_is_the_answer_of_fhirpath(case: tuple[str, str, Any, dict[str, Any]]) -> None:
    path, text, test, value = case
    answer = test(value)
    if answer is None:
        return
    kind = r4().type(path)
    assert kind is not None
    try:
        slow = compile(text).test(Element(value, kind), variables={"resource": value, "rootResource": value})
    except FhirPathError:
        # A value of an impossible shape; the shapes are named on their own.
        return
    assert answer is slow, (path, text)


MOMENTS = st.sampled_from(
    ["2024", "2024-02", "2024-02-29", "2024-03-01", "2024-02-29T08:00:00Z", "2024-02-29T08:00:00+01:00",
     "2024-02-29T09:00:00+02:00", "2024-02-29T08:00:01Z", None]
)  # fmt: skip


@given(MOMENTS, MOMENTS)
def test_periods_are_compared_as_fhirpath_does(start: str | None, end: str | None) -> None:
    value = {key: one for key, one in (("start", start), ("end", end)) if one is not None}
    text = "start.hasValue().not() or end.hasValue().not() or (start <= end)"
    test = natives.fast(text)
    assert test is not None
    answer = test(value, Run())
    assert answer is None or answer is compile(text, root="Period").test(value)


@given(st.sampled_from(sorted(PRIMITIVES)), st.one_of(st.text(max_size=30), st.integers(), st.booleans()))
@settings(max_examples=400)
def test_what_is_surely_good_has_no_error(name: str, value: Any) -> None:
    primitive = PRIMITIVES[name]
    if value.__class__ is primitive.json and primitive.good(value):
        assert [one for one in faults_of(primitive, value) if one[0] == "error"] == []


@pytest.mark.parametrize("name", ["date", "dateTime", "instant"])
@given(day=st.dates(), shift=st.integers(0, 3))
def test_every_day_of_the_calendar_is_right_and_no_other(name: str, day: Any, shift: int) -> None:
    tail = "" if name == "date" else "T10:00:00Z"
    primitive = PRIMITIVES[name]
    assert [f for f in faults_of(primitive, f"{day:%Y-%m-%d}".rjust(10, "0") + tail) if f[0] == "error"] == []
    beyond = {1: "2023-02-29", 2: "2024-04-31", 3: "1900-02-29", 0: "2024-02-30"}[shift] + tail
    assert "date-impossible" in {rule for _, rule, _ in faults_of(primitive, beyond)}


@given(JSON)
def test_a_value_fits_itself(value: Any) -> None:
    assert same(value, value)
    assert matches(value, value)
