"""The seam to the record: what a query may read. Whoever makes a source decides what its reader may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mihub.core.fhir import Json, Resource

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search. `edges`: each with `resource`, and `mode` and `score` where known; links by relation."""

    edges: Sequence[Json]
    count: int
    offset: int
    page_size: int
    links: dict[str, str] = field(default_factory=dict)


class Source(Protocol):
    """Resources by address and by search. What may not be seen is not there."""

    def read(self, resource_type: str, resource_id: str) -> Resource | None: ...

    def search(self, resource_type: str, parameters: Parameters) -> Sequence[Resource]: ...

    def page(self, resource_type: str, parameters: Parameters) -> Page: ...
