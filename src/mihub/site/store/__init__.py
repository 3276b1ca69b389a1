"""The record of one organisation: versions of FHIR resources, their search index, the change log, the audit.

`protocol` is the seam; `memory` the complete reference, `postgres` the product. Written only by `site.ingest`
and `site.api`; read through `site.search` and by id, always with an access. Never decides who may: it is
given a restriction.
"""
