"""ViewDefinitions (SQL on FHIR v2) run over a site's record, into NDJSON, CSV and Parquet."""
