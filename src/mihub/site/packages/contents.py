"""One file of a package: a definition, an example, something else, or set aside with the reason.

Only the file itself decides; a package's `.index.json` is never believed. Source: FHIR NPM package specification,
https://hl7.org/fhir/R4/resource.html#canonical. Above: `reading`. Below: `account`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from mihub.core.fhir import Resource
from mihub.site.packages.account import SetAside

# R4's canonical types, and those of later versions that packages for R4 carry (ViewDefinition, SubscriptionTopic ...).
CANONICAL_TYPES: Final = frozenset(
    {
        "ActivityDefinition",
        "ActorDefinition",
        "CapabilityStatement",
        "ChargeItemDefinition",
        "Citation",
        "CodeSystem",
        "CompartmentDefinition",
        "ConceptMap",
        "ConditionDefinition",
        "EffectEvidenceSynthesis",
        "EventDefinition",
        "Evidence",
        "EvidenceVariable",
        "ExampleScenario",
        "GraphDefinition",
        "ImplementationGuide",
        "Library",
        "Measure",
        "MessageDefinition",
        "NamingSystem",
        "ObservationDefinition",
        "OperationDefinition",
        "PlanDefinition",
        "Questionnaire",
        "Requirements",
        "ResearchDefinition",
        "ResearchElementDefinition",
        "RiskEvidenceSynthesis",
        "SearchParameter",
        "SpecimenDefinition",
        "StructureDefinition",
        "StructureMap",
        "SubscriptionTopic",
        "TerminologyCapabilities",
        "TestPlan",
        "TestScript",
        "ValueSet",
        "ViewDefinition",
    }
)
# In R4 these may stand without an address: a naming system is known by its uniqueId, the rest are instances then.
_ADDRESS_OPTIONAL: Final = frozenset(
    {"NamingSystem", "ConditionDefinition", "ObservationDefinition", "SpecimenDefinition"}
)
_EXAMPLE_FOLDERS: Final = frozenset({"example", "examples", "test", "tests"})
_OTHER_FOLDERS: Final = frozenset({"openapi", "xml", "other", "node_modules", "rdf", "schema"})
# Files every publisher adds: the index, the manifest, and the guide once more under a fixed name.
_OTHER_NAMES: Final = frozenset(
    {".index.json", ".index.db", "package.json", "package-lock.json", "ig-r4.json"}
)
_URL_EXTENSION: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-NamingSystem.url"
_SPACE: Final = re.compile(r"\s")
_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource as the shelf lists it. `snapshot`: a StructureDefinition that brings its own."""

    place: str
    example: bool
    resource_type: str
    url: str
    version: str
    id: str
    name: str
    type: str = ""
    kind: str = ""
    derivation: str = ""
    snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """A file that is no resource: counted, not kept. `document` is the package's manifest, when it is that."""

    place: str
    document: Any = field(default=None, repr=False)


def look(place: str, body: bytes) -> Entry | Other | SetAside:
    """What this file is."""
    folders, name = place.split("/")[:-1], place.rpartition("/")[2]
    if not name.endswith(".json") or _OTHER_FOLDERS.intersection(folders):
        return Other(place)
    if name in _OTHER_NAMES:
        return Other(place, _manifest(body)) if name == "package.json" else Other(place)
    found = _parse(place, body)
    if isinstance(found, SetAside):
        return found
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        return Other(place)
    return _entry(
        place, found, example=bool(_EXAMPLE_FOLDERS.intersection(folder.lower() for folder in folders))
    )


def text_of(body: bytes) -> bytes:
    """The JSON text without a byte order mark, which JSON permits a reader to skip."""
    return body.removeprefix(_BOM)


def _manifest(body: bytes) -> Any:
    try:
        return orjson.loads(text_of(body))
    except orjson.JSONDecodeError:
        return "not JSON"


def _parse(place: str, body: bytes) -> Any:
    try:
        return orjson.loads(text_of(body))
    except orjson.JSONDecodeError as error:
        if body.startswith(_UTF16) or b"\0" in body[:4]:
            return _encoding(place, "UTF-16 or UTF-32")
        if not _is_utf8(body):
            return _encoding(place, "an 8-bit encoding such as Latin-1")
        return SetAside(
            place,
            f"It can not be read as JSON (line {error.lineno}, column {error.colno}).",
            "JSON, RFC 8259",
            "Mend the file, or ask the publisher to.",
        )


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _encoding(place: str, found: str) -> SetAside:
    return SetAside(place, f"It is written in {found}.", "JSON in UTF-8, RFC 8259", "Save the file as UTF-8.")


def _entry(place: str, resource: Resource, *, example: bool) -> Entry | SetAside:
    kind = resource["resourceType"]
    canonical = kind in CANONICAL_TYPES
    if kind in _ADDRESS_OPTIONAL and not resource.get("url"):
        canonical = kind == "NamingSystem"
    if canonical and not example:
        fault = _fault(resource)
        if fault:
            return SetAside(place, fault, "a canonical address and a version as text", "Mend the resource.")
    structure = kind == "StructureDefinition"
    # R4's own package has code systems whose url carries the version: a canonical that names both still finds them.
    url, _, pinned = _url(resource).partition("|")
    return Entry(
        place=place,
        example=example or not canonical,
        resource_type=kind,
        url=url,
        version=pinned or _text(resource, "version"),
        id=_text(resource, "id"),
        name=_text(resource, "name"),
        type=_text(resource, "type") if structure else "",
        kind=_text(resource, "kind") if structure else "",
        derivation=_text(resource, "derivation") if structure else "",
        snapshot=structure and _has_snapshot(resource),
    )


def _fault(resource: Resource) -> str:
    url, version = resource.get("url"), resource.get("version", "")
    if resource["resourceType"] == "NamingSystem":
        return ""
    if url is None or url == "":
        return f"This {resource['resourceType'][:64]} has no url."
    if not isinstance(url, str) or _SPACE.search(url):
        return f"The url of this {resource['resourceType'][:64]} is no address."
    return (
        "" if isinstance(version, str) else f"The version of this {resource['resourceType'][:64]} is no text."
    )


def _url(resource: Resource) -> str:
    url = _text(resource, "url")
    if not url and resource["resourceType"] == "NamingSystem":
        extensions = resource.get("extension")
        for one in extensions if isinstance(extensions, list) else ():
            if isinstance(one, dict) and one.get("url") == _URL_EXTENSION:
                return _text(one, "valueUri")
    return url


def _has_snapshot(resource: Resource) -> bool:
    snapshot = resource.get("snapshot")
    return isinstance(snapshot, dict) and bool(snapshot.get("element"))


def _text(resource: Resource, name: str) -> str:
    value = resource.get(name)
    return value if isinstance(value, str) else ""
