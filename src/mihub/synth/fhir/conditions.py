"""Diagnoses as the site's own system codes them: ICD-10-GM, certainty, clinical status.

Profile: MII diagnosis. Tumours of a hospital are not written here: they come as oBDS. A practice knows the
tumour from the letter. Neighbour: `medication` (what is taken for it).
"""

from __future__ import annotations

from datetime import date

from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, icd
from mihub.synth.life import Illness

TITLES = {
    "I10.90": "Essentielle Hypertonie",
    "E11.90": "Diabetes mellitus Typ 2",
    "E78.0": "Reine Hypercholesterinämie",
    "I25.19": "Atherosklerotische Herzkrankheit",
    "J44.99": "Chronische obstruktive Lungenkrankheit",
    "N18.3": "Chronische Nierenkrankheit, Stadium 3",
    "M54.5": "Kreuzschmerz",
    "F32.9": "Depressive Episode",
    "E03.9": "Hypothyreose",
    "I48.9": "Vorhofflimmern",
    "F17.2": "Tabakabhängigkeit",
    "Z51.5": "Palliativbehandlung",
    "J18.9": "Pneumonie",
    "S72.01": "Schenkelhalsfraktur",
    "K80.20": "Cholelithiasis",
    "J70.2": "Akute arzneimittelinduzierte interstitielle Lungenkrankheit (Pneumonitis)",
}


def write_condition(
    chart: Chart,
    code: str,
    since: date,
    *,
    encounter: dict[str, str] | None = None,
    ended: date | None = None,
    title: str = "",
) -> dict[str, str]:
    """One confirmed diagnosis; `ended` makes it resolved."""
    return chart.add(
        "Condition",
        url.CONDITION,
        clinicalStatus=concept(f"{url.TERMINOLOGY}/condition-clinical", "resolved" if ended else "active"),
        verificationStatus=concept(f"{url.TERMINOLOGY}/condition-ver-status", "confirmed"),
        code=icd(code, since.year, title or TITLES[code]),
        subject=chart.patient,
        encounter=encounter,
        onsetDateTime=since.isoformat(),
        abatementDateTime=ended.isoformat() if ended else None,
        recordedDate=since.isoformat(),
    )


def write_illnesses(chart: Chart, illnesses: tuple[Illness, ...]) -> None:
    """The chronic illnesses."""
    for illness in illnesses:
        write_condition(chart, illness.icd, illness.since)
