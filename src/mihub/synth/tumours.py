"""Tumour diseases as they run: diagnosis, board, treatment, assessments, recurrence, death.

A course is planned whole, then cut at today and at death, so that nothing lies in the future and nothing
happens to the dead. Rates: data/parameters.json. Below: `lung_plan`, `other_plans`. Rules that must hold:
`plausibility`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, timedelta

from mihub.synth import content, stages
from mihub.synth.calendar import age_on, weekday_from
from mihub.synth.dice import Dice
from mihub.synth.events import (
    Board,
    Course,
    Death,
    Event,
    Radiotherapy,
    Systemic,
    TumourCourse,
    first_day,
    last_day,
)
from mihub.synth.lung_plan import plan_lung
from mihub.synth.other_plans import plan_breast, plan_colorectal
from mihub.synth.people import Person
from mihub.synth.planning import Plan, PlanInput, systemic

ENTITIES = {"lung": plan_lung, "colorectal": plan_colorectal, "breast": plan_breast}


@dataclass(frozen=True, slots=True)
class _Fate:
    """When somebody dies of it or of something else; None: not within reach."""

    death: date
    by_tumour: bool


def draw(dice: Dice, entity: str, person: Person, home: str, today: date) -> TumourCourse:
    """One course for this person, up to today."""
    day = weekday_from(today - timedelta(days=3 + int(1800 * dice.whole(0, 1000) ** 1.5 / 1000**1.5)))
    board_at = "dresden" if dice.chance(content.rates("records")["second_hospital"]) else home
    plan = ENTITIES[entity](dice, PlanInput(day, home, board_at, person.sex, age_on(person.birth_date, day)))
    fate = _fate(dice, entity, plan, day)
    events = _with_follow_up(dice, plan, fate)
    return cut(entity, plan, events, fate.death if fate.death <= today else None, fate.by_tumour, today)


def _fate(dice: Dice, entity: str, plan: Plan, day: date) -> _Fate:
    rates = content.rates(entity, "five_year_survival")
    key = plan.small_cell_extent or stages.group(plan.diagnosis.tnm.stage)
    mean_days = -5 * 365.25 / math.log(rates[key])
    death = day + timedelta(days=max(25, dice.waiting_days(mean_days)))
    return _Fate(death, by_tumour=dice.chance(0.88 if plan.curative else 0.96))


def _end_of_first_therapy(plan: Plan) -> date:
    return max((last_day(event) for event in plan.events), default=plan.diagnosis.day)


def _recurrence(dice: Dice, entity: str, plan: Plan, fate: _Fate, end: date) -> date | None:
    """Drawn by stage; who dies of a tumour that was treated to cure had a recurrence before."""
    if not plan.curative:
        return None
    if fate.by_tumour and fate.death > end + timedelta(days=120) and fate.death < end + timedelta(days=2000):
        return end + timedelta(days=round((fate.death - end).days * dice.whole(30, 75) / 100))
    rates = content.rates(plan.entity, "recurrence_after_curative")
    key = plan.small_cell_extent or stages.group(plan.diagnosis.tnm.stage)
    if not dice.chance(rates[key] * 0.6):
        return None
    return end + timedelta(days=90 + dice.waiting_days(420))


def _with_follow_up(dice: Dice, plan: Plan, fate: _Fate) -> tuple[tuple[Event, ...], date | None]:
    end = _end_of_first_therapy(plan)
    recurrence = _recurrence(dice, plan.entity, plan, fate, end)
    events: list[Event] = list(plan.events)
    if plan.curative:
        events += _aftercare(dice, plan, end, recurrence or end + timedelta(days=5 * 365))
    else:
        events += _palliative_courses(dice, plan, fate)
    if recurrence:
        events += _after_recurrence(dice, plan, recurrence, fate)
    return tuple(sorted(events, key=first_day)), recurrence


def _aftercare(dice: Dice, plan: Plan, end: date, until: date) -> list[Event]:
    """Assessments without tumour, roughly every half year."""
    found: list[Event] = []
    day = weekday_from(end + timedelta(days=dice.whole(45, 90)))
    while day < until and len(found) < 10:
        found.append(Course(day, plan.home, "V", "K", "K", "K", min(2, plan.diagnosis.ecog)))
        day = weekday_from(day + timedelta(days=dice.whole(150, 210)))
    return found


def _palliative_courses(dice: Dice, plan: Plan, fate: _Fate) -> list[Event]:
    """Restaging until the disease progresses, then a second line, then best supportive care."""
    begin = plan.diagnosis.day + timedelta(days=dice.whole(75, 110))
    answer = dice.weighted({"T": 0.42, "K": 0.33, "P": 0.25})
    local = {"T": "T", "K": "N", "P": "P"}[answer]
    distant = {"T": "T", "K": "N", "P": "P"}[answer]
    found: list[Event] = [
        Course(weekday_from(begin), plan.home, answer, local, "T", distant, plan.diagnosis.ecog)
    ]
    progress = weekday_from(begin if answer == "P" else begin + timedelta(days=dice.waiting_days(240)))
    if answer != "P":
        found.append(Course(progress, plan.home, "P", "P", "P", "P", min(3, plan.diagnosis.ecog + 1)))
    return found + _next_line(dice, plan, progress, fate)


def _next_line(dice: Dice, plan: Plan, day: date, fate: _Fate) -> list[Event]:
    """The board speaks again; a second line when there is time left, else no tumour therapy."""
    board = weekday_from(day + timedelta(days=dice.whole(4, 10)))
    if (fate.death - board).days < 60 or not dice.chance(0.65):
        return [Board(board, plan.board_at, "postth", ("KW",))]
    line = systemic(
        dice, plan.second_line, weekday_from(board + timedelta(days=dice.whole(6, 16))), plan.home, "P", "O"
    )
    return [Board(board, plan.board_at, "postth", (line.kind,)), replace(line, ended="P")]


def _after_recurrence(dice: Dice, plan: Plan, day: date, fate: _Fate) -> list[Event]:
    distant = dice.chance(0.65)
    sites = plan.usual_metastases
    found = Course(
        day,
        plan.home,
        "Y",
        "K" if distant else "R",
        "K" if distant else "R",
        "R" if distant else "K",
        min(3, plan.diagnosis.ecog + 1),
        tuple(dice.some(sites, 1)) if distant else (),
    )
    return [found, *_next_line(dice, plan, day, fate)]


def cut(
    entity: str,
    plan: Plan,
    planned: tuple[tuple[Event, ...], date | None],
    death: date | None,
    by_tumour: bool,
    today: date,
) -> TumourCourse:
    """The course up to today, or up to death: open therapies stay open, death ends them."""
    events, recurrence = planned
    until = death or today
    kept = [_clip(event, until, death is not None) for event in events if first_day(event) <= until]
    end_of_therapy = _end_of_first_therapy(plan) if plan.curative else None
    if death is not None:
        icd = plan.diagnosis.icd if by_tumour else "I21.9"
        kept.append(Death(death, plan.home, by_tumour, icd))
    return TumourCourse(
        entity,
        plan.diagnosis,
        tuple(kept),
        plan.curative,
        plan.small_cell_extent,
        plan.screen_detected,
        end_of_therapy if end_of_therapy and end_of_therapy <= until and plan.events else None,
        recurrence if recurrence and recurrence <= until else None,
    )


def _clip(event: Event, until: date, dead: bool) -> Event:
    if isinstance(event, Radiotherapy | Systemic) and event.end and event.end > until:
        return replace(event, end=until if dead else None, ended="T" if dead else "")
    return event
