"""What somebody takes for their chronic illnesses, as MedicationStatement with ATC code.

Profile: MII medication. Tumour therapy of a hospital comes as oBDS, not from here.
"""

from __future__ import annotations

from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart
from mihub.synth.life import Illness

_FOR = {
    "I10.90": ("C09AA05", "Ramipril 5 mg", "1-0-0"),
    "E11.90": ("A10BA02", "Metformin 1000 mg", "1-0-1"),
    "E78.0": ("C10AA05", "Atorvastatin 20 mg", "0-0-1"),
    "I25.19": ("B01AC06", "Acetylsalicylsäure 100 mg", "1-0-0"),
    "J44.99": ("R03BB04", "Tiotropium 18 µg", "1-0-0"),
    "M54.5": ("M01AE01", "Ibuprofen 400 mg", "bei Bedarf"),
    "F32.9": ("N06AB04", "Citalopram 20 mg", "1-0-0"),
    "E03.9": ("H03AA01", "Levothyroxin 75 µg", "1-0-0"),
    "I48.9": ("B01AF02", "Apixaban 5 mg", "1-0-1"),
}


def write_medication(chart: Chart, illnesses: tuple[Illness, ...]) -> None:
    """One statement for each illness that has a usual medicine."""
    for illness in illnesses:
        if illness.icd not in _FOR:
            continue
        code, text, dose = _FOR[illness.icd]
        version = str(illness.since.year)
        coding = {"system": url.ATC, "version": version, "code": code}
        chart.add(
            "MedicationStatement",
            url.MEDICATION_STATEMENT,
            status="active",
            medicationCodeableConcept={"coding": [coding], "text": text},
            subject=chart.patient,
            effectivePeriod={"start": illness.since.isoformat()},
            dosage=[{"text": dose}],
        )
