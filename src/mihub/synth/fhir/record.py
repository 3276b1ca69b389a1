"""Everything one member stores about one person, in the order in which the facts refer to each other.

Above: `region`. Below: one file per subject.
"""

from __future__ import annotations

from datetime import date, timedelta

from mihub.core.fhir import Resource
from mihub.synth.fhir.chart import Chart
from mihub.synth.fhir.patient import write_patient
from mihub.synth.fhir.smoking import write_smoking
from mihub.synth.life import Life
from mihub.synth.records import SiteRecord


def write_record(seed: int, life: Life, record: SiteRecord, today: date) -> list[Resource]:
    """All resources of this person at this member."""
    chart = Chart(seed, record)
    write_patient(chart, life.death)
    if chart.member.kind == "practice":
        write_smoking(chart, life.tobacco, (life.death or today) - timedelta(days=chart.dice.whole(30, 400)))
    return chart.resources
