"""FHIR R4 as plain JSON objects, and what every room needs to say about them.

A resource is a dict as `orjson` reads it; code narrows what it computes with. Source:
https://hl7.org/fhir/R4/.
"""

from __future__ import annotations

from typing import Any

# A JSON object at the edge. Narrow a value before computing with it.
Json = dict[str, Any]
# A FHIR R4 resource or bundle: a Json with "resourceType".
Resource = dict[str, Any]
