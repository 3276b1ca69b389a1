"""`mihub packages list`: what is on the shelf, package by package. Above: `shelf`. Below: `database`, `dependencies`."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import orjson

from mihub.core.fhir.definitions.canonical import version_key
from mihub.site.packages.account import Package, SetAside
from mihub.site.packages.database import Database
from mihub.site.packages.dependencies import Graph


def packages(database: Database, graph: Graph) -> tuple[Package, ...]:
    """Every package, by name and version."""
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    examples: dict[int, int] = defaultdict(int)
    for number, kind, example, count in database.read(
        "SELECT package, resource_type, example, count(*) FROM resource GROUP BY 1, 2, 3 ORDER BY 2"
    ):
        if example:
            examples[number] += count
        else:
            counts[number][kind] = count
    aside: dict[int, list[SetAside]] = defaultdict(list)
    for number, *said in database.read(
        "SELECT package, place, what, rule, next_step FROM set_aside ORDER BY place"
    ):
        aside[number].append(SetAside(*said))
    rows = database.read("SELECT id, name, version, fhir_versions, source, added_at_utc FROM package")
    made = [_package(row, counts[row[0]], examples[row[0]], aside[row[0]], graph) for row in rows]
    return tuple(sorted(made, key=lambda one: (one.name, version_key(one.version), one.version)))


def _package(
    row: tuple[Any, ...], counts: dict[str, int], examples: int, aside: list[SetAside], graph: Graph
) -> Package:
    _, name, version, fhir_versions, source, added_at_utc = row
    label = f"{name}#{version}"
    return Package(
        name=name,
        version=version,
        fhir_versions=tuple(orjson.loads(fhir_versions)),
        source=source,
        added_at_utc=added_at_utc,
        resources=counts,
        examples=examples,
        set_aside=tuple(aside),
        dependencies=graph.dependencies(label),
        cycle=graph.cycle(label),
    )
