"""The official FHIRPath suite for R4 (FHIR/fhir-test-cases): every case, those that do not pass with their reason.

A case passes when values, their order and, where the suite names one, their type agree, or when an expression that
must fail fails. The number is published in docs/reference/fhirpath.md. Below: `core.fhir.fhirpath`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import orjson
from lxml import etree

from mihub.apps.conformance.suite import Failure, Result
from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import Element, FhirPathError, TypeValue
from mihub.core.fhir.fhirpath.elements import system
from mihub.core.fhir.fhirpath.functions.conversion import to_string
from mihub.site.formats.xml_reading import resource_from_xml

SUITE: Final = "fhirpath"
SOURCE: Final = "FHIR/fhir-test-cases, r4/fhirpath/tests-fhir-r4.xml"

_HOUR: Final = "hour 08 ends at 08:59:59.999; the suite's 08:00:59.999 ends its first minute"
# group/case -> why it does not pass, and why we leave it.
REASONS: Final = {
    "testPlus/testPlusDate19": "the suite drops 0.1 s; the specification ignores fractions for units above seconds only",
    "LowBoundary/LowBoundaryDecimal15": "the suite's -0.0 is above -0.0034, so it is no lower bound",
    "HighBoundary/HighBoundaryDecimal15": "the suite's 0.0 is below 0.0034, so it is no upper bound",
    "HighBoundary/HighBoundaryDecimal16": "as HighBoundaryDecimal15: the minus binds after the function",
    "HighBoundary/HighBoundaryDateTimeMillisecond1": _HOUR,
    "HighBoundary/HighBoundaryDateTimeMillisecond3": _HOUR,
}
_NAMES: Final = {"bool": "boolean", "int": "integer", "str": "string"}


@dataclass(frozen=True, slots=True)
class Case:
    """One `<test>` of the suite. `outputs`: type (None: any) and text."""

    group: str
    name: str
    expression: str
    input: str
    fails: bool
    strict: bool
    predicate: bool
    ordered: bool
    outputs: tuple[tuple[str | None, str], ...]

    @property
    def label(self) -> str:
        """Group and name; some names appear twice in a group."""
        return f"{self.group}/{self.name}"


def run(data: Path) -> Result:
    """Every case of `fhirpath/` below the folder of the published data."""
    folder = data / "fhirpath"
    loaded: dict[str, dict[str, Any]] = {}
    failures: list[Failure] = []
    count = 0
    for case in cases(folder / "fhirpath" / "tests-fhir-r4.xml"):
        count += 1
        if case.input not in loaded:
            loaded[case.input] = _load(folder / "inputs", case.input)
        wrong = problem(case, loaded[case.input])
        if wrong is not None:
            failures.append(Failure(case.label, f"{case.expression}: {wrong}", REASONS.get(case.label, "")))
    return Result(SUITE, SOURCE, count, count - len(failures), tuple(failures))


def cases(suite: Path) -> Iterator[Case]:
    """All cases in the order of the file."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for group in etree.parse(suite, parser).getroot().iter("group"):
        for test in group.iter("test"):
            expression = test.find("expression")
            yield Case(
                group=group.get("name", ""),
                name=test.get("name", ""),
                expression="" if expression is None else expression.text or "",
                input=test.get("inputfile") or "",
                fails=expression is not None and expression.get("invalid") is not None,
                strict=test.get("mode") == "strict",
                predicate=test.get("predicate") == "true",
                ordered=test.get("ordered") != "false",
                outputs=tuple((output.get("type"), output.text or "") for output in test.iter("output")),
            )


def _load(folder: Path, name: str) -> dict[str, Any]:
    """An input file; cases without one run on an empty Basic."""
    if not name:
        return {"resourceType": "Basic"}
    path = folder / name
    if not path.exists():
        path = folder.parent / "examples" / name
    if path.suffix == ".xml":
        return resource_from_xml(path.read_bytes(), number=Decimal)
    resource: dict[str, Any] = orjson.loads(path.read_bytes())
    return resource


def problem(case: Case, resource: dict[str, Any]) -> str | None:
    """What is wrong with our answer; None when it is right."""
    try:
        expression = fhirpath.compile(case.expression, root=resource["resourceType"], strict=case.strict)
        items = expression.items(resource)
    except FhirPathError as error:
        return None if case.fails else f"fails: {error}"
    if case.fails:
        return f"must fail; gives {items}"
    ours = [_shown(item) for item in ([bool(items)] if case.predicate else items)]
    theirs = [(kind, _normal(text)) for kind, text in case.outputs]
    if not case.ordered:
        ours, theirs = sorted(ours, key=str), sorted(theirs, key=str)
    if len(ours) == len(theirs) and all(map(_agrees, ours, theirs)):
        return None
    return f"gives {ours}, wanted {theirs}"


def _shown(item: object) -> tuple[str, str]:
    """Type and text of one item."""
    if isinstance(item, Element):
        kind = item.type.name
    elif isinstance(item, TypeValue):
        kind = "TypeValue"
    else:
        kind = _NAMES.get(type(item).__name__, type(item).__name__)
    return _uncapitalised(kind), to_string(system(item)) or ""


def _normal(text: str) -> str:
    """A date or time as `toString` gives it: without its marks."""
    return text.removeprefix("@").removeprefix("T") if text.startswith("@") else text


def _agrees(ours: tuple[str, str], theirs: tuple[str | None, str]) -> bool:
    """Same text, or same number; same type where one is given."""
    kind, text = theirs
    if kind is None:
        return ours[1] == text
    if kind == "decimal":
        return ours[0] == "decimal" and Decimal(ours[1]) == Decimal(text)
    return ours == (_uncapitalised(kind), text)


def _uncapitalised(name: str) -> str:
    return name[0].lower() + name[1:]
