"""Builder form, cohort and CCDL document say the same: every way around ends where it began."""

from __future__ import annotations

import urllib.parse
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from mihub.core.mii.ccdl import parse_ccdl
from mihub.core.query.from_ccdl import from_ccdl as question_of
from mihub.portals.research.cohort import COMPARISONS, Cohort, Line
from mihub.portals.research.cohort_form import check, read_cohort, step, to_fields
from mihub.portals.research.documents import from_document, to_document
from mihub.portals.shell.forms import FormErrors

_DAYS = st.dates(date(1990, 1, 1), date(2030, 12, 31))
_NUMBERS = st.decimals(0, 500, places=2).map(Decimal.normalize).map(lambda value: value + 0)
_ICD = st.sampled_from(["C34", "C34.1", "C50.4", "I10", "J44.99"])
_OPS = st.sampled_from(["5-324", "5-324.b1", "8-522"])
_LOINC = st.sampled_from(["718-7", "2160-0", "20150-9"])
_TITLES = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=40)
_USE = "2.16.840.1.113883.3.1937.777.24.5.3.8"


@st.composite
def dates(draw: st.DrawFn) -> dict[str, date | None]:
    after = draw(st.one_of(st.none(), _DAYS))
    before = draw(st.one_of(st.none(), _DAYS))
    if after and before and before < after:
        before = after + timedelta(days=1)
    return {"after": after, "before": before}


def codes(one: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(one, min_size=1, max_size=3, unique=True).map(tuple)


@st.composite
def numbers(draw: st.DrawFn) -> dict[str, object]:
    comparison = draw(st.sampled_from(COMPARISONS))
    value = draw(_NUMBERS)
    upper = value + draw(_NUMBERS) if comparison == "between" else None
    return {"comparison": comparison, "value": value, "upper": upper}


@st.composite
def lines(draw: st.DrawFn) -> Line:
    kind = draw(st.sampled_from(["diagnosis", "procedure", "lab", "age", "sex", "consent"]))
    if kind == "diagnosis":
        return Line("diagnosis", draw(codes(_ICD)), **draw(dates()))
    if kind == "procedure":
        return Line("procedure", draw(codes(_OPS)), **draw(dates()))
    if kind == "lab":
        asked = draw(st.one_of(st.just({}), numbers()))
        unit = draw(st.sampled_from(["", "g/dL", "10*3/uL", "%"])) if asked else ""
        return Line("lab", draw(codes(_LOINC)), unit=unit, **asked, **draw(dates()))
    if kind == "age":
        return Line("age", **draw(numbers()))
    if kind == "sex":
        return Line("sex", draw(codes(st.sampled_from(["female", "male", "other"]))))
    return Line("consent", (_USE,))


def groups(least: int) -> st.SearchStrategy[tuple[tuple[Line, ...], ...]]:
    group = st.lists(lines(), min_size=1, max_size=3).map(tuple)
    return st.lists(group, min_size=least, max_size=3).map(tuple)


cohorts = st.builds(Cohort, _TITLES, groups(1), groups(0))


def sent(cohort: Cohort) -> FormData:
    """What a browser sends for the form of this cohort, by way of the wire."""
    query = urllib.parse.urlencode(to_fields(cohort), doseq=True)
    return FormData(urllib.parse.parse_qsl(query, keep_blank_values=True))


@given(cohorts)
def test_a_cohort_survives_the_form(cohort: Cohort) -> None:
    errors = FormErrors()
    assert read_cohort(sent(cohort), errors) == cohort
    check(cohort, errors)
    assert not errors.found


@given(cohorts)
def test_a_cohort_survives_the_document(cohort: Cohort) -> None:
    assert from_document(to_document(cohort)) == cohort


@given(cohorts)
def test_every_document_of_the_builder_is_a_question_that_sites_understand(cohort: Cohort) -> None:
    assert question_of(parse_ccdl(to_document(cohort))).node is not None


@given(cohorts, st.sampled_from(["in", "ex"]), st.integers(0, 3))
def test_a_line_that_is_added_and_dropped_leaves_no_trace(cohort: Cohort, side: str, group: int) -> None:
    groups_before = cohort.groups("in" if side == "in" else "ex")
    at = min(group, len(groups_before))
    added = step(cohort, f"add:{side}:{at}", {f"new-{side}-{at}": "sex"})
    place = len(groups_before[at]) if at < len(groups_before) else 0
    assert added != cohort
    assert step(added, f"drop:{side}:{at}:{place}", {}) == cohort


@given(cohorts, st.text(max_size=30))
def test_no_button_text_can_break_the_form(cohort: Cohort, act: str) -> None:
    changed = step(cohort, act, {})
    assert isinstance(changed, Cohort)
