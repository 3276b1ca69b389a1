"""What the region keeps together about a patient, in the care record: teams, plans, referrals, letters,
sharing.

An ordinary site named `netzwerk`. Shapes are those that the care rooms write and read; facts of a hospital
are never copied here. Above: `fhir.record`. Below: `fhir.chart`, `life`.
"""
