"""What a ViewDefinition may not be, said with its place; what columns hold; what rows are refused."""

from __future__ import annotations

from typing import Any

import pytest

from mihub.core.fhir.views import Runner, ViewError, read
from mihub.core.fhir.views.definition import RowError

Json = dict[str, Any]


def column(path: Any, name: str = "x", **more: Any) -> Json:
    return {"name": name, "path": path, **more}


def view(*columns: Json, resource: str = "Patient", **more: Any) -> Json:
    return {"resource": resource, "select": [{"column": list(columns)}], **more}


WRONG: dict[str, tuple[Any, str, str]] = {
    "no object": ([], "A ViewDefinition is a JSON object.", "ViewDefinition"),
    "another resource": ({"resourceType": "Patient"}, "The document is not a ViewDefinition.", "resourceType"),
    "no type": ({"select": []}, "The view does not say which resource type it is about.", "resource"),
    "unknown type": (view(column("id"), resource="Patiant"), "There is no such resource type.", "resource"),
    "a data type": (view(column("id"), resource="HumanName"), "There is no such resource type.", "resource"),
    "no select": ({"resource": "Patient"}, "A view selects at least one thing.", "select"),
    "syntax": (view(column("name.where(")), "a name is missing; the expression ends.", "character 12"),
    "no function": (view(column("name.wher()")), "There is no function wher().", "path, character 6"),
    "no path": (view(column(3)), "A FHIRPath expression, a text, is needed here.", "select[0].column[0].path"),
    "twice": (view(column("id"), column("id")), "The column name x is used twice.", "select[0].column[1].name"),
    "name": (view(column("id", "a b")), "The column has no usable name.", "select[0].column[0].name"),
    "type": (view(column("id", type="strin")), "There is no such type.", "select[0].column[0].type"),
    "typo": (
        {"resource": "Patient", "select": [{"forEeach": "name", "column": [column("id")]}]},
        "The member forEeach is not known here.", "select[0]",
    ),
    "two iterations": (
        {"resource": "Patient", "select": [{"forEach": "name", "repeat": ["name"], "column": [column("id")]}]},
        "A select has one of forEach, forEachOrNull and repeat; here are 2.", "select[0]",
    ),
    "constant unknown": (view(column("name.where(use = %u)")), "The constant %u is not defined.", "character 18"),
    "constant without value": (
        view(column("id"), constant=[{"name": "c"}]),
        "A constant has a name and exactly one value of a primitive type.", "constant[0]",
    ),
    "constant of another type": (
        view(column("id"), constant=[{"name": "c", "valueDate": "gestern"}]),
        "The constant is not a date.", "constant[0].valueDate",
    ),
    "constant reserved": (
        view(column("id"), constant=[{"name": "rowIndex", "valueInteger": 1}]),
        "The name of the constant is taken.", "constant[0].name",
    ),
    "condition": (view(column("id"), where=[{"path": "name.family"}]), "does not give true or false", "where[0].path"),
    "key of no type": (
        view(column("link.other.getReferenceKey(Nobody)")), "takes the name of a resource type", "character 28",
    ),
    "union": (
        {"resource": "Patient", "select": [{"unionAll": [{"column": [column("id")]}, {"column": [column("id", "y")]}]}]},
        "The branches of unionAll do not have the same columns", "select[0].unionAll[1]",
    ),
    "union of types": (
        {"resource": "Patient", "select": [
            {"unionAll": [{"column": [column("id")]}, {"column": [column("active", type="boolean")]}]}]},
        "The column x has another type than in the first branch", "select[0].unionAll[1].column[0].type",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_its_place(name: str) -> None:
    document, what, where = WRONG[name]
    with pytest.raises(ViewError) as caught:
        read(document)
    assert what in caught.value.what
    assert where in caught.value.where
    assert caught.value.next_step
    assert caught.value.http_status == 422


def test_selects_nested_without_end_are_refused() -> None:
    inner: Json = {"column": [column("id")]}
    for _ in range(40):
        inner = {"select": [inner]}
    with pytest.raises(ViewError, match="nested deeper than 32 levels"):
        read({"resource": "Patient", "select": [inner]})


def test_an_element_that_the_type_does_not_have_is_noted() -> None:
    made = read(view(column("nmae.family"), column("code", "y"), resource="Patient"))
    assert (
        made.notes[0] == "select[0].column[0].path, character 1: Patient has no element nmae. It stays empty."
    )
    assert len(made.notes) == 2


def test_types_of_columns_are_declared_or_worked_out() -> None:
    paths = {
        "name.family": "string", "birthDate": "date", "name.exists()": "boolean", "name.count()": "integer",
        "multipleBirth.ofType(integer)": "integer", "getResourceKey()": "id", "birthDate.lowBoundary()": "date",
        "name": "HumanName", "name.given.join(',')": "string", "%rowIndex": "integer", "gender = 'male'": "boolean",
    }  # fmt: skip
    made = read(view(*[column(path, f"c{i}") for i, path in enumerate(paths)]))
    assert [one.fhir_type for one in made.columns] == list(paths.values())
    for declared in ("integer", "http://hl7.org/fhir/StructureDefinition/integer", "System.Integer",
                     "http://hl7.org/fhirpath/System.Integer"):  # fmt: skip
        assert read(view(column("id", type=declared))).columns[0].fhir_type == "integer"


FITS: list[tuple[str, str, Any, Any, int]] = [
    ("multipleBirth.ofType(integer)", "decimal", {"multipleBirthInteger": 2}, 2, 0),
    ("multipleBirth.ofType(integer)", "string", {"multipleBirthInteger": 2}, "2", 0),
    ("active", "string", {"active": True}, "true", 0),
    ("active", "integer", {"active": True}, None, 1),
    ("birthDate", "boolean", {"birthDate": "2020"}, None, 1),
    ("multipleBirth.ofType(integer)", "integer", {"multipleBirthInteger": 2**40}, None, 1),
    ("birthDate", "instant", {"birthDate": "2020-01-01"}, None, 1),
    ("name", "string", {"name": [{"family": "A"}]}, None, 1),
]


@pytest.mark.parametrize(("path", "declared", "content", "value", "count"), FITS)
def test_a_value_that_does_not_fit_becomes_null_and_is_counted(
    path: str, declared: str, content: Json, value: Any, count: int
) -> None:
    runner = Runner(read(view(column(path, type=declared))))
    assert runner.rows({"resourceType": "Patient", **content}) == [(value,)]
    assert [one.count for one in runner.findings.listed()] == ([1] if count else [])
    assert "2020" not in str(runner.findings.listed())


def test_several_values_in_a_column_that_is_no_collection_are_refused_without_the_value() -> None:
    runner = Runner(read(view(column("name.family"))))
    with pytest.raises(RowError) as caught:
        runner.rows({"resourceType": "Patient", "name": [{"family": "Geheim"}, {"family": "Anders"}]})
    assert "The column x has several values in one resource." in str(caught.value)
    assert "Use collection: true, forEach, or first()." in str(caught.value)
    assert "Geheim" not in str(caught.value)


def test_a_view_that_explodes_is_refused() -> None:
    many = [{"forEach": "name", "column": [column("family", f"c{i}")]} for i in range(4)]
    runner = Runner(read({"resource": "Patient", "select": many}))
    names = [{"family": str(i)} for i in range(20)]
    with pytest.raises(RowError, match="One resource becomes more than 100000 rows"):
        runner.rows({"resourceType": "Patient", "name": names})


@pytest.mark.parametrize("path", ["$this", "descendants() | $this"])
def test_a_repeat_that_does_not_end_is_refused(path: str) -> None:
    runner = Runner(read({"resource": "Patient", "select": [{"repeat": [path], "column": [column("id")]}]}))
    with pytest.raises(RowError, match="repeat does not come to an end"):
        runner.rows({"resourceType": "Patient", "id": "a", "name": [{"family": "B"}]})


def test_keys_join_only_what_surely_belongs_together() -> None:
    runner = Runner(read(view(column("link.other.getReferenceKey(Patient)", collection=True))))
    literals = {
        "Patient/1": ["1"], "Patient/1/_history/2": ["1"], "Group/1": [], "https://elsewhere.example/fhir/Patient/1": [],
        "#1": [], "urn:uuid:1": [], "Patient/": [], "Patient/1/2": [],
    }  # fmt: skip
    for literal, keys in literals.items():
        found = runner.rows({"resourceType": "Patient", "link": [{"other": {"reference": literal}}]})
        assert found == [(keys,)], literal
