"""The pages people see: server-rendered, thin, without a database; they call care and speak FHIR and JSON."""
