"""Changing a resource by instructions: JSON Patch and FHIRPath Patch, as pure functions on JSON objects.

`changed(resource, patch)` never touches what it is given: it answers a new resource or raises. Source:
https://hl7.org/fhir/R4/http.html#patch, https://hl7.org/fhir/R4/fhirpatch.html, RFC 6902.
"""

from mihub.core.fhir.patch.fhirpath_patch import fhirpath_patched
from mihub.core.fhir.patch.json_patch import json_patched

__all__ = ["fhirpath_patched", "json_patched"]
