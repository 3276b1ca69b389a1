"""What a reference may point to without leaving the message: contained resources and entries of the same Bundle.

Indexed at the first question. Source: https://hl7.org/fhir/R4/bundle.html#references. Above: `references`, `bundles`.
"""

from __future__ import annotations

from typing import Any

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.reference import literal


class Container:
    """The entries of a Bundle by full URL and by `Type/id`."""

    __slots__ = ("_by_url", "bundle")

    def __init__(self, bundle: Resource) -> None:
        self.bundle = bundle
        self._by_url: dict[str, Json] | None = None

    def find(self, reference: str) -> Json | None:
        """The resource a reference means, by full URL, else by type and id (without the version)."""
        index = self._index()
        bare = reference.partition("#")[0]
        found = index.get(bare)
        if found is None:
            parts = literal(bare)
            if parts is not None:
                found = index.get(f"{parts.base}/{parts.relative}" if parts.base else parts.relative)
        return found

    def _index(self) -> dict[str, Json]:
        if self._by_url is None:
            index: dict[str, Json] = {}
            for full_url, resource in entries(self.bundle):
                name, identifier = resource.get("resourceType"), resource.get("id")
                if isinstance(name, str) and isinstance(identifier, str):
                    index.setdefault(f"{name}/{identifier}", resource)
                if full_url:
                    index.setdefault(full_url, resource)
                    parts = literal(full_url)
                    if parts is not None:
                        index.setdefault(parts.relative, resource)
            self._by_url = index
        return self._by_url


def entries(bundle: Resource) -> list[tuple[str, Json]]:
    """Full URL ("" when absent) and resource of each entry that has one."""
    rows = bundle.get("entry")
    found = []
    for row in rows if isinstance(rows, list) else ():
        resource = row.get("resource") if isinstance(row, dict) else None
        if isinstance(resource, dict):
            url = row.get("fullUrl")
            found.append((url if isinstance(url, str) else "", resource))
    return found


def contained(root: Any, identifier: str) -> Json | None:
    """The contained resource of that id; the root itself for ""."""
    if not identifier:
        return root if isinstance(root, dict) else None
    inner = root.get("contained") if isinstance(root, dict) else None
    for one in inner if isinstance(inner, list) else ():
        if isinstance(one, dict) and one.get("id") == identifier:
            return one
    return None
