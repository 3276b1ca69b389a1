"""Who may have a low-dose CT for early detection of lung cancer: § 2 LuKrFrühErkV, one criterion at a time.

The law decides entitlement; a risk model never enters here. What is not known stays undecided. Whether an
ongoing abstinence counts into the 25 years is open in law: the safe reading (it does not) decides, both
values are reported. Source: content/rules/lukrfruehrkv-2024.yaml. Neighbours: `smoking` (counting),
`receipt` (the answer).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from mihub.core.rules.document import RuleDocument, in_force
from mihub.core.rules.months import add_months, completed_years
from mihub.core.rules.receipt import Criterion, Outcome, Receipt, Step, StepValue
from mihub.core.rules.smoking import (
    Pause,
    SmokingCount,
    SmokingInterval,
    count_smoking,
    longest,
    overlapping,
    pack_years,
    shortest,
)


@dataclass(frozen=True, slots=True)
class PriorCt:
    """The last CT of the lung that could be read for cancer: `on` is None when there was none."""

    on: date | None
    control_requiring: bool = False


@dataclass(frozen=True, slots=True)
class ScreeningFacts:
    """What is known of one person. None means not known; `intervals=()` means never smoked."""

    birth_date: date | None
    intervals: tuple[SmokingInterval, ...] | None
    prior_ct: PriorCt | None


@dataclass(frozen=True, slots=True)
class _Counts:
    """The same history as told, at its shortest and at its longest, as far as days are only known to the
    month or year.
    """

    told: SmokingCount
    least: SmokingCount
    most: SmokingCount

    def reaches(self, value: Callable[[SmokingCount], Fraction], threshold: int) -> Outcome:
        if value(self.least) >= threshold:
            return Outcome.MET
        return Outcome.FAILED if value(self.most) < threshold else Outcome.UNDECIDED


def decide_lung_screening(facts: ScreeningFacts, today: date, rule: RuleDocument) -> Receipt:
    """The receipt for one person on one day. Raises `Unprocessable` when the rule is not in force on that
    day.
    """
    in_force(rule, today)
    unusable = _unusable(facts)
    counts = None if unusable else _count(facts.intervals or (), today, rule)
    return Receipt(
        rule_id=rule.id,
        rule_version=rule.version,
        citation=rule.citations["rule"],
        decided_on=today,
        inputs=_inputs(facts),
        criteria=(
            _age(facts.birth_date, today, rule),
            _duration(counts, unusable, today, rule),
            _pack_years(counts, unusable, today, rule),
            _abstinence(counts, unusable, rule),
            _ct_interval(facts.prior_ct, today, rule),
        ),
        notes=_notes(counts, rule),
    )


def _unusable(facts: ScreeningFacts) -> tuple[str, ...]:
    if facts.intervals is None:
        return ("smoking-history",)
    if overlapping(facts.intervals):
        return ("smoking-overlap",)
    born = facts.birth_date
    if born is not None and any(interval.start < born for interval in facts.intervals):
        return ("smoking-before-birth",)
    return ()


def _count(intervals: tuple[SmokingInterval, ...], today: date, rule: RuleDocument) -> _Counts:
    limit = rule.thresholds["interruption_years_below"]
    variants = (intervals, shortest(intervals), longest(intervals, today))
    return _Counts(*(count_smoking(variant, today, pause_limit_years=limit) for variant in variants))


def _age(birth_date: date | None, today: date, rule: RuleDocument) -> Criterion:
    citation = rule.citations["age"]
    if birth_date is None:
        return Criterion("age", citation, Outcome.UNDECIDED, missing=("birth-date",))
    age = completed_years(birth_date, today)
    low, high = rule.thresholds["age_from_years"], rule.thresholds["age_below_years"]
    outcome = Outcome.MET if low <= age < high else Outcome.FAILED
    return Criterion("age", citation, outcome, (Step("age", {"age": age, "low": low, "high": high}),))


def _duration(
    counts: _Counts | None, unusable: tuple[str, ...], today: date, rule: RuleDocument
) -> Criterion:
    citation, threshold = rule.citations["duration"], rule.thresholds["duration_years"]
    if counts is None:
        return Criterion("duration", citation, Outcome.UNDECIDED, missing=unusable)
    outcome = counts.reaches(lambda count: count.months, threshold * 12)
    total = Step("duration-sum", {"years": counts.told.months / 12, "threshold": threshold})
    missing = ("smoking-months",) if outcome is Outcome.UNDECIDED else ()
    return Criterion("duration", citation, outcome, (*_history(counts.told, today, rule), total), missing)


def _history(count: SmokingCount, today: date, rule: RuleDocument) -> tuple[Step, ...]:
    told: list[tuple[date, Step]] = []
    told += [(i.start, _span("not-counted", i, today)) for i in count.not_counted]
    told += [(i.start, _span("smoked", i, today)) for i in count.counted]
    told += [(p.start, _pause(p, rule)) for p in count.pauses]
    steps = (step for _, step in sorted(told, key=lambda pair: pair[0]))
    years = _only_years((*count.not_counted, *count.counted))
    return tuple(_as_known(step, years) for step in steps)


def _only_years(intervals: tuple[SmokingInterval, ...]) -> frozenset[date]:
    starts = {i.start for i in intervals if i.start_uncertain_months}
    return frozenset(starts | {i.end for i in intervals if i.end and i.end_uncertain_months})


def _as_known(step: Step, years: frozenset[date]) -> Step:
    # A year that somebody typed is shown as that year, not as a day that nobody said.
    return Step(
        step.key,
        {
            name: str(value.year) if isinstance(value, date) and value in years else value
            for name, value in step.values.items()
        },
    )


def _span(key: str, interval: SmokingInterval, today: date) -> Step:
    months = count_smoking((interval,), interval.end or today, pause_limit_years=1).smoking_months
    if interval.end is None:
        return Step(f"{key}-ongoing", {"start": interval.start, "years": months / 12})
    return Step(key, {"start": interval.start, "end": interval.end, "years": months / 12})


def _pause(pause: Pause, rule: RuleDocument) -> Step:
    kind = "abstinence" if pause.ongoing else "pause"
    key = f"{kind}-counts" if pause.counts else f"{kind}-breaks"
    limit = rule.thresholds["interruption_years_below"]
    return Step(key, {"start": pause.start, "end": pause.end, "years": pause.months / 12, "limit": limit})


def _pack_years(
    counts: _Counts | None, unusable: tuple[str, ...], today: date, rule: RuleDocument
) -> Criterion:
    citation, threshold = rule.citations["pack_years"], rule.thresholds["pack_years"]
    if counts is None:
        return Criterion("pack-years", citation, Outcome.UNDECIDED, missing=unusable)
    outcome = counts.reaches(lambda count: count.pack_years, threshold)
    missing: tuple[str, ...] = ()
    if outcome is not Outcome.MET and counts.most.amounts_missing:
        outcome = Outcome.UNDECIDED
    if outcome is Outcome.UNDECIDED:
        missing = ("cigarettes-per-day",) if counts.most.amounts_missing else ("smoking-months",)
    years = _only_years(counts.told.counted)
    steps = [_as_known(_packs(interval, today), years) for interval in counts.told.counted]
    total = Step("pack-sum", {"packs": counts.told.pack_years, "threshold": threshold})
    return Criterion("pack-years", citation, outcome, (*steps, total), missing)


def _packs(interval: SmokingInterval, today: date) -> Step:
    packs, amount = pack_years(interval, today), interval.cigarettes_per_day
    if packs is None or amount is None:
        return Step("pack-unknown", {"start": interval.start})
    return Step(
        "pack-interval",
        {"start": interval.start, "amount": amount, "years": packs / amount * 20, "packs": packs},
    )


def _abstinence(counts: _Counts | None, unusable: tuple[str, ...], rule: RuleDocument) -> Criterion:
    citation, limit = rule.citations["abstinence"], rule.thresholds["interruption_years_below"]
    if counts is None:
        return Criterion("abstinence", citation, Outcome.UNDECIDED, missing=unusable)
    ongoing = [[p for p in count.pauses if p.ongoing] for count in (counts.told, counts.least, counts.most)]
    if not ongoing[0]:
        return Criterion("abstinence", citation, Outcome.MET, (_no_abstinence(counts.told),))
    counting = {all(pause.counts for pause in pauses) for pauses in ongoing}
    outcome = Outcome.UNDECIDED if len(counting) > 1 else Outcome.MET if True in counting else Outcome.FAILED
    step = Step("abstinence-years", {"years": counts.told.abstinence_months / 12, "limit": limit})
    missing = ("smoking-months",) if outcome is Outcome.UNDECIDED else ()
    return Criterion("abstinence", citation, outcome, (step,), missing)


def _no_abstinence(count: SmokingCount) -> Step:
    return Step("still-smoking" if count.counted else "never-smoked", {})


def _ct_interval(prior: PriorCt | None, today: date, rule: RuleDocument) -> Criterion:
    citation, months = rule.citations["ct_interval"], rule.thresholds["ct_interval_months"]
    if prior is None:
        return Criterion("ct-interval", citation, Outcome.UNDECIDED, missing=("last-lung-ct",))
    if prior.on is None:
        return Criterion("ct-interval", citation, Outcome.MET, (Step("ct-none", {}),))
    earliest = add_months(prior.on, months)
    values: dict[str, StepValue] = {"on": prior.on, "earliest": earliest, "months": months}
    if earliest <= today:
        return Criterion("ct-interval", citation, Outcome.MET, (Step("ct-long-ago", values),))
    if prior.control_requiring:
        return Criterion(
            "ct-interval", rule.citations["ct_exception"], Outcome.MET, (Step("ct-control", values),)
        )
    return Criterion("ct-interval", citation, Outcome.FAILED, (Step("ct-too-early", values),))


def _notes(counts: _Counts | None, rule: RuleDocument) -> tuple[Step, ...]:
    if counts is None or not counts.told.abstinence_months or not counts.told.counted:
        return ()
    safe, wide, need = (
        counts.told.months,
        counts.told.months_with_abstinence,
        rule.thresholds["duration_years"] * 12,
    )
    key = "readings-differ" if (safe >= need) != (wide >= need) else "readings-agree"
    return (Step(key, {"safe": safe / 12, "wide": wide / 12}),)


def _inputs(facts: ScreeningFacts) -> dict[str, object]:
    return {"birth_date": facts.birth_date, "intervals": facts.intervals, "prior_ct": facts.prior_ct}
