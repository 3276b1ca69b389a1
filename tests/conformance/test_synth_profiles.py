"""What the profiles of the MII core data set require is there, in every resource that claims one.

Reads the published packages: every element with min 1 outside of slices. Imaging has no package here and is
not held against one; that gap is named, not hidden.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from mihub.synth.members import MEMBERS
from mihub.synth.region import write_region

WITHOUT_PACKAGE = ("/ext/modul-bildgebung/",)
Required = dict[str, list[str]]


@cache
def _required(packages: Path) -> Required:
    found: Required = {}
    for package in sorted(packages.glob("de.medizininformatikinitiative.*.tgz")):
        with tarfile.open(package) as archive:
            for member in archive:
                if member.name.startswith("package/") and member.name.endswith(".json"):
                    _add(found, json.load(archive.extractfile(member) or pytest.fail(member.name)))
    return found


def _add(found: Required, document: dict[str, Any]) -> None:
    if document.get("resourceType") == "StructureDefinition" and "snapshot" in document:
        found[document["url"]] = [
            element["path"]
            for element in document["snapshot"]["element"]
            if element.get("min") and "." in element["path"] and ":" not in element["id"]
        ]


def _children(node: dict[str, Any], name: str) -> list[Any]:
    keys = [key for key in node if key.startswith(name[:-3])] if name.endswith("[x]") else [name]
    values = [node[key] for key in keys if key in node]
    return [item for value in values for item in (value if isinstance(value, list) else [value])]


def _missing(resource: dict[str, Any], path: str) -> bool:
    *parents, last = path.split(".")[1:]
    nodes: list[Any] = [resource]
    for name in parents:
        nodes = [child for node in nodes if isinstance(node, dict) for child in _children(node, name)]
    return any(isinstance(node, dict) and not _children(node, last) for node in nodes)


def _claims(out: Path, member: str) -> Iterator[tuple[dict[str, Any], str]]:
    for path in sorted((out / member / "fhir").glob("*.ndjson")):
        for line in path.read_bytes().splitlines():
            resource = orjson.loads(line)
            for profile in resource["meta"].get("profile", []):
                yield resource, profile


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("profiles")
    write_region(out, seed=5, people=90, today=date(2026, 11, 23))
    return out


@pytest.mark.parametrize("member", [member.id for member in MEMBERS])
def test_required_elements_of_claimed_profiles_are_there(region: Path, member: str, shared: Path) -> None:
    required = _required(shared / "packages")
    missing = {
        (profile.rpartition("/")[2], path)
        for resource, profile in _claims(region, member)
        if not any(part in profile for part in WITHOUT_PACKAGE)
        for path in required[profile]
        if _missing(resource, path)
    }
    assert missing == set()
