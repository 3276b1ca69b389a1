"""Journeys of patients on FHIR resources, against any FHIR R4 server through a client; never a store of its own."""
