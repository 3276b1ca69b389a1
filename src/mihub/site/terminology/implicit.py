"""Value sets nobody wrote: all codes of a code system, SNOMED's and LOINC's implied ones (`?fhir_vs`).

Source: https://hl7.org/fhir/R4/snomedct.html#implicit. Above: `terminology`.
"""

from __future__ import annotations

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.protocol import CodeSystemProvider


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
    """`system?fhir_vs`, `system?fhir_vs=isa/code`; None for what is no such address."""
    base, implicit, query = url.partition("?fhir_vs")
    if implicit:
        include: Json = {"system": base} | ({"version": version} if version else {})
        if query.startswith("=isa/"):
            include["filter"] = [{"property": "concept", "op": "is-a", "value": query[5:]}]
        elif query:
            return None
        return {"resourceType": "ValueSet", "url": url, "status": "active", "compose": {"include": [include]}}
    return None
