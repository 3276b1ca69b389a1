"""A tumour conference: a CarePlan with one activity for each recommended kind of therapy.

Profile: mii-pr-onko-tumorkonferenz 2025.1.0. The report does not say whether a recommendation was carried
out: the state of an activity is unknown until somebody closes the loop. Above: `mapping`. Below: `report`,
`core.mii`.
"""

from __future__ import annotations

from mihub.core.fhir import Json
from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.dates import put_date, read_date
from mihub.site.ingest.obds.report import Report


def add_board(report: Report) -> None:
    """The CarePlan of one conference."""
    node = report.node
    plan = report.new("CarePlan", "board", profile="tumorkonferenz")
    identifier = report.identifier("Tumorkonferenz_ID")
    if identifier:
        plan["identifier"] = identifier
    plan.update(
        status="active",
        intent="plan",
        category=[table("plan-kind").concept(node.value("Typ"))],
        subject=report.case.patient,
    )
    put_date(plan, "created", read_date(node.first("Datum")))
    plan["addresses"] = [report.case.condition]
    deviation = node.value("Therapieempfehlung", "Abweichung_Patientenwunsch")
    recommended = node.all("Therapieempfehlung", "Menge_Typ_Therapieempfehlung", "Typ_Therapieempfehlung")
    activities = [_activity(kind.text, deviation) for kind in recommended]
    if activities:
        plan["activity"] = activities


def _activity(kind: str, deviation: str) -> Json:
    detail: Json = {"code": table("therapy-kind").concept(kind), "status": "unknown"}
    if deviation:
        detail["statusReason"] = table("deviation").concept(deviation)
    return {"detail": detail}
