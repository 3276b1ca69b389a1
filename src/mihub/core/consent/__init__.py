"""What a person's Consents permit, day by day, and which provision of which Consent decided.

`policy` is the catalogue of codes, `provisions` reads a FHIR Consent, `periods` computes with days, `ruling`
decides. Unknown, inactive or undated means no.
"""
