"""Contacts with a site: Einrichtungskontakt with its Abteilungskontakt for a stay, one contact for a visit.

Profile: MII case (`modul-fall`). The department key is the Fachabteilungsschlüssel of § 301 SGB V.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from mihub.synth.calendar import instant
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept

_DEPARTMENTS = {
    "pulmonology": ("0800", "Pneumologie"),
    "thoracic": ("2000", "Thoraxchirurgie"),
    "surgery": ("1500", "Allgemeine Chirurgie"),
    "gynaecology": ("2400", "Frauenheilkunde und Geburtshilfe"),
    "oncology": ("0500", "Hämatologie und internistische Onkologie"),
    "radiotherapy": ("3300", "Strahlenheilkunde"),
    "medicine": ("0100", "Innere Medizin"),
}
_LEVEL = "http://fhir.de/CodeSystem/Kontaktebene"


def write_stay(
    chart: Chart, start: date, days: int, department: str, until: date, reason: str = ""
) -> dict[str, str]:
    """An inpatient stay, cut at `until` (today or death); the reference of the Einrichtungskontakt comes
    back.
    """
    end = min(start + timedelta(days=days), until)
    period = {"start": instant(start, 8, chart.dice.whole(0, 59)), "end": instant(end, 14)}
    stay = _contact(chart, "IMP", "einrichtungskontakt", period, reason=reason)
    _contact(chart, "IMP", "abteilungskontakt", period, department=department, part_of=stay)
    return stay


def write_visit(chart: Chart, day: date, department: str | None = None, reason: str = "") -> dict[str, str]:
    """An outpatient contact of half an hour."""
    hour = chart.dice.whole(8, 16)
    period = {"start": instant(day, hour), "end": instant(day, hour, 30)}
    return _contact(chart, "AMB", "einrichtungskontakt", period, department=department, reason=reason)


def _contact(
    chart: Chart,
    kind: str,
    level: str,
    period: dict[str, str],
    *,
    department: str | None = None,
    part_of: dict[str, str] | None = None,
    reason: str = "",
) -> dict[str, str]:
    number = f"{chart.record.number}-{len(chart.resources)}"
    identifier: dict[str, Any] = {
        "type": concept(f"{url.TERMINOLOGY}/v2-0203", "VN"),
        "system": f"{url.MIHUB}/{chart.member.id}/case-id",
        "value": number,
    }
    key = _DEPARTMENTS.get(department or "")
    return chart.add(
        "Encounter",
        url.ENCOUNTER,
        identifier=[identifier],
        status="finished",
        **{"class": {"system": f"{url.TERMINOLOGY}/v3-ActCode", "code": kind}},
        type=[concept(_LEVEL, level)],
        serviceType=concept("http://fhir.de/CodeSystem/dkgev/Fachabteilungsschluessel", *key)
        if key
        else None,
        subject=chart.patient,
        period=period,
        reasonCode=[{"text": reason}] if reason else None,
        serviceProvider=chart.organization,
        partOf=part_of,
    )
