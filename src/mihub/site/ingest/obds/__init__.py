"""oBDS 3.0 reports (tumour documentation) become FHIR resources of the MII oncology module.

`reader` reads patient by patient, `rules` refuses what the schema forbids, one file per kind of report maps
it.
"""
