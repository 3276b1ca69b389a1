"""Tumour documentation as hospitals send it to the cancer registry: oBDS 3.0.4 XML.

Only what this hospital documents; the other hospital of the same tumour sends its own reports. Never FHIR.
Structure: basisdatensatz.de, oBDS 3.0.x. Below: `events`, `records`.
"""
