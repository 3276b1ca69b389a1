"""Treatments: operation, radiotherapy, systemic therapy; open ones as behandlungsbeginn, ended ones as
behandlungsende.
"""

from __future__ import annotations

from mihub.synth.events import Diagnosis, Operation, Radiotherapy, Systemic
from mihub.synth.obds.element import coded, exact_day, parent, tag
from mihub.synth.obds.findings import histology, tnm


def operation(identity: str, event: Operation, found: Diagnosis) -> str:
    """One operation with what pathology found."""
    year = str(event.day.year)
    pathological = event.tnm
    return parent(
        "OP",
        tag("Intention", event.intention),
        tag("Datum", event.day),
        parent("Menge_OPS", *(coded("OPS", code, year) for code in event.ops)),
        histology(f"{identity}-H", event.day, found.morphology, found.histology_text, found.grading),
        tnm("TNM", f"{identity}-T", pathological) if pathological else "",
        parent(
            "Residualstatus",
            tag("Lokale_Beurteilung_Residualstatus", event.residual),
            tag("Gesamtbeurteilung_Residualstatus", event.residual),
        ),
        _complications(event.complication),
        OP_ID=identity,
    )


def _complications(code: str) -> str:
    if code in ("N", "U"):
        return parent("Komplikationen", tag("Komplikation_nein_oder_unbekannt", code))
    return parent(
        "Komplikationen", parent("Menge_Komplikation", parent("Komplikation", tag("Kuerzel", code)))
    )


def _dose(name: str, value: float) -> str:
    return parent(name, tag("Dosis", f"{value:g}"), tag("Einheit", "Gy"))


def radiotherapy(identity: str, event: Radiotherapy) -> str:
    """One percutaneous series."""
    beams = parent(
        "Perkutan",
        tag("Radiochemo", "RCJ" if event.with_chemotherapy else "RCN"),
        tag("Stereotaktisch", "ST") if event.single >= 7 else "",
        parent("Zielgebiet", tag("CodeVersion2021", event.target)),
        tag("Seite_Zielgebiet", event.side),
        tag("Strahlenart", "UH"),
        _dose("Gesamtdosis", event.total) if event.end else "",
        _dose("Einzeldosis", event.single),
    )
    series = parent(
        "Bestrahlung", tag("Beginn", event.begin), tag("Ende", event.end), parent("Applikationsart", beams)
    )
    return parent(
        "ST",
        tag("Meldeanlass", "behandlungsende" if event.end else "behandlungsbeginn"),
        tag("Intention", event.intention),
        tag("Stellung_OP", event.position),
        parent("Menge_Bestrahlung", series),
        tag("Ende_Grund", event.ended) if event.end else "",
        parent("Nebenwirkungen", tag("Grad_maximal2_oder_unbekannt", "K")),
        ST_ID=identity,
    )


def systemic(identity: str, event: Systemic) -> str:
    """One line of systemic therapy with its substances."""
    year = str(event.begin.year)
    substances = [
        parent("Substanz", parent("ATC", tag("Code", code), tag("Version", year)))
        for code, _name in event.substances
    ]
    return parent(
        "SYST",
        tag("Meldeanlass", "behandlungsende" if event.end else "behandlungsbeginn"),
        tag("Intention", event.intention),
        tag("Stellung_OP", event.position),
        tag("Therapieart", event.kind),
        tag("Protokoll", event.protocol),
        exact_day("Beginn", event.begin),
        parent("Menge_Substanz", *substances),
        tag("Ende_Grund", event.ended) if event.end else "",
        tag("Ende", event.end),
        _side_effects(event),
        SYST_ID=identity,
    )


def _side_effects(event: Systemic) -> str:
    if event.side_effect is None:
        return parent("Nebenwirkungen", tag("Grad_maximal2_oder_unbekannt", "U"))
    name, grade = event.side_effect
    effect = parent(
        "Nebenwirkung",
        parent("Art", tag("Bezeichnung", name)),
        tag("Grad", grade),
        tag("Version", "Sonstige"),
    )
    return parent("Nebenwirkungen", parent("Menge_Nebenwirkung", effect))
