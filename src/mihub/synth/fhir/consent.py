"""The MII broad consent as a site records it: provisions by module with their periods, denial and
withdrawal.

Profile: `mii-pr-consent-einwilligung`; codes `2.16.840.1.113883.3.1937.777.24.5.3.<suffix>`. Collecting
(6), insurance (14, 15), tissue (19, 25) and patient-reported data (64) run five years, the rest thirty.
Inactive codes are never written.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from mihub.synth.calendar import years_before
from mihub.synth.consent_state import ResearchConsent
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept

_SYSTEM = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3"
_PREFIX = "2.16.840.1.113883.3.1937.777.24.5.3."
_SHORT = frozenset({"6", "14", "15", "19", "25", "64"})
_MODULES: dict[str, dict[str, str]] = {
    "patient": {
        "2": "IDAT erheben",
        "3": "IDAT speichern, verarbeiten",
        "6": "MDAT erheben",
        "7": "MDAT speichern, verarbeiten",
        "8": "MDAT wissenschaftlich nutzen EU DSGVO NIVEAU",
        "9": "MDAT zusammenfuehren Dritte",
        "45": "MDAT retrospektiv speichern verarbeiten",
    },
    "insurance": {
        "12": "KKDAT 5J retrospektiv speichern verarbeiten",
        "15": "KKDAT 5J prospektiv uebertragen",
    },
    "biomaterial": {
        "19": "BIOMAT erheben",
        "20": "BIOMAT lagern verarbeiten",
        "22": "BIOMAT wissenschaftlich nutzen EU DSGVO NIVEAU",
    },
    "recontact": {"28": "Rekontaktierung weitere Erhebung", "29": "Rekontaktierung weitere Studien"},
    "third_country": {"49": "MDAT bereitstellen non EU DSGVO NIVEAU"},
    "prom": {
        "64": "PROMDAT Patientenbefragung erheben",
        "65": "PROMDAT wissenschaftlich nutzen auf EU DSGVO NIVEAU",
        "66": "Rekontaktierung PROM Studien",
    },
    "gp": {"100": "MDAT Hausarzt erheben, speichern, verarbeiten, nutzen (SNID)"},
}


def write_research_consent(chart: Chart, consent: ResearchConsent) -> None:
    """The documents of one consent; two when it was withdrawn, none when nobody was asked."""
    if consent.state == "none":
        return
    if consent.state == "denied":
        _document(chart, "active", consent.given, [("deny", module) for module in _MODULES])
        return
    kinds = [("deny" if module in consent.without else "permit", module) for module in _MODULES]
    _document(chart, "inactive" if consent.withdrawn else "active", consent.given, kinds)
    if consent.withdrawn:
        _document(chart, "active", consent.withdrawn, [("deny", module) for module in _MODULES])


def _document(chart: Chart, status: str, day: date, kinds: list[tuple[str, str]]) -> None:
    chart.add(
        "Consent",
        url.CONSENT,
        status=status,
        scope=concept(f"{url.TERMINOLOGY}/consentscope", "research"),
        category=[
            concept("http://loinc.org", "57016-8"),
            concept(
                f"{url.MII}/modul-consent/CodeSystem/mii-cs-consent-consent_category",
                "2.16.840.1.113883.3.1937.777.24.2.184",
            ),
        ],
        patient=chart.patient,
        dateTime=day.isoformat(),
        organization=[chart.organization],
        policy=[{"uri": "urn:oid:2.16.840.1.113883.3.1937.777.24.2.1791"}],
        provision={
            "type": "deny",
            "period": _period(day, 30),
            "provision": [part for kind, module in kinds for part in _provisions(kind, module, day)],
        },
    )


def _provisions(kind: str, module: str, day: date) -> list[dict[str, Any]]:
    return [
        {
            "type": kind,
            "period": _period(day, 5 if suffix in _SHORT else 30),
            "code": [concept(_SYSTEM, f"{_PREFIX}{suffix}", display)],
        }
        for suffix, display in _MODULES[module].items()
    ]


def _period(day: date, years: int) -> dict[str, str]:
    return {"start": day.isoformat(), "end": (years_before(day, -years) - timedelta(days=1)).isoformat()}
