"""What runs at an organisation and keeps its own identified records in FHIR R4."""
