"""The FHIR clients that care rooms and portals work with: one over HTTP, one in memory for tests.

`HttpFhirClient` speaks to a site; `MemoryFhirClient` is a complete small server in one object. Both fulfil
`mihub.core.fhir.client.FhirClient`. Neither knows what a resource means.
"""

from mihub.care.client.http import HttpFhirClient, TokenFactory
from mihub.care.client.memory import MemoryFhirClient

__all__ = ["HttpFhirClient", "MemoryFhirClient", "TokenFactory"]
