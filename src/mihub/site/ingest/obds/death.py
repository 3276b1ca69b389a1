"""A death: one Observation for each reported cause, or one without a cause; the patient's own resource is
told elsewhere.

Profile: mii-pr-onko-tod 2025.1.0. Above: `mapping`. Below: `report`, `diagnosis` (ICD), `core.mii`.
"""

from __future__ import annotations

from mihub.core.mii.canonicals import SNOMED
from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.dates import read_date
from mihub.site.ingest.obds.diagnosis import icd_concept
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, coded


def add_death(report: Report) -> None:
    """The Observations of one death."""
    report.default_date = read_date(report.node.first("Sterbedatum"))
    causes: list[Node | None] = list(report.node.all("Menge_Todesursachen", "Todesursache_ICD"))
    for number, cause in enumerate(causes or [None], start=1):
        code = coded(SNOMED, "184305005", "Cause of death")
        observation = report.observation("death", str(number), profile="tod", code=code)
        report.dated(observation, None)
        if cause is not None:
            observation["valueCodeableConcept"] = icd_concept(cause)
        by_tumour = report.node.value("Tod_tumorbedingt")
        observation["interpretation"] = [table("death-by-tumour").concept(by_tumour)]
