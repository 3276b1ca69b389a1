"""Bundles as this program makes and reads them. Source: https://hl7.org/fhir/R4/bundle.html.

A stored resource goes into a bundle as `orjson.Fragment`: its bytes are never read again on the way out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mihub.core.fhir import Json, Resource


def entries(bundle: Resource) -> list[Json]:
    """The entries that are objects; [] when there are none."""
    found = bundle.get("entry")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def resources(bundle: Resource) -> list[Resource]:
    """The resources in the entries, in order."""
    return [entry["resource"] for entry in entries(bundle) if isinstance(entry.get("resource"), dict)]


def searchset(total: int | None, links: Sequence[tuple[str, str]], found: Iterable[Json]) -> Json:
    """A page of results; `found` are ready entries, `links` pairs of relation and URL."""
    bundle: Json = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        bundle["total"] = total
    bundle["link"] = [{"relation": relation, "url": url} for relation, url in links]
    listed = list(found)
    if listed:
        bundle["entry"] = listed
    return bundle


def search_entry(full_url: str, resource: Any, mode: str) -> Json:
    """One result; `mode` is "match", "include" or "outcome"."""
    return {"fullUrl": full_url, "resource": resource, "search": {"mode": mode}}


def of_type(kind: str, listed: Sequence[Json]) -> Json:
    """A bundle of another type, e.g. "transaction-response"; an empty list leaves `entry` out, as FHIR wants."""
    bundle: Json = {"resourceType": "Bundle", "type": kind}
    if listed:
        bundle["entry"] = list(listed)
    return bundle
