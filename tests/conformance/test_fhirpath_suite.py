"""The official FHIRPath suite for R4 (FHIR/fhir-test-cases): every case, with a table of those that do not pass.

A case passes when values, their order and, where the suite names one, their type agree, or when an expression
that must fail fails. The number is published in docs/reference/fhirpath.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree

from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import Element, FhirPathError, TypeValue
from mihub.core.fhir.fhirpath.elements import system
from mihub.core.fhir.fhirpath.functions.conversion import to_string
from tests.conformance.fhirpath_xml import resource_from_xml

CASES = 935
PASSES = 929

# (group, case) -> why it does not pass.
KNOWN: dict[tuple[str, str], str] = {
    (
        "testPlus",
        "testPlusDate19",
    ): "the suite drops 0.1 s; the specification ignores fractions above seconds only",
    ("LowBoundary", "LowBoundaryDecimal15"): "the suite's -0.0 is above -0.0034, so it is no lower bound",
    ("HighBoundary", "HighBoundaryDecimal15"): "the suite's 0.0 is below 0.0034, so it is no upper bound",
    ("HighBoundary", "HighBoundaryDecimal16"): "the same: -(0.0034.highBoundary(1)), the minus binds last",
    ("HighBoundary", "HighBoundaryDateTimeMillisecond1"): "hour 08 ends at 08:59:59.999, not at 08:00:59.999",
    ("HighBoundary", "HighBoundaryDateTimeMillisecond3"): "hour 08 ends at 08:59:59.999, not at 08:00:59.999",
}


@dataclass(frozen=True)
class Case:
    """One `<test>` of the suite."""

    group: str
    name: str
    expression: str
    input: str
    fails: bool
    strict: bool
    predicate: bool
    ordered: bool
    outputs: tuple[tuple[str | None, str], ...]


def cases(suite: Path) -> Iterator[Case]:
    """All cases in the order of the file."""
    for group in etree.parse(suite).getroot().iter("group"):
        for test in group.iter("test"):
            expression = test.find("expression")
            yield Case(
                group=group.get("name"),
                name=test.get("name"),
                expression=expression.text or "",
                input=test.get("inputfile") or "",
                fails=expression.get("invalid") is not None,
                strict=test.get("mode") == "strict",
                predicate=test.get("predicate") == "true",
                ordered=test.get("ordered") != "false",
                outputs=tuple((output.get("type"), output.text or "") for output in test.iter("output")),
            )


def load(folder: Path, name: str) -> dict[str, Any]:
    """An input file; cases without one run on an empty Basic."""
    if not name:
        return {"resourceType": "Basic"}
    path = folder / name
    if not path.exists():
        path = folder.parent / "examples" / name
    return resource_from_xml(path) if path.suffix == ".xml" else orjson.loads(path.read_bytes())


def problem(case: Case, resource: dict[str, Any]) -> str | None:
    """What is wrong with our answer; None when it is right."""
    try:
        expression = fhirpath.compile(case.expression, root=resource["resourceType"], strict=case.strict)
        items = expression.items(resource)
    except FhirPathError as error:
        return None if case.fails else f"fails: {error}"
    if case.fails:
        return f"must fail; gives {items}"
    if case.predicate:
        items = [bool(items)]
    ours = [shown(item) for item in items]
    theirs = [(kind, normal(text)) for kind, text in case.outputs]
    if not case.ordered:
        ours, theirs = sorted(ours, key=str), sorted(theirs, key=str)
    if len(ours) == len(theirs) and all(map(agrees, ours, theirs)):
        return None
    return f"gives {ours}, wanted {theirs}"


def shown(item: object) -> tuple[str, str]:
    """Type and text of one item."""
    value = system(item)
    if isinstance(item, Element):
        kind = item.type.name
    elif isinstance(item, TypeValue):
        kind = "TypeValue"
    else:
        kind = {"bool": "boolean", "int": "integer", "str": "string"}.get(
            type(item).__name__, type(item).__name__
        )
    return kind[0].lower() + kind[1:], to_string(value) or ""


def normal(text: str) -> str:
    """A date or time as `toString` gives it: without its marks."""
    return text.removeprefix("@").removeprefix("T") if text.startswith("@") else text


def agrees(ours: tuple[str, str], theirs: tuple[str | None, str]) -> bool:
    """Same text, or same number; same type where one is given."""
    kind, text = theirs
    if kind is None:
        return ours[1] == text
    if kind == "decimal":
        return ours[0] == "decimal" and Decimal(ours[1]) == Decimal(text)
    return ours == (kind[0].lower() + kind[1:], text)


@pytest.fixture(scope="module")
def results(shared: Path) -> dict[tuple[str, str], list[str | None]]:
    folder = shared / "data" / "fhirpath"
    loaded: dict[str, dict[str, Any]] = {}
    found: dict[tuple[str, str], list[str | None]] = {}
    for case in cases(folder / "fhirpath" / "tests-fhir-r4.xml"):
        if case.input not in loaded:
            loaded[case.input] = load(folder / "inputs", case.input)
        answer = problem(case, loaded[case.input])
        found.setdefault((case.group, case.name), []).append(answer and f"{case.expression}: {answer}")
    return found


def test_every_case_passes_or_is_named(results: dict[tuple[str, str], list[str | None]]) -> None:
    wrong = {key: [each for each in answers if each] for key, answers in results.items()}
    unnamed = {key: answers for key, answers in wrong.items() if answers and key not in KNOWN}
    assert not unnamed, "\n".join(f"{key}: {answers}" for key, answers in unnamed.items())


def test_no_named_case_passes_by_now(results: dict[tuple[str, str], list[str | None]]) -> None:
    stale = [key for key in KNOWN if not any(results.get(key, []))]
    assert not stale, f"these pass or are gone; take them out of the table: {stale}"


def test_the_published_number_is_the_real_one(results: dict[tuple[str, str], list[str | None]]) -> None:
    answers = [answer for each in results.values() for answer in each]
    assert len(answers) == CASES
    assert answers.count(None) == PASSES


def test_the_page_publishes_the_same_number(request: pytest.FixtureRequest) -> None:
    page = request.config.rootpath / "docs" / "reference" / "fhirpath.md"
    assert f"{PASSES} of {CASES}" in page.read_text()
