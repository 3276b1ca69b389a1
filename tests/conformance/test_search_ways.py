"""What the search index reads by look-ups is what the FHIRPath engine gives: R4's expressions on published resources."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mihub.core.fhir import fhirpath
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.fhirpath import Element
from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.site.search.paths import Selection, select
from mihub.site.search.published import published


@pytest.fixture(scope="module")
def resources(shared: Path) -> list[dict[str, Any]]:
    folders = [shared / "data" / "fhirpath" / "examples", shared / "data" / "mii-testdata" / "bundles"]
    files = [path for folder in folders for path in sorted(folder.glob("**/*.json"))]
    return [found for path in files for found in unpacked(json.loads(path.read_bytes()))]


def unpacked(resource: Any) -> Iterator[dict[str, Any]]:
    if isinstance(resource, dict) and resource.get("resourceType") in RESOURCE_TYPES:
        yield resource
        for entry in resource.get("entry", []):
            if isinstance(entry, dict) and resource["resourceType"] == "Bundle":
                yield from unpacked(entry.get("resource"))


def read(selection: Selection, resource: dict[str, Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    for way in selection.ways:
        values = resource.get(way.first, [])
        values = values if isinstance(values, list) else [values]
        for walk in way.walks:
            values = walk(values)
        if not way.targets or way.type.name != "Reference":
            found.update(json.dumps(value, sort_keys=True) for value in values if value is not None)
        else:
            # The index keeps the type beside the link and narrows when it is asked.
            kept = [
                each
                for each in values
                if str(each.get("reference", "")).split("/")[-2:-1] == list(way.targets)
            ]
            found.update(json.dumps(value, sort_keys=True) for value in kept)
    return found


def evaluated(expression: str, resource: dict[str, Any]) -> Counter[str]:
    items = fhirpath.compile(expression).items(resource)
    values = [item.value if isinstance(item, Element) else item for item in items]
    return Counter(json.dumps(value, sort_keys=True) for value in values if value is not None)


def test_ways_and_engine_select_the_same(resources: list[dict[str, Any]]) -> None:
    parameters, _ = published(core_definitions())
    of_type: dict[str, dict[str, Selection]] = {}
    compared = 0
    differ = []
    for resource in resources:
        kind = resource["resourceType"]
        if kind not in of_type:
            fitting = {
                one.expression
                for one in parameters
                if one.base in (kind, "Resource", "DomainResource") and one.kind != "composite"
            }
            of_type[kind] = {expression: select(expression, kind) for expression in sorted(fitting)}
        for expression, selection in of_type[kind].items():
            if not selection.evaluated:
                ours, theirs = read(selection, resource), evaluated(expression, resource)
                compared += bool(theirs)
                # `|` drops equal items, the index does that with its rows.
                if set(ours) != set(theirs) and not unresolvable(expression, resource):
                    differ.append((kind, resource.get("id"), expression, ours - theirs, theirs - ours))
    assert compared > 5000
    assert differ == []


def unresolvable(expression: str, resource: dict[str, Any]) -> bool:
    """`resolve()` in the engine reads contained resources; the index does not follow a reference to a part."""
    return "resolve()" in expression and '"reference": "#' in json.dumps(resource)
