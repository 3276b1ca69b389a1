"""The seam for canonical resources: who asks for `url|version` gets the resource, its origin and the rule that chose it.

Engines: `core` (all of R4, in the wheel), `memory` (a caller's own resources over another engine), `site.packages`
(what a site has loaded). Reading only; an engine is safe to use from any thread. Source of the resolution:
https://hl7.org/fhir/R4/references.html#canonical.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from mihub.core.fhir import Resource


@dataclass(frozen=True, slots=True)
class Known:
    """One canonical resource without its content. `package`: `name#version`, "" when it was given by the caller."""

    resource_type: str
    url: str
    version: str
    package: str
    id: str = ""
    name: str = ""
    # StructureDefinition only: the type it describes, and whether it constrains another ("constraint") or is new.
    type: str = ""
    derivation: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A resolved canonical. `rule` says in words why this version: "the version that was named", "the newest of 3".

    The resource is read by many and changed by nobody.
    """

    known: Known
    resource: Resource
    rule: str


class Definitions(Protocol):
    """Canonical resources by address. A canonical may carry `|version`; a fragment `#id` is the caller's business."""

    @property
    def generation(self) -> int:
        """Grows whenever what is known changes; what was compiled from an older generation is stale."""
        ...

    def find(self, canonical: str, resource_type: str = "") -> Found | None:
        """The resource, or None when nobody knows it. With `resource_type` only one of that type counts."""
        ...

    def structure(self, canonical: str) -> Found | None:
        """A StructureDefinition that surely has a snapshot (generated from the differential where none was shipped).

        Raises `InvalidInput` when it cannot be generated: base unknown, circular, or contradicted.
        """
        ...

    def all(self, resource_type: str) -> Iterator[Known]:
        """Everything known of one type, every version, without content."""
        ...
