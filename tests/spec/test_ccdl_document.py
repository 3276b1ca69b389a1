"""A wrong cohort definition is refused with the place in it; a right one keeps its meaning."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.mii.ccdl import ComparatorFilter, RangeFilter, ReferenceFilter, parse_ccdl
from mihub.errors import InvalidInput, MihubError, NotSupported, TooLarge

TERM = {"code": "C34", "system": "icd", "display": "Lunge"}
CRITERION: dict[str, Any] = {"context": {**TERM, "code": "Diagnose"}, "termCodes": [TERM]}


def document(**more: Any) -> dict[str, Any]:
    return {"version": "2", "inclusionCriteria": [[{**copy.deepcopy(CRITERION), **more}]]}


def quantity(**more: Any) -> dict[str, Any]:
    return {"type": "quantity-comparator", "comparator": "gt", "value": 5, **more}


WRONG: list[tuple[object, str, str]] = [
    ([], "$", "JSON object"),
    ({"inclusionCriteria": [[CRITERION]]}, "$.version", "missing"),
    ({"version": "2"}, "$.inclusionCriteria", "JSON array"),
    ({"version": "2", "inclusionCriteria": []}, "$.inclusionCriteria", "at least one"),
    ({"version": "2", "inclusionCriteria": [[]]}, "$.inclusionCriteria[0]", "at least one"),
    ({**document(), "exclusionCriteria": []}, "$.exclusionCriteria", "at least one"),
    (document(context=None), "$.inclusionCriteria[0][0].context", "JSON object"),
    (document(termCodes=[]), "$.inclusionCriteria[0][0].termCodes", "at least one"),
    (document(termCodes=[{"code": "x"}]), "$.inclusionCriteria[0][0].termCodes[0].system", "text"),
    (document(termCodes=[{**TERM, "code": ""}]), "$.inclusionCriteria[0][0].termCodes[0].code", "empty"),
    (document(valueFilter={"type": "x"}), "$.inclusionCriteria[0][0].valueFilter.type", "one of concept"),
    (
        document(valueFilter=quantity(comparator="=")),
        "$.inclusionCriteria[0][0].valueFilter.comparator",
        "one of gt",
    ),
    (document(valueFilter=quantity(value="5")), "$.inclusionCriteria[0][0].valueFilter.value", "number"),
    (document(valueFilter=quantity(value=True)), "$.inclusionCriteria[0][0].valueFilter.value", "number"),
    (
        document(valueFilter={"type": "quantity-range", "minValue": 2, "maxValue": 1}),
        "$.inclusionCriteria[0][0].valueFilter",
        "nothing can match",
    ),
    (document(timeRestriction={}), "$.inclusionCriteria[0][0].timeRestriction", "afterDate"),
    (
        document(timeRestriction={"afterDate": "2021-1-1"}),
        "$.inclusionCriteria[0][0].timeRestriction.afterDate",
        "a date such as",
    ),
    (
        document(timeRestriction={"afterDate": "2022-01-01", "beforeDate": "2021-01-01"}),
        "$.inclusionCriteria[0][0].timeRestriction",
        "later",
    ),
    (
        document(attributeFilters=[{"type": "concept", "selectedConcepts": [TERM]}]),
        "$.inclusionCriteria[0][0].attributeFilters[0].attributeCode",
        "JSON object",
    ),
    (
        document(
            attributeFilters=[
                {
                    "type": "reference",
                    "attributeCode": TERM,
                    "criteria": [
                        {
                            **CRITERION,
                            "attributeFilters": [
                                {"type": "reference", "attributeCode": TERM, "criteria": [CRITERION]}
                            ],
                        }
                    ],
                }
            ]
        ),
        "$.inclusionCriteria[0][0].attributeFilters[0].criteria[0].attributeFilters[0]",
        "inside a reference",
    ),
]


@pytest.mark.parametrize(("body", "where", "says"), WRONG)
def test_a_wrong_part_is_named_by_its_path(body: object, where: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_ccdl(body)
    assert caught.value.where == where
    assert says in caught.value.what
    assert caught.value.next_step


def test_other_versions_and_endless_questions_are_refused() -> None:
    with pytest.raises(NotSupported, match=r"Where: \$\.version"):
        parse_ccdl({**document(), "version": "http://to_be_decided.com/draft-1/schema#"})
    with pytest.raises(TooLarge, match="split the question"):
        parse_ccdl({"version": "2", "inclusionCriteria": [[CRITERION] * 501]})


def test_unknown_properties_are_tolerated() -> None:
    more = document(colour="red", valueFilter=quantity(note=1, unit={"code": "a", "display": "a"}))
    value = parse_ccdl({**more, "author": {}}).inclusion[0][0].value
    assert value == ComparatorFilter("gt", 5.0, "a")


def test_the_published_example_keeps_all_its_parts(shared: Path) -> None:
    parsed = parse_ccdl(orjson.loads((shared / "data" / "ccdl" / "ccdl-all-properties.json").read_bytes()))
    assert [len(group) for group in parsed.inclusion] == [1, 1, 2, 1]
    assert [len(group) for group in parsed.exclusion] == [1, 1, 2]
    specimen = parsed.inclusion[3][0]
    assert isinstance(specimen.attributes[0].test, ReferenceFilter)
    assert len(specimen.attributes[0].test.criteria) == 2
    temperature = parsed.exclusion[2][1]
    assert temperature.value == RangeFilter(35.0, 39.0, "Cel")
    assert temperature.path == "$.exclusionCriteria[2][1]"


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_document_never_fails_otherwise(shared: Path, seed: int) -> None:
    """Each run replaces one place of the published example; the answer is a document or one of our errors."""
    body = orjson.loads((shared / "data" / "ccdl" / "ccdl-all-properties.json").read_bytes())
    places = list(_places(body))
    for parent, key in places[seed::40]:
        kept = parent[key]
        for wrong in (None, [], {}, "x", -1, [[[]]]):
            parent[key] = wrong
            assert _refused_at(body).startswith("$")
        parent[key] = kept


def _refused_at(body: object) -> str:
    """The path of the refusal; "$" when there is none."""
    try:
        parse_ccdl(body)
    except MihubError as error:
        return error.where
    return "$"


def _places(value: Any) -> Any:
    for key in range(len(value)) if isinstance(value, list) else list(value):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])
