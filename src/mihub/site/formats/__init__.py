"""FHIR resources in other clothes than JSON: XML in and out. Never changes what a resource says.

Above: `site.api`, `site.ingest`, the suites of `apps.conformance`. Below: the table of R4 types.
"""
