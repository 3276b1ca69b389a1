"""What R4 itself writes in FHIRPath: every invariant and search expression compiles, and searches run."""

from __future__ import annotations

import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import FhirPathError

Searches = dict[str, set[str]]


@pytest.fixture(scope="module")
def published(shared: Path) -> tuple[set[str], Searches]:
    """Invariants, and search expressions by type, of the core package."""
    invariants: set[str] = set()
    searches: Searches = defaultdict(set)
    with tarfile.open(shared / "packages" / "hl7.fhir.r4.core-4.0.1.tgz") as package:
        for member in package:
            file = package.extractfile(member) if member.name.endswith(".json") else None
            content = file.read() if file else b""
            if b'"SearchParameter"' not in content and b'"StructureDefinition"' not in content:
                continue
            resource = orjson.loads(content)
            for base in resource.get("base", ()) if resource.get("expression") else ():
                searches[base].add(resource["expression"])
            for element in resource.get("snapshot", {}).get("element", ()):
                invariants.update(x["expression"] for x in element.get("constraint", ()) if "expression" in x)
    return invariants, searches


def refusals(expressions: set[str]) -> list[str]:
    found = []
    for expression in expressions:
        try:
            fhirpath.compile(expression)
        except FhirPathError as error:
            found.append(f"{expression}: {error}")
    return found


def test_all_invariants_and_searches_compile(published: tuple[set[str], Searches]) -> None:
    invariants, searches = published
    everything = invariants | set().union(*searches.values())
    assert len(invariants) > 190
    assert len(everything) > 1500
    assert refusals(everything) == []


def test_searches_run_on_the_examples(published: tuple[set[str], Searches], shared: Path) -> None:
    _, searches = published
    failures: list[str] = []
    examples = 0
    for path in sorted((shared / "data" / "fhirpath" / "examples").glob("*.json")):
        resource: dict[str, Any] = orjson.loads(path.read_bytes())
        kind = resource.get("resourceType", "")
        examples += kind in searches
        for expression in searches.get(kind, ()):
            try:
                fhirpath.compile(expression).items(resource)
            except FhirPathError as error:
                failures.append(f"{kind} {expression}: {error}")
    assert examples > 50
    assert failures == []
