"""Weekly symptom reports under therapy, with our own items (0 none to 4 very severe), and what followed an
alert.

Questionnaire `https://mihub.example/fhir/Questionnaire/symptom-check`; no licensed instrument. The story
person reports more breathlessness in week 5: Flag, a call, an adverse event, the drug is paused. Neighbour:
`record`.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.synth.calendar import instant
from mihub.synth.events import Systemic, TumourCourse
from mihub.synth.fhir import canonicals as url
from mihub.synth.fhir.chart import Chart, concept, member_reference
from mihub.synth.life import Life
from mihub.synth.members import BY_ID

QUESTIONNAIRE = f"{url.OWN}/Questionnaire/symptom-check|1"
ITEMS = {
    "dyspnoea": "Atemnot",
    "cough": "Husten",
    "pain": "Schmerzen",
    "fatigue": "Müdigkeit",
    "nausea": "Übelkeit",
    "appetite": "Appetitlosigkeit",
}
_MOST_WEEKS = 6
_STORY_WEEKS = 13
_ALERT_WEEK = 5
_CALLED = "Wir haben telefoniert. Sie kommen heute zum CT. Nehmen Sie das Medikament vorerst nicht."


def write_symptoms(chart: Chart, life: Life, tumour: TumourCourse, today: date) -> None:
    """Reports of the weeks under the latest systemic therapy, if that was in the last half year."""
    until = life.death or today
    therapies = [event for event in tumour.events if isinstance(event, Systemic)]
    if not therapies or not (life.story == "story" or chart.dice.chance(0.6)):
        return
    therapy = therapies[-1]
    end = min(therapy.end or until, until)
    if end < today - timedelta(days=180):
        return
    first = (
        therapy.begin if life.story == "story" else max(therapy.begin, end - timedelta(days=7 * _MOST_WEEKS))
    )
    weeks = min((end - first).days // 7, _STORY_WEEKS)
    for week in range(1, weeks + 1):
        _report(chart, first + timedelta(days=7 * week), alert=life.story == "story" and week == _ALERT_WEEK)
    if life.story == "story":
        _alert(chart, therapy, first + timedelta(days=7 * _ALERT_WEEK))


def _report(chart: Chart, day: date, *, alert: bool) -> None:
    answers = {key: int(chart.dice.weighted({"0": 0.5, "1": 0.32, "2": 0.14, "3": 0.04})) for key in ITEMS}
    if alert:
        answers.update(dyspnoea=3, cough=2)
    chart.add(
        "QuestionnaireResponse",
        questionnaire=QUESTIONNAIRE,
        status="completed",
        subject=chart.patient,
        authored=instant(day, 19, chart.dice.whole(0, 59)),
        source=chart.patient,
        item=[
            {"linkId": key, "text": text, "answer": [{"valueInteger": answers[key]}]}
            for key, text in ITEMS.items()
        ],
    )


def _alert(chart: Chart, therapy: Systemic, day: date) -> None:
    """Flag, the nurse's call within the hour, the pneumonitis that the CT then showed."""
    nurse = BY_ID[therapy.hospital].person("nurse")
    flag = concept(
        f"{url.OWN}/CodeSystem/flag", "symptom-alert", text="Atemnot stärker als in der Woche davor"
    )
    chart.add(
        "Flag",
        status="inactive",
        code=flag,
        subject=chart.patient,
        period={"start": day.isoformat(), "end": (day + timedelta(days=1)).isoformat()},
    )
    chart.add(
        "Communication",
        status="completed",
        category=[concept(url.COMMUNICATION, "call", text="Anruf")],
        topic={"text": "Anruf wegen Atemnot"},
        subject=chart.patient,
        recipient=[chart.patient],
        sent=instant(day + timedelta(days=1), 8, 40),
        language="de",
        sender={**member_reference(therapy.hospital), "display": nurse.name},
        payload=[{"contentString": _CALLED}],
    )
    chart.add(
        "AdverseEvent",
        actuality="actual",
        event=concept(f"{url.OWN}/CodeSystem/observation", "pneumonitis", text="Pneumonitis"),
        subject=chart.patient,
        date=(day + timedelta(days=1)).isoformat(),
        severity=concept(f"{url.TERMINOLOGY}/adverse-event-severity", "moderate"),
        suspectEntity=[{"instance": {"display": therapy.protocol}}],
    )
