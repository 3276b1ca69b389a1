"""Aftercare dates: month ends, leap years, and the shipped schedules read as people would read them."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mihub.core.rules.months import add_months
from mihub.core.rules.schedule import Schedule, parse_exams, parse_schedule, planned_visits
from mihub.errors import InvalidInput

_FOLDER = Path(__file__).parents[2] / "src/mihub/content/schedules"
EXAMS = parse_exams(yaml.safe_load((_FOLDER / "exams.yaml").read_text(encoding="utf-8")))


def data_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def schedule(name: str) -> Schedule:
    return parse_schedule(data_of(name), EXAMS)


NAMES = sorted(path.stem for path in _FOLDER.glob("*.yaml") if path.stem != "exams")
ANCHORS = st.dates(date(2000, 1, 1), date(2060, 12, 31))


@given(ANCHORS, st.sampled_from(NAMES))
def test_visits_ascend_and_stay_on_the_day_of_the_anchor_or_the_months_end(anchor: date, name: str) -> None:
    visits = planned_visits(schedule(name), anchor)
    assert [visit.number for visit in visits] == list(range(1, len(visits) + 1))
    assert all(one.due < two.due for one, two in pairwise(visits))
    for visit in visits:
        if visit.months is not None:
            last = monthrange(visit.due.year, visit.due.month)[1]
            assert visit.due.day == min(anchor.day, last)
            moved = (visit.due.year - anchor.year) * 12 + visit.due.month - anchor.month
            assert moved == visit.months


@given(ANCHORS, st.integers(1, 240))
def test_a_date_never_drifts_by_being_counted_in_steps(anchor: date, months: int) -> None:
    # Counted from the anchor the day comes back after a short month; counted step by step it would not.
    due = add_months(anchor, months)
    assert abs((due - anchor).days - months * 30.436875) < 4


def test_month_ends_and_leap_years() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert add_months(date(2024, 2, 29), 48) == date(2028, 2, 29)
    assert add_months(date(2026, 3, 31), -1) == date(2026, 2, 28)


def test_three_sources_for_lung_cancer_stay_apart() -> None:
    anchor = date(2026, 1, 15)
    months = {
        name: [visit.months for visit in planned_visits(schedule(name), anchor) if visit.months]
        for name in ("lung-nsclc-onkopedia", "lung-catalogue", "lung-process-model")
    }
    assert months["lung-nsclc-onkopedia"] == [3, 6, 12, 18, 24, 36, 48, 60]
    assert months["lung-catalogue"] == [3, 6, 9, 12, 15, 18, 21, 24, 30, 36, 42, 48, 54, 60]
    assert months["lung-process-model"] == [6, 12, 18, 24, 36, 48, 60]


def test_the_first_visit_is_due_within_eight_weeks_of_the_end_of_therapy() -> None:
    first = planned_visits(schedule("lung-nsclc-onkopedia"), date(2026, 1, 15))[0]
    assert (first.months, first.due) == (None, date(2026, 1, 15) + timedelta(weeks=8))
    assert "16.4" in first.citation


@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_names_its_source_and_is_not_verified_without_an_approver(name: str) -> None:
    shipped = schedule(name)
    assert shipped.source.title
    assert shipped.version
    assert shipped.approval.verified is bool(shipped.approval.approver)
    assert shipped.diagnoses


def test_a_schedule_fits_by_the_beginning_of_the_code() -> None:
    assert schedule("lung-nsclc-onkopedia").fits("C34.1")
    assert not schedule("lung-nsclc-onkopedia").fits("C50.4")


def test_an_unknown_examination_or_month_is_refused_with_its_name() -> None:
    data = data_of("breast-s3")
    with pytest.raises(InvalidInput, match="telepathy"):
        parse_schedule({**data, "visits": [{"at_months": [3], "exams": ["telepathy"]}]}, EXAMS)
    with pytest.raises(InvalidInput, match="between month 1 and month 240"):
        parse_schedule({**data, "visits": [{"at_months": [0], "exams": ["visit"]}]}, EXAMS)
