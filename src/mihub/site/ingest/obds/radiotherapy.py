"""Radiotherapy: one Procedure for the course of treatment, one for each irradiation as its part.

Profiles: mii-pr-onko-strahlentherapie, -bestrahlung-strahlentherapie, -bestrahlung-nuklearmedizin 2025.1.0.
Above: `mapping`. Below: `report`, `side_effects`, `findings`, `core.mii`.
"""

from __future__ import annotations

from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.mii.canonicals import SNOMED, UCUM, oncology_extension
from mihub.core.mii.oncology import table
from mihub.site.ingest.obds.dates import ObdsDate, period, read_date
from mihub.site.ingest.obds.findings import add_findings
from mihub.site.ingest.obds.node import Node
from mihub.site.ingest.obds.report import Report, coded, reference
from mihub.site.ingest.obds.side_effects import add_side_effects

_RADIOTHERAPY: Final = ("1287742003", "Radiotherapy (procedure)")
_NUCLIDES: Final = ("399315003", "Radionuclide therapy")


def add_radiotherapy(report: Report) -> None:
    """The course of treatment with its irradiations and side effects."""
    irradiations = list(report.node.all("Menge_Bestrahlung", "Bestrahlung"))
    starts = [date for node in irradiations if (date := read_date(node.first("Beginn")))]
    ends = [date for node in irradiations if (date := read_date(node.first("Ende")))]
    first = min(starts, key=lambda date: date.value, default=None)
    report.default_date = first
    course = _course(report, first, max(ends, key=lambda date: date.value, default=None))
    for number, node in enumerate(irradiations, start=1):
        _irradiation(report, node, number, course)
    add_side_effects(report, course)
    add_findings(report)


def _course(report: Report, start: ObdsDate | None, end: ObdsDate | None) -> Resource:
    node = report.node
    course = report.new("Procedure", "radiotherapy", profile="strahlentherapie")
    course["extension"] = therapy_extensions(node, "strahlentherapie", "intention-radiotherapy")
    identifier = report.identifier("ST_ID")
    if identifier:
        course["identifier"] = identifier
    ended = node.value("Ende_Grund")
    course.update(
        status="completed" if ended else "in-progress",
        category=coded(SNOMED, *_RADIOTHERAPY),
        code=coded(SNOMED, *_RADIOTHERAPY),
        subject=report.case.patient,
        performedPeriod=period(start, end),
        reasonReference=[report.case.condition],
    )
    if ended:
        course["outcome"] = table("end-reason-radiotherapy").concept(ended)
    return course


def therapy_extensions(node: Node, therapy: str, intentions: str) -> list[Json]:
    """Intention and relation to surgery of a therapy (`strahlentherapie` or `systemische-therapie`)."""
    intention = table(intentions).concept(node.value("Intention"))
    relation = table("relation-to-surgery").concept(node.value("Stellung_OP"))
    return [
        {"url": oncology_extension(f"{therapy}-intention"), "valueCodeableConcept": intention},
        {"url": oncology_extension(f"{therapy}-stellungzurop"), "valueCodeableConcept": relation},
    ]


def _irradiation(report: Report, node: Node, number: int, course: Resource) -> None:
    application = next(iter(node.first("Applikationsart").children), None)  # type: ignore[union-attr]  # rules: it is there
    if application is None:
        return
    nuclear = application.name == "Metabolisch"
    profile = (
        "strahlentherapie-bestrahlung-nuklearmedizin"
        if nuclear
        else "strahlentherapie-bestrahlung-strahlentherapie"
    )
    code = coded(SNOMED, *(_NUCLIDES if nuclear else _RADIOTHERAPY))
    part = report.new("Procedure", "irradiation", str(number), profile=profile)
    extensions = _dose_extensions(application)
    if extensions:
        part["extension"] = extensions
    ended = bool(node.value("Ende"))
    part.update(
        partOf=[reference(course)],
        status="completed" if ended else "in-progress",
        category=code,
        code=code,
        subject=report.case.patient,
        performedPeriod=period(read_date(node.first("Beginn")), read_date(node.first("Ende"))),
        reasonReference=[report.case.condition],
        usedCode=_used(application),
    )
    site = _site(application)
    if site:
        part["bodySite"] = [site]


def _dose_extensions(application: Node) -> list[Json]:
    extensions: list[Json] = []
    for name in ("Gesamtdosis", "Einzeldosis"):
        if application.value(name, "Dosis"):
            unit, dose = application.value(name, "Einheit"), float(application.value(name, "Dosis"))
            quantity = {
                "value": int(dose) if dose.is_integer() else dose,
                "unit": unit,
                "system": UCUM,
                "code": unit,
            }
            url = oncology_extension(f"strahlentherapie-bestrahlung-{name.lower()}")
            extensions.append({"url": url, "valueQuantity": quantity})
    if application.value("Boost"):
        boost = table("boost").concept(application.value("Boost"))
        extensions.append(
            {"url": oncology_extension("strahlentherapie-bestrahlung-boost"), "valueCodeableConcept": boost}
        )
    return extensions


def _used(application: Node) -> list[Json]:
    used = [application_concept(application)]
    if application.value("Strahlenart"):
        used.append(table("radiation").concept(application.value("Strahlenart")))
    return used


def application_concept(application: Node) -> Json:
    """The kind of application.

    A combination that the code system lacks gets the next broader code and says so.
    """
    written = _application_code(application)
    codes = table("application")
    code = codes.broader.get(written, written)
    concept = codes.concept(code)
    if code != written:
        concept["text"] = f"gemeldet: {written}"
    return concept


def _application_code(application: Node) -> str:
    if application.name == "Perkutan":
        chemo = application.value("Radiochemo")
        technique = application.value("Stereotaktisch") + application.value("Atemgetriggert")
        return f"P{chemo}-{technique}" if technique else f"P{chemo}"
    if application.name == "Kontakt":
        return application.value("Interstitiell_endokavitaer") + application.value("Rate_Type")
    if application.name == "Metabolisch":
        kind = application.value("Metabolisch_Typ")
        return kind if kind == "M" else f"M{kind}"
    return "S"


def _site(application: Node) -> Json:
    codings: list[Json] = []
    new, old = (
        application.value("Zielgebiet", "CodeVersion2021"),
        application.value("Zielgebiet", "CodeVersion2014"),
    )
    former = table("target-area-2014")
    if old:
        new = new or former.to_2021.get(old.rstrip("+-").rstrip("."), "")
    if new:
        codings.append(table("target-area").coding(new))
    if old:
        codings.append({"system": former.system, "code": old})
    if application.value("Seite_Zielgebiet"):
        codings.append(table("laterality").coding(application.value("Seite_Zielgebiet")))
    return {"coding": codings} if codings else {}
