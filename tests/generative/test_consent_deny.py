"""However Consents are combined, one more deny never permits anything more."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mihub.core.consent.periods import Periods
from mihub.core.consent.policy import broad_consent
from mihub.core.consent.ruling import rule

TODAY = date(2026, 11, 23)
CATALOGUE = broad_consent()
days = st.sampled_from(["2019-01-01", "2021", "2022-06", "2024-02-29", "2026-11-23", "2031-12-31", "never"])
codes = st.sampled_from(["1", "6", "8", "44", "45", "46", "999"])


@st.composite
def provisions(draw: Any, depth: int = 1) -> dict[str, Any]:
    named = draw(st.lists(codes, max_size=2))
    body: dict[str, Any] = {"type": draw(st.sampled_from(["permit", "permit", "deny"]))}
    if named:
        coding = [{"coding": [{"system": CATALOGUE.system, "code": CATALOGUE.prefix + one}]} for one in named]
        body["code"] = coding
    if draw(st.booleans()):
        body["period"] = {name: draw(days) for name in draw(st.sets(st.sampled_from(["start", "end"])))}
    if depth:
        body["provision"] = draw(st.lists(provisions(depth=depth - 1), max_size=2))
    return body


@st.composite
def consents(draw: Any) -> dict[str, Any]:
    inner = draw(st.lists(provisions(), min_size=1, max_size=4))
    return {
        "resourceType": "Consent",
        "id": draw(st.sampled_from(["a", "b"])),
        "status": draw(st.sampled_from(["active", "active", "inactive"])),
        "dateTime": "2022-01-01",
        "provision": {"type": "deny", "provision": inner},
    }


periods = st.lists(st.tuples(*[st.dates(date(2020, 1, 1), date(2020, 2, 15))] * 2), max_size=4).map(
    Periods.of
)


@settings(max_examples=300, deadline=None)
@given(st.lists(consents(), max_size=3), provisions(depth=0), st.integers(0, 3), st.integers(0, 3))
def test_adding_a_deny_never_widens(
    some: list[dict[str, Any]], extra: dict[str, Any], which: int, where: int
) -> None:
    before = rule(some, frozenset(), CATALOGUE, TODAY)
    changed = copy.deepcopy(some)
    if changed:
        inner = changed[which % len(changed)]["provision"]["provision"]
        inner.insert(where % (len(inner) + 1), {**extra, "type": "deny"})
    after = rule(changed, frozenset(), CATALOGUE, TODAY)
    assert before.permitted or not after.permitted
    if after.permitted:
        assert after.windows.minus(before.windows) == Periods()


@settings(max_examples=200, deadline=None)
@given(periods, periods, st.dates(date(2020, 1, 1), date(2020, 2, 15)))
def test_periods_are_sets_of_days(one: Periods, other: Periods, day: date) -> None:
    assert (day in one.union(other)) == (day in one or day in other)
    assert (day in one.intersection(other)) == (day in one and day in other)
    assert (day in one.minus(other)) == (day in one and day not in other)
    assert one.minus(other).union(one.intersection(other)) == one
