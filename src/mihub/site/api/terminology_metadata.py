"""What this site says of its terminology: TerminologyCapabilities, and its part of the CapabilityStatement.

Made from what is registered, so that it can not promise what is not there. Source:
https://hl7.org/fhir/R4/terminologycapabilities.html, the terminology ecosystem's minimum. Above: `metadata`, `app`.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.site.api.reply import Reply, document
from mihub.site.api.terminology import OPERATIONS
from mihub.site.site import Site

_FEATURE: Final = "http://hl7.org/fhir/uv/application-feature/StructureDefinition/feature"
# The release of the ecosystem's tests this program is held to.
TESTS_VERSION: Final = "1.9.0"
DATE: Final = "2026-11-23"
EXPANSION_PARAMETERS: Final = (
    "activeOnly",
    "cache-id",
    "check-system-version",
    "count",
    "default-valueset-version",
    "designation",
    "displayLanguage",
    "excludeNested",
    "excludeNotForUI",
    "exclude-system",
    "filter",
    "force-system-version",
    "includeDefinition",
    "includeDesignations",
    "offset",
    "property",
    "system-version",
    "tx-resource",
    "useSupplement",
)
_DEFINITIONS: Final = "http://hl7.org/fhir/OperationDefinition"


def operations(resource_type: str) -> list[Json]:
    """The operations of one type, for the CapabilityStatement."""
    return [
        {"name": name[1:], "definition": f"{_DEFINITIONS}/{resource_type}-{name[1:]}"}
        for kind, name, _, _ in OPERATIONS
        if kind == resource_type
    ]


def described(base: str) -> Json:
    """What a terminology server says of itself in its CapabilityStatement, besides operations."""
    return {
        "extension": [
            _feature("http://hl7.org/fhir/uv/tx-tests/FeatureDefinition/test-version", TESTS_VERSION),
            _feature("http://hl7.org/fhir/uv/tx-ecosystem/FeatureDefinition/CodeSystemAsParameter", None),
        ],
        "url": f"{base}/metadata",
        "version": version("mihub"),
        "name": "MiHUB",
        "title": "MiHUB site",
        "instantiates": ["http://hl7.org/fhir/CapabilityStatement/terminology-server"],
        "software": {"name": "MiHUB", "version": version("mihub"), "releaseDate": DATE},
    }


def _feature(definition: str, value: str | None) -> Json:
    parts: list[Json] = [{"url": "definition", "valueCanonical": definition}]
    parts.append({"url": "value", "valueCode": value} if value else {"url": "value", "valueBoolean": True})
    return {"url": _FEATURE, "extension": parts}


def terminology_capabilities(site: Site, base: str) -> Reply:
    """GET [base]/metadata?mode=terminology; open to everybody, holds nothing of a patient."""
    return document(capabilities(site.terminology.systems(), base))


def capabilities(systems: list[tuple[str, tuple[str, ...]]], base: str) -> Resource:
    """`systems`: every code system's address with its versions."""
    return {
        "resourceType": "TerminologyCapabilities",
        "url": f"{base}/metadata?mode=terminology",
        "version": version("mihub"),
        "name": "MiHUB",
        "title": "MiHUB site terminology",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "MiHUB", "version": version("mihub")},
        "implementation": {"description": "MiHUB site terminology", "url": base},
        "codeSystem": [_system(url, versions) for url, versions in systems],
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in sorted(EXPANSION_PARAMETERS)],
            "textFilter": "Every word must stand in a code, a display or a designation; case does not matter.",
        },
        "codeSearch": "all",
        "validateCode": {"translations": True},
        "translation": {"needsMap": True},
        "closure": {"translation": False},
    }


def _system(url: str, versions: tuple[str, ...]) -> Json:
    found: Json = {"uri": url}
    if versions:
        found["version"] = [{"code": one} for one in versions]
    return found
