"""What a FHIR R4 client can do, whatever carries it. `care` and `portals` know only this.

A client is bound to one server, one actor and one purpose when it is made. Source: https://hl7.org/fhir/R4/http.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mihub.core.fhir import Resource

# Search parameters in order; a name may repeat (AND), a value may hold commas (OR).
Parameters = Sequence[tuple[str, str]]


class FhirClient(Protocol):
    """Errors are those of `mihub.errors`: `NotFound`, `Forbidden`, `Conflict`, `PreconditionFailed`, `Unavailable`, ..."""

    async def read(self, resource_type: str, resource_id: str) -> Resource:
        """The current version. Raises `NotFound` or `Gone`."""
        ...

    async def search(self, resource_type: str, parameters: Parameters = ()) -> list[Resource]:
        """All matches, then included resources; pages are followed to the end. Empty list when nothing matches."""
        ...

    async def count(self, resource_type: str, parameters: Parameters = ()) -> int:
        """The number of matches (`_summary=count`)."""
        ...

    async def create(self, resource: Resource) -> Resource:
        """The stored resource with `id` and `meta`."""
        ...

    async def update(self, resource: Resource, *, if_match: str | None = None) -> Resource:
        """Create or replace at `resource["id"]`. `if_match` is a version id; raises `PreconditionFailed` when it is stale."""
        ...

    async def transaction(self, bundle: Resource) -> Resource:
        """All entries or none; the answer is the transaction-response bundle."""
        ...
