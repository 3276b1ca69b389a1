"""FHIR packages made on the spot: manifest, profiles, archives whole and broken."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

PATIENT = "http://hl7.org/fhir/StructureDefinition/Patient"
BASE = "https://maker.example/fhir"


def manifest(name: str = "maker.one", version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """A package.json for R4 unless `more` says otherwise; `dependencies` as usual."""
    return {"name": name, "version": version, "fhirVersions": ["4.0.1"], "dependencies": {}} | more


def code_system(name: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    """A small CodeSystem."""
    return {
        "resourceType": "CodeSystem",
        "id": name,
        "url": f"{BASE}/CodeSystem/{name}",
        "version": version,
        "name": name,
        "status": "active",
        "content": "complete",
    } | more


def profile(name: str, base: str = PATIENT, *, version: str = "1.0.0", **element: Any) -> dict[str, Any]:
    """A profile on Patient without snapshot; `element`: what it says of `Patient.birthDate`."""
    return {
        "resourceType": "StructureDefinition",
        "id": name,
        "url": f"{BASE}/StructureDefinition/{name}",
        "version": version,
        "name": name,
        "status": "active",
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": "Patient",
        "baseDefinition": base,
        "derivation": "constraint",
        "differential": {
            "element": [{"id": "Patient.birthDate", "path": "Patient.birthDate", **(element or {"min": 1})}]
        },
    }


def files_of(package: Mapping[str, Any], *resources: Mapping[str, Any], **named: bytes) -> dict[str, bytes]:
    """Paths to bytes: the manifest, each resource under its usual name, and further files by path."""
    made = {"package/package.json": orjson.dumps(package)}
    for one in resources:
        made[f"package/{one['resourceType']}-{one['id']}.json"] = orjson.dumps(one)
    return made | named


def tgz(path: Path, files: Mapping[str, bytes], *, more: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    """Write the archive; `more`: headers without contents, such as links."""
    with tarfile.open(path, "w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for info in more:
            archive.addfile(info)
    return path


def package(folder: Path, known: Mapping[str, Any], *resources: Mapping[str, Any]) -> Path:
    """A whole package as `name-version.tgz` in a folder."""
    return tgz(folder / f"{known['name']}-{known['version']}.tgz", files_of(known, *resources))
