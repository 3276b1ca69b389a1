"""Side effects of a therapy: one AdverseEvent each; "none" and "unknown" stay a note on the therapy.

Profile: mii-pr-onko-nebenwirkung-adverse-event 2025.1.0. MedDRA terms are licensed: the code is kept, no term
is added. Above: `radiotherapy`, `systemic`. Below: `report`, `core.mii`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import MEDDRA
from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, reference

_NOTES: Final = {"K": "Nebenwirkungen: keine", "U": "Nebenwirkungen: unbekannt"}


def add_side_effects(report: Report, therapy: Resource) -> None:
    """The AdverseEvents of a therapy."""
    highest = report.node.value("Nebenwirkungen", "Grad_maximal2_oder_unbekannt")
    listed = list(report.node.all("Nebenwirkungen", "Menge_Nebenwirkung", "Nebenwirkung"))
    if highest in _NOTES and not listed:
        therapy["note"] = [{"text": _NOTES[highest]}]
    elif highest and highest not in _NOTES:
        event = {"text": "Nebenwirkung, Art nicht gemeldet"}
        _add(report, therapy, "0", event, highest)
    for number, node in enumerate(listed, start=1):
        _add(report, therapy, str(number), _event(node), node.value("Grad"))


def _event(node: Node) -> Json:
    code, text = node.value("Art", "MedDRA_Code"), node.value("Art", "Bezeichnung")
    event: Json = {}
    if code:
        event["coding"] = [{"system": MEDDRA, "code": code}]
    if text:
        event["text"] = text
    return event


def _add(report: Report, therapy: Resource, number: str, event: Json, grade: str) -> None:
    adverse = report.new("AdverseEvent", "side-effect", number, profile="nebenwirkung-adverse-event")
    adverse.update(
        actuality="actual",
        event=event,
        subject=report.case.patient,
        seriousness=table("ctcae-grade").concept(grade),
        suspectEntity=[{"instance": reference(therapy)}],
    )
