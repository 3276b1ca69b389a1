"""Everything the care record holds about one person, from the team to the letters.

Above: `fhir.record`. Below: one file per subject.
"""

from __future__ import annotations

from datetime import date

from mihub.synth.care_record.aftercare import write_aftercare
from mihub.synth.care_record.board import write_board_cases
from mihub.synth.care_record.board_registration import write_registration
from mihub.synth.care_record.referral import write_referrals
from mihub.synth.care_record.sharing import write_sharing
from mihub.synth.care_record.symptoms import write_symptoms
from mihub.synth.care_record.team import write_goals, write_journey, write_team
from mihub.synth.fhir.chart import Chart
from mihub.synth.fhir.consent import write_research_consent
from mihub.synth.life import Life


def write_care_record(chart: Chart, life: Life, today: date) -> None:
    """All of it; the dead keep their documents and get no new duty."""
    write_team(chart, life)
    write_journey(chart, life, today)
    write_sharing(chart, life, today)
    write_research_consent(chart, life.research)
    write_referrals(chart, life, today)
    if life.tumour:
        write_board_cases(chart, life, life.tumour, today)
        write_registration(chart, life, life.tumour, today)
        write_aftercare(chart, life, life.tumour, today)
        write_symptoms(chart, life, life.tumour, today)
    if life.death is None:
        write_goals(chart, life, today)
