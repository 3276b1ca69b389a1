"""Value sets nobody wrote: all codes of a code system, SNOMED's and LOINC's implied ones (`?fhir_vs`, `/vs`).

Source: https://hl7.org/fhir/R4/snomedct.html#implicit, https://hl7.org/fhir/R4/loinc.html#implicit. Above: `sources`.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.protocol import CodeSystemProvider

_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"
_FILTERS: Final = {"isa": ("concept", "is-a"), "refset": ("concept", "in"), "ecl": ("constraint", "=")}


def all_of(system: CodeSystemProvider) -> Resource:
    """Everything in one version of one code system."""
    meta = system.metadata
    include = {"system": meta.url} | ({"version": meta.version} if meta.version else {})
    url = meta.value_set or f"{meta.url}/vs"
    return {
        "resourceType": "ValueSet",
        "url": url,
        "version": meta.version,
        "status": "active",
        "compose": {"include": [include]},
    }


def implicit(url: str, version: str) -> Resource | None:
    """All of a system, or the part its address names; None for what is no such address."""
    base, mark, query = url.partition("?fhir_vs")
    if url == f"{_LOINC}/vs":
        return _of(url, {"system": _LOINC, **_pinned(version)})
    if not mark:
        return None
    system, edition = (_SNOMED, base) if base.startswith(f"{_SNOMED}/") else (base, version)
    include: Json = {"system": system, **_pinned(edition)}
    if query:
        kind, _, value = query.removeprefix("=").partition("/")
        if kind not in _FILTERS or not value:
            return None
        prop, op = _FILTERS[kind]
        include["filter"] = [{"property": prop, "op": op, "value": unquote(value)}]
    return _of(url, include)


def _pinned(version: str) -> Json:
    return {"version": version} if version else {}


def _of(url: str, include: Json) -> Resource:
    return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}
