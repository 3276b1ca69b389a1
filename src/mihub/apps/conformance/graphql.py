"""The published GraphQL cases. Source: FHIR/fhir-test-cases, r4/graphql.

The cases come without a record: as the reference implementation's own test does, resources are read from R4's examples, and the
searches answer with the examples that the expected outputs name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from lxml import etree

from mihub.apps.conformance.suite import Failure, Result
from mihub.core.fhir import Json, Resource
from mihub.errors import MihubError
from mihub.site.formats.xml_reading import resource_from_xml
from mihub.site.graphql.execute import execute
from mihub.site.graphql.source import Page, Parameters

_FOUND = {"Condition": ["example"], "Patient": ["example", "xds"]}
_NEXT = "77c97e03-8a6c-415f-a63d-11c80cf73f:50"


class Examples:
    """R4's examples as a `Source`."""

    def __init__(self, folder: Path) -> None:
        self._resources: dict[tuple[str, str], Resource] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix in (".json", ".xml"):
                resource = _read(path)
                kind = resource.get("resourceType", "")
                # A case names an example by its id or, for one of them, by its file.
                for name in (resource.get("id", ""), path.stem.removeprefix(f"{kind.lower()}-")):
                    self._resources.setdefault((kind, name), resource)

    def read(self, resource_type: str, resource_id: str) -> Resource | None:
        return self._resources.get((resource_type, resource_id))

    def search(self, resource_type: str, parameters: Parameters) -> list[Resource]:
        found = [self.read(resource_type, one) for one in _FOUND.get(resource_type, ())]
        return [one for one in found if one is not None]

    def page(self, resource_type: str, parameters: Parameters) -> Page:
        edges: list[Json] = [{"resource": one} for one in self.search(resource_type, parameters)]
        edges[-1] |= {"mode": "match", "score": 0.5}
        return Page(edges, 50, 0, 50, {"next": _NEXT})


def _read(path: Path) -> Resource:
    body = path.read_bytes()
    resource: Resource = resource_from_xml(body) if path.suffix == ".xml" else orjson.loads(body)
    return resource


def run(data: Path) -> Result:
    """Every case of the manifest."""
    folder, examples = data / "fhir-test-cases" / "r4" / "graphql", Examples(data / "fhirpath" / "examples")
    manifest = etree.parse(folder / "manifest.xml", etree.XMLParser(resolve_entities=False, no_network=True))
    cases = list(manifest.getroot().iter("test"))
    failures = [
        Failure(str(case.get("name")), saw, _LEFT.get(str(case.get("name")), ""))
        for case in cases
        if (saw := _difference(case, folder, examples))
    ]
    return Result(
        "graphql", "FHIR/fhir-test-cases, r4/graphql", len(cases), len(cases) - len(failures), tuple(failures)
    )


_LEFT: dict[str, str] = {}


def _difference(case: Any, folder: Path, examples: Examples) -> str:
    address = str(case.get("context")).split("/")
    start = examples.read(address[0], address[1]) if len(address) > 1 else None
    if len(address) > 1 and start is None:
        return f"the example {address[0]}/{address[1]} is not among the data"
    query = (folder / str(case.get("source"))).read_text(encoding="utf-8")
    try:
        found = execute(
            query, examples, start=start, operation=case.get("operation") or "", variables={"var": True}
        )
    except MihubError as error:
        return "" if case.get("output") == "$error" else f"refused: {error}"
    if case.get("output") == "$error":
        return "not refused"
    wanted = orjson.loads((folder / str(case.get("output"))).read_bytes())
    return "" if found == wanted else f"another answer: {orjson.dumps(found)[:300].decode()}"
