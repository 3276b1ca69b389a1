"""The published cases of JSON Patch and FHIRPath Patch. Source: FHIR/fhir-test-cases, r4/patch.

A case that asks for an error passes when the patch is refused; the wording is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from lxml import etree

from mihub.apps.conformance.suite import Failure, Result
from mihub.core.fhir.patch import fhirpath_patched, json_patched
from mihub.errors import MihubError
from mihub.site.formats.xml_reading import resource_from_element

_Case = tuple[str, Callable[[], Any], Any]


def run(data: Path) -> Result:
    """Every case of both files."""
    folder = data / "fhir-test-cases" / "r4" / "patch"
    cases = [*_json(folder / "json-patch-tests.json"), *_fhirpath(folder / "fhir-patch-tests.xml")]
    failures = [
        Failure(name, saw) for name, patched, wanted in cases if (saw := _difference(patched, wanted))
    ]
    return Result(
        "patch", "FHIR/fhir-test-cases, r4/patch", len(cases), len(cases) - len(failures), tuple(failures)
    )


def _difference(patched: Callable[[], Any], wanted: Any) -> str:
    """What is not as wanted; `wanted` None: the patch must be refused."""
    try:
        found = patched()
    except MihubError as error:
        return "" if wanted is None else f"refused: {error.what}"
    if wanted is None:
        return "not refused"
    return "" if found == wanted else "another result"


def _json(path: Path) -> Iterator[_Case]:
    for case in orjson.loads(path.read_bytes()):
        document, patch = case["doc"], case["patch"]
        yield (
            f"json: {case['comment']}",
            partial(json_patched, document, patch),
            case.get("expected"),
        )


def _fhirpath(path: Path) -> Iterator[_Case]:
    for case in (
        etree.parse(path, etree.XMLParser(resolve_entities=False, no_network=True)).getroot().iter("case")
    ):
        before, patch, after = (_inside(case, name) for name in ("input", "diff", "output"))
        yield (
            f"fhirpath: {case.get('name')}",
            partial(fhirpath_patched, before, patch),
            after,
        )


def _inside(case: Any, name: str) -> Any:
    holder = case.find(name)
    return (
        None
        if holder is None
        else resource_from_element(next(one for one in holder if isinstance(one.tag, str)))
    )
