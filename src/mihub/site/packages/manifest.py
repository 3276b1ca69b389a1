"""`package/package.json`: who the package is, for which FHIR, and what it depends on.

Source: https://confluence.hl7.org/display/FHIR/NPM+Package+Specification. Never trusts a value it has not checked.
Above: `reading`. Below: `account`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mihub.errors import InvalidInput, NotSupported

FILE_NAME: Final = "package.json"
CORE_NAME: Final = "hl7.fhir.r4.core"
_NAME: Final = re.compile(r"(?:@[a-z0-9][a-z0-9._-]*/)?[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")
_R4: Final = re.compile(r"4\.0(?:\.\d+)?(?:[-+].*)?|R4", re.IGNORECASE)
_MAX_NAME: Final = 214
_MAX_VERSION: Final = 100
# A package that does not name its FHIR version names a core package, and that tells it.
_CORE_OF: Final = {
    "hl7.fhir.r2.core": "1.0.2",
    "hl7.fhir.r3.core": "3.0.2",
    "hl7.fhir.r4.core": "4.0.1",
    "hl7.fhir.r4b.core": "4.3.0",
    "hl7.fhir.r5.core": "5.0.0",
    "hl7.fhir.r6.core": "6.0.0",
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A checked package.json. `fhir_versions` is empty when the package does not say; `dependencies`: name to version."""

    name: str
    version: str
    canonical: str
    fhir_versions: tuple[str, ...]
    dependencies: Mapping[str, str]

    @property
    def label(self) -> str:
        """`name#version`."""
        return f"{self.name}#{self.version}"


def parse(document: Any, where: str) -> Manifest:
    """The manifest. Raises `InvalidInput` when it is none, `NotSupported` when the package is for another FHIR."""
    if not isinstance(document, dict):
        raise _wrong(where, "its package.json is not a JSON object")
    name, version = document.get("name"), document.get("version")
    if not isinstance(name, str) or len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise _wrong(where, "its package.json gives no usable name")
    if not isinstance(version, str) or len(version) > _MAX_VERSION or not _VERSION.fullmatch(version):
        raise _wrong(where, "its package.json gives no usable version")
    dependencies = _dependencies(document, where)
    versions = _fhir_versions(document, name, dependencies)
    _check_fhir(versions, f"{name}#{version}", where)
    canonical = document.get("canonical")
    return Manifest(name, version, canonical if isinstance(canonical, str) else "", versions, dependencies)


def is_r4(version: str) -> bool:
    """Is this FHIR version 4.0 (with any third number)?"""
    return bool(_R4.fullmatch(version))


def _dependencies(document: Mapping[str, Any], where: str) -> dict[str, str]:
    given = document.get("dependencies") or {}
    if not isinstance(given, dict) or not all(isinstance(version, str) for version in given.values()):
        raise _wrong(where, "the dependencies in its package.json are not names with versions")
    return {str(name): version.strip() for name, version in given.items()}


def _fhir_versions(
    document: Mapping[str, Any], name: str, dependencies: Mapping[str, str]
) -> tuple[str, ...]:
    for key in ("fhirVersions", "fhir-version-list", "fhirVersion"):
        given = document.get(key)
        if isinstance(given, str) and given:
            return (given,)
        if isinstance(given, list) and given:
            return tuple(str(version) for version in given)
    named = [_CORE_OF[one] for one in (name, *dependencies) if one in _CORE_OF]
    return tuple(dict.fromkeys(named))


def _check_fhir(versions: tuple[str, ...], label: str, where: str) -> None:
    if versions and not any(is_r4(version) for version in versions):
        raise NotSupported(
            f"{label} is written for FHIR {', '.join(versions)}.",
            where=where,
            rule="packages for FHIR R4 (4.0.x)",
            next_step="Ask the publisher for the R4 edition of this package; its name often ends in .r4",
        )


def _wrong(where: str, what: str) -> InvalidInput:
    return InvalidInput(
        f"This is not a FHIR package: {what}.",
        where=where,
        rule="FHIR NPM package specification, package.json",
        next_step="Get the package again from its publisher, or mend its package.json.",
    )
