"""Laboratory values (LOINC, UCUM) and lung function, drawn around plausible means.

Profile: MII laboratory. A panel is one DiagnosticReport with its Observations. Tumour marker and LDH rise
with the stage.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mihub.synth.calendar import instant
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, category, concept, loinc, numbered, ordered, quantity


@dataclass(frozen=True, slots=True)
class Analyte:
    """One measured thing: name, unit, usual mean and spread, limits of the reference range."""

    display: str
    text: str
    unit: str
    code: str
    mean: float
    spread: float
    low: float | None
    high: float | None
    digits: int = 1


ANALYTES = {
    "718-7": Analyte(
        "Hemoglobin [Mass/volume] in Blood", "Hämoglobin", "g/dl", "g/dL", 13.4, 1.5, 12.0, 17.5
    ),
    "6690-2": Analyte(
        "Leukocytes [#/volume] in Blood", "Leukozyten", "10*3/µl", "10*3/uL", 7.2, 2.0, 4.0, 10.0
    ),
    "777-3": Analyte(
        "Platelets [#/volume] in Blood", "Thrombozyten", "10*3/µl", "10*3/uL", 255, 70, 150, 400, 0
    ),
    "2160-0": Analyte(
        "Creatinine [Mass/volume] in Serum or Plasma", "Kreatinin", "mg/dl", "mg/dL", 0.95, 0.22, 0.5, 1.2, 2
    ),
    "2532-0": Analyte(
        "Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma",
        "LDH",
        "U/l",
        "U/L",
        205,
        45,
        135,
        250,
        0,
    ),
    "1742-6": Analyte(
        "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma",
        "ALT",
        "U/l",
        "U/L",
        27,
        12,
        10,
        45,
        0,
    ),
    "1988-5": Analyte(
        "C reactive protein [Mass/volume] in Serum or Plasma", "CRP", "mg/l", "mg/L", 6, 6, None, 5
    ),
    "2039-6": Analyte(
        "Carcinoembryonic Ag [Mass/volume] in Serum or Plasma", "CEA", "ng/ml", "ng/mL", 3.0, 1.6, None, 5.0
    ),
    "4548-4": Analyte("Hemoglobin A1c/Hemoglobin.total in Blood", "HbA1c", "%", "%", 5.9, 0.7, None, 6.5),
}
_STUDIES = {"system": url.LOINC, "code": "26436-6", "display": "Laboratory studies (set)"}
TUMOUR_PANEL = ("718-7", "6690-2", "777-3", "2160-0", "2532-0", "1742-6", "2039-6")
SHORT_PANEL = ("718-7", "2160-0", "2532-0", "2039-6")
PRACTICE_PANEL = ("718-7", "2160-0", "4548-4")


def write_panel(
    chart: Chart,
    day: date,
    codes: tuple[str, ...],
    encounter: dict[str, str] | None = None,
    burden: float = 0.0,
) -> None:
    """One report of these analytes; `burden` 0 to 1 raises marker and LDH and lowers haemoglobin."""
    when = instant(day, 7, chart.dice.whole(0, 59))
    number = f"{chart.record.number}-L{len(chart.resources)}"
    results = [_value(chart, code, when, encounter, burden) for code in codes]
    chart.add(
        "DiagnosticReport",
        url.LABORATORY_REPORT,
        identifier=[numbered(chart, "FILL", number, "laboratory")],
        basedOn=ordered(chart, number, "laboratory"),
        status="final",
        category=[
            {"coding": [_STUDIES, {"system": f"{url.TERMINOLOGY}/v2-0074", "code": "LAB"}]},
        ],
        code=loinc("11502-2", "Laboratory report", "Laborbefund"),
        subject=chart.patient,
        encounter=encounter,
        effectiveDateTime=when,
        issued=instant(day, 15),
        result=results,
    )


def _value(
    chart: Chart, code: str, when: str, encounter: dict[str, str] | None, burden: float
) -> dict[str, str]:
    analyte = ANALYTES[code]
    value = _drawn(chart, code, analyte, burden)
    high = analyte.high is not None and value > analyte.high
    low = analyte.low is not None and value < analyte.low
    limits = {
        name: {"value": limit}
        for name, limit in (("low", analyte.low), ("high", analyte.high))
        if limit is not None
    }
    return chart.add(
        "Observation",
        url.LABORATORY,
        identifier=[numbered(chart, "OBI", f"{chart.record.number}-A{len(chart.resources)}", "laboratory")],
        status="final",
        category=[
            {
                "coding": [
                    _STUDIES,
                    {"system": f"{url.TERMINOLOGY}/observation-category", "code": "laboratory"},
                ]
            },
        ],
        code=loinc(code, analyte.display, analyte.text),
        subject=chart.patient,
        encounter=encounter,
        effectiveDateTime=when,
        valueQuantity=quantity(value, analyte.unit, analyte.code),
        interpretation=[
            concept(f"{url.TERMINOLOGY}/v3-ObservationInterpretation", "H" if high else "L" if low else "N")
        ],
        referenceRange=[limits],
    )


def _drawn(chart: Chart, code: str, analyte: Analyte, burden: float) -> float:
    value = chart.dice.bell(analyte.mean, analyte.spread, analyte.mean * 0.3, analyte.mean * 3)
    if code == "2039-6":
        value *= 1 + burden * chart.dice.whole(0, 120) / 10
    elif code == "2532-0":
        value *= 1 + burden * chart.dice.whole(0, 10) / 10
    elif code == "718-7":
        value -= burden * chart.dice.whole(0, 20) / 10
    return round(max(value, 0.1), analyte.digits)


def write_lung_function(
    chart: Chart, day: date, encounter: dict[str, str] | None, *, diffusion: bool
) -> None:
    """FEV1 and, when measured, DLCO in percent of predicted."""
    measured = [("20150-9", "FEV1", "FEV1 (% vom Soll)")]
    if diffusion:
        measured.append(("17129-7", "Diffusion capacity.carbon monoxide", "DLCO (% vom Soll)"))
    for code, display, text in measured:
        value = round(chart.dice.bell(78, 16, 32, 118))
        chart.add(
            "Observation",
            status="final",
            category=category("procedure"),
            code=loinc(code, display, text),
            subject=chart.patient,
            encounter=encounter,
            effectiveDateTime=day.isoformat(),
            valueQuantity=quantity(value, "%"),
        )
