"""Direct routes give what FHIRPath gives: random views of plain paths on random resources, well-formed and not."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.fhir.views import Runner, read
from mihub.core.fhir.views.definition import RowError

Json = dict[str, Any]
SYSTEMS = ("http://loinc.org", "http://snomed.info/sct")
CODES = ("718-7", "C34.1", "x")

texts = st.sampled_from(
    ["", "a", "official", *SYSTEMS, *CODES, "Patient/p1", "Patient/p1/_history/2", "Group/g", "#c"]
)
# What does not belong there: another JSON type, nothing, or a list where one value belongs.
strange: st.SearchStrategy[Any] = st.sampled_from(
    [None, 1, 2.5, True, [], ["a"], {}, {"a": 1}, [None], [["a"]], "z"]
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, good, good, good, good, strange)


def sometimes(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    # What stands beside a primitive is an object where one belongs: FHIRPath takes a list beside one value for no value.
    kept = {key: value if key.startswith("_") else mostly(value) for key, value in fields.items()}
    return st.fixed_dictionaries({}, optional=kept)


def several(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(mostly(inner), max_size=3)


extension = sometimes(url=texts, valueString=texts, valueCode=texts)
shadow = st.one_of(st.fixed_dictionaries({"extension": several(extension)}), st.none())
coding = sometimes(system=st.sampled_from(SYSTEMS), code=st.sampled_from(CODES), display=texts, _code=shadow)
concept = sometimes(coding=several(coding), text=texts)
quantity = sometimes(
    value=st.one_of(st.integers(-9, 9), st.floats(-5, 5)), unit=texts, system=texts, code=texts
)
reference = sometimes(reference=texts, display=texts)
component = sometimes(code=concept, valueQuantity=quantity, valueString=texts)
observation = sometimes(
    id=texts, status=texts, _status=shadow, code=concept, category=several(concept), subject=reference,
    performer=several(reference), effectiveDateTime=st.sampled_from(["2024", "2024-05-01", "2024-05-01T10:00:00Z", "x"]),
    valueQuantity=quantity, valueString=texts, valueInteger=st.integers(-5, 5), valueBoolean=st.booleans(),
    issued=st.sampled_from(["2024-05-01T10:00:00Z", "2024"]), component=several(component), extension=several(extension),
    _component=shadow,
).map(lambda each: {**each, "resourceType": "Observation"})  # fmt: skip

conditions = st.sampled_from(
    ["system = 'http://loinc.org'", "code = 'x'", "'x' = code", "system = 'http://loinc.org' and code = '718-7'",
     "code.startsWith('C34')", "code.exists()", "system.empty() or code = 'x'", "display.exists() and code = 'C34.1'"]
)  # fmt: skip
of_coding = st.sampled_from(
    ["code", "system", "display", "$this", "code.exists()", "%rowIndex", "code = 'x'"]
)
codings = st.one_of(
    st.sampled_from(
        [
            "code.coding",
            "category.coding",
            "category.coding.first()",
            "code.coding[1]",
            "component.code.coding",
        ]
    ),
    conditions.map(lambda text: f"code.coding.where({text})"),
    conditions.map(lambda text: f"category.coding.where({text})"),
)
plain = st.one_of(
    st.sampled_from(
        ["id", "status", "getResourceKey()", "subject.reference", "subject.getReferenceKey()", "Observation.status",
         "subject.getReferenceKey(Patient)", "performer.getReferenceKey()", "performer.display", "code", "code.text",
         "value.ofType(Quantity).value", "value.ofType(Quantity)", "value.ofType(string)", "value.ofType(integer)",
         "value.ofType(boolean)", "effective.ofType(dateTime)", "issued", "component.value.ofType(Quantity).value",
         "component.code.coding.code", "extension('a').value.ofType(string)", "extension('a').value.ofType(code).first()",
         "status.exists()", "subject.reference.exists()", "code.coding.exists()", "component.empty()", "valueless",
         "value", "component.count()", "status = 'a'", "code.coding.code.join(',')", "status.extension.url"]
    ),
    codings.flatmap(lambda base: st.sampled_from([base, f"{base}.code", f"{base}.code.first()", f"{base}.first().display"])),
    conditions.map(lambda text: f"code.coding.exists({text})"),
)  # fmt: skip
types = st.sampled_from([None, None, "string", "code", "decimal", "integer", "boolean", "instant", "Coding"])


def columns(paths: st.SearchStrategy[str], prefix: str) -> st.SearchStrategy[list[Json]]:
    def numbered(found: list[tuple[str, str | None, bool]]) -> list[Json]:
        return [
            {"name": f"{prefix}{i}", "path": path, "collection": listed, **({"type": kind} if kind else {})}
            for i, (path, kind, listed) in enumerate(found)
        ]

    return st.lists(st.tuples(paths, types, st.booleans()), min_size=1, max_size=4).map(numbered)


iterations = st.sampled_from(["forEach", "forEachOrNull"])
nested = st.builds(
    lambda key, base, inner: {key: base, "column": inner}, iterations, codings, columns(of_coding, "n")
)
unions = st.builds(
    lambda one, other, path: {
        "unionAll": [
            {"forEach": one, "column": [{"name": "u", "path": path, "collection": True}]},
            {"forEachOrNull": other, "column": [{"name": "u", "path": path, "collection": True}]},
        ]
    },
    codings, codings, of_coding,
)  # fmt: skip
wheres = st.lists(
    st.one_of(conditions.map(lambda text: f"code.coding.exists({text})"), st.just("status.exists()")),
    max_size=1,
)
views = st.builds(
    lambda own, inner, union, where: {
        "resource": "Observation",
        "select": [{"column": own}, *([inner] if inner else []), *([union] if union else [])],
        "where": [{"path": path} for path in where],
    },
    columns(plain, "c"), st.one_of(st.none(), nested), st.one_of(st.none(), unions), wheres,
)  # fmt: skip


def outcome(runner: Runner, resource: Json) -> Any:
    try:
        rows: Any = runner.rows(resource)
    except RowError as error:
        rows = error.what
    return rows, dict(runner.findings.mismatches)


@settings(max_examples=400, deadline=None)
@given(views, st.lists(observation, min_size=1, max_size=4))
def test_direct_routes_give_what_fhirpath_gives(document: Json, resources: list[Json]) -> None:
    view = read(document)
    direct, exact = Runner(view), Runner(view, direct=False)
    for resource in resources:
        assert outcome(direct, resource) == outcome(exact, resource)


# Columns of one select whose paths begin alike, which are walked once: lists picked from in every way, and their parents.
shared = st.one_of(
    st.sampled_from(
        ["code", "code.text", "code.coding.code", "code.coding.display.first()", "code.coding[1].code", "code.coding[2]",
         "code.coding.first()", "code.coding.first().code", "code.coding[0].system", "code.coding.exists()",
         "value.ofType(Quantity)", "value.ofType(Quantity).value", "value.ofType(Quantity).code", "value.ofType(Quantity).unit",
         "subject", "subject.display", "subject.getReferenceKey()", "subject.getReferenceKey(Patient)", "getResourceKey()",
         "category.first().coding.first().code", "category.first().coding.code", "category.coding.code",
         "component.first().code.coding.first().code", "component.first().value.ofType(Quantity).value",
         "performer.first().getReferenceKey(Patient)", "performer.first().display", "id", "status", "%rowIndex",
         "component.count()"]
    ),
    st.tuples(
        st.sampled_from(["code.coding", "category.first().coding", "component[1].code.coding"]),
        conditions,
        st.sampled_from(["", ".code", ".first()", ".first().display", ".code.first()", "[1].code", ".display"]),
    ).map(lambda each: f"{each[0]}.where({each[1]}){each[2]}"),
)  # fmt: skip
CODES_OF_EACH = {
    "forEachOrNull": "code.coding",
    "column": [{"name": "n", "path": "code"}, {"name": "m", "path": "code.exists()"}],
}


def sharing(found: list[tuple[str, str | None]], several_rows: bool) -> Json:
    own = [
        {"name": f"c{i}", "path": path, **({"type": kind} if kind else {})}
        for i, (path, kind) in enumerate(found)
    ]
    return {
        "resource": "Observation",
        "select": [{"column": own}, *([CODES_OF_EACH] if several_rows else [])],
    }


shared_views = st.builds(sharing, st.lists(st.tuples(shared, types), min_size=2, max_size=9), st.booleans())


@settings(max_examples=300, deadline=None)
@given(shared_views, st.lists(observation, min_size=1, max_size=4))
def test_columns_that_begin_alike_give_what_fhirpath_gives(document: Json, resources: list[Json]) -> None:
    view = read(document)
    direct, exact = Runner(view), Runner(view, direct=False)
    assert direct.is_direct
    for resource in resources:
        assert outcome(direct, resource) == outcome(exact, resource)


@settings(max_examples=60, deadline=None)
@given(views)
def test_the_plain_views_of_this_test_have_a_direct_plan(document: Json) -> None:
    assert Runner(read(document)).is_direct
