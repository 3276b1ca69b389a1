"""The function that a select becomes: no word of a view is run, and what is odd is left to FHIRPath."""

from __future__ import annotations

from typing import Any

import pytest

from mihub.core.fhir.views import Runner, read
from mihub.core.fhir.views.definition import RowError
from mihub.core.fhir.views.trail import At, Child, Listed, Pick, ResourceKey, Where, strides

CODING = Listed("coding", "_coding", False)
CODE = Child("code", "_code", True)


def rows(paths: list[str], resource: dict[str, Any], *, kind: str = "Observation") -> Any:
    columns = [{"name": f"c{i}", "path": path} for i, path in enumerate(paths)]
    runner = Runner(read({"resource": kind, "select": [{"column": columns}]}))
    assert runner.is_direct
    return runner.rows({"resourceType": kind, **resource})


@pytest.mark.parametrize(
    "text", ["')", "\\n raise SystemExit", "{x}", "k1", '"""', "__import__('os')", "%s", "n\u2028x", "\\\\"]
)
def test_a_literal_is_a_value_and_never_code(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    found = rows(
        [f"code.coding.where(system = '{quoted}').code.first()", "code.coding.first().code"],
        {"code": {"coding": [{"system": "other", "code": "a"}, {"system": text, "code": "b"}]}},
    )
    assert found == [("b", "a")]


def test_what_columns_share_is_asked_once() -> None:
    class Watched(dict[str, Any]):
        asked = 0

        def get(self, key: str, default: Any = None) -> Any:
            type(self).asked += key == "code"
            return super().get(key, default)

    view = read(
        {
            "resource": "Observation",
            "select": [
                {
                    "column": [
                        {"name": "a", "path": "code.coding.first().code"},
                        {"name": "b", "path": "code.coding.first().display"},
                        {"name": "c", "path": "code.text"},
                    ]
                }
            ],
        }
    )
    resource = Watched(
        resourceType="Observation", code={"coding": [{"code": "1", "display": "one"}], "text": "t"}
    )
    assert Runner(view).rows(resource) == [("1", "one", "t")]
    assert Watched.asked == 1


def test_several_values_are_refused_with_the_column() -> None:
    with pytest.raises(RowError, match="The column c1 has several values"):
        rows(
            ["status", "code.coding.code"],
            {"status": "final", "code": {"coding": [{"code": "1"}, {"code": "2"}]}},
        )


def test_whole_numbers_beyond_their_type_become_null() -> None:
    assert rows(["value.ofType(integer)"], {"valueInteger": 2**31 - 1}) == [(2**31 - 1,)]
    assert rows(["value.ofType(integer)"], {"valueInteger": 2**31}) == [(None,)]
    assert rows(["value.ofType(integer)"], {"valueInteger": True}) == [(None,)]


def test_a_trail_is_walked_only_where_each_step_leads_to_one_value() -> None:
    where = Where((("system", "x"),))
    assert strides((CODING, where, CODE, At(0))) == (CODING, Pick(where, CODE, first=True))
    assert strides((CODING, CODE)) == (CODING, Pick(None, CODE, first=False))
    assert strides((CODING, At(2), CODE)) == (CODING, At(2), CODE)
    assert strides((CODING, where, At(1))) is None
    assert strides((CODING, CODING)) is None
    assert strides((ResourceKey(), CODE)) is None
    assert strides((CODE,) * 13) is None
    assert strides(None) is None


def test_very_many_columns_are_one_function() -> None:
    paths = [f"code.coding[{i}].code" for i in range(1_600)]
    found = rows(paths, {"code": {"coding": [{"code": "a"}, {"code": "b"}]}})
    assert found == [("a", "b", *[None] * 1_598)]
