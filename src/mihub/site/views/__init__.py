"""ViewDefinitions (SQL on FHIR v2) run over a site's record or over files, into NDJSON, CSV, JSON and Parquet.

Bytes in, bytes out, chunk by chunk, in as many processes as there are cores; memory does not grow with the input. What
may be read is decided by the policy as for a search, and noted. Below: `core.fhir.views`. Above: `site.api`, `apps`.
"""
