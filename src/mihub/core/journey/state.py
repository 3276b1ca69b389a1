"""The state of every step, computed from facts and today: done, due, overdue, ahead, or not applicable,
with evidence.

Nobody maintains a state by hand, so it cannot lie: take a fact away and the state changes. Never calls a
clock. Neighbours: `model` below, `care.journeys` above (it turns events into facts).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from mihub.core.journey.pathway import Pathway, Phase, Step


class StepStatus(StrEnum):
    """What a step is."""

    DONE = "done"
    DUE = "due"
    OVERDUE = "overdue"
    PLANNED = "planned"
    AHEAD = "ahead"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened or is planned; `day` is None when it is not known to the day."""

    kind: str
    day: date | None
    source: str
    is_planned: bool = False


@dataclass(frozen=True, slots=True)
class StepState:
    """One step with its status, the facts that prove it and the day until which it was or is due."""

    step: Step
    status: StepStatus
    evidence: tuple[Fact, ...] = ()
    due: date | None = None


@dataclass(frozen=True, slots=True)
class PhaseState:
    """A phase with its steps. `status`: done, due (it is the person's present), ahead, or not applicable."""

    phase: Phase
    status: StepStatus
    steps: tuple[StepState, ...]


@dataclass(frozen=True, slots=True)
class Journey:
    """The whole pathway for one person."""

    pathway: Pathway
    phases: tuple[PhaseState, ...]

    @property
    def current(self) -> PhaseState | None:
        """The phase the person is in; None before the first fact and after the last phase."""
        return next((phase for phase in self.phases if phase.status is StepStatus.DUE), None)


def compute(pathway: Pathway, facts: Iterable[Fact], today: date) -> Journey:
    """The journey; facts after today count as planned."""
    known = [fact for fact in facts if fact.kind]
    steps = [[_step_state(step, known, today) for step in phase.steps] for phase in pathway.phases]
    reached = _last_reached(steps)
    phases = tuple(
        _phase_state(phase, _settled(states, number, reached), number, reached)
        for number, (phase, states) in enumerate(zip(pathway.phases, steps, strict=True))
    )
    return Journey(pathway, phases)


def covers(evidence: str, kind: str) -> bool:
    """Whether an evidence name covers a fact kind: `imaging` covers `imaging.ct`."""
    return kind == evidence or kind.startswith(f"{evidence}.")


def _step_state(step: Step, facts: Sequence[Fact], today: date) -> StepState:
    anchor = _first_day(_matching((step.after,), facts)) if step.after else None
    due = anchor + timedelta(days=step.within_days or 0) if anchor else None
    found = _matching(step.evidence, facts)
    if step.after and anchor:
        found = [fact for fact in found if fact.day is None or fact.day >= anchor]
    done = tuple(fact for fact in found if not _is_planned(fact, today))
    if done and (not step.after or anchor):
        return StepState(step, StepStatus.DONE, done, due)
    if _does_not_apply(step, facts):
        return StepState(step, StepStatus.NOT_APPLICABLE)
    if found and (not step.after or anchor):
        return StepState(step, StepStatus.PLANNED, tuple(found), due)
    if step.after and anchor is None:
        return StepState(step, StepStatus.AHEAD)
    overdue = due is not None and due < today
    return StepState(step, StepStatus.OVERDUE if overdue else StepStatus.DUE, (), due)


def _does_not_apply(step: Step, facts: Sequence[Fact]) -> bool:
    if step.only_if and not _matching(step.only_if, facts):
        return True
    return bool(step.unless and _matching(step.unless, facts))


def _matching(names: Iterable[str], facts: Sequence[Fact]) -> list[Fact]:
    wanted = tuple(names)
    return [fact for fact in facts if any(covers(name, fact.kind) for name in wanted)]


def _first_day(facts: Sequence[Fact]) -> date | None:
    return min((fact.day for fact in facts if fact.day is not None), default=None)


def _is_planned(fact: Fact, today: date) -> bool:
    return fact.is_planned or (fact.day is not None and fact.day > today)


def _last_reached(phases: Sequence[Sequence[StepState]]) -> int:
    reached = [number for number, states in enumerate(phases) if any(state.evidence for state in states)]
    return max(reached, default=-1)


def _settled(states: Sequence[StepState], number: int, reached: int) -> tuple[StepState, ...]:
    """In phases not reached yet nothing is due; in phases left behind an undated duty no longer is."""
    return tuple(_settle(state, ahead=number > reached, behind=number < reached) for state in states)


def _settle(state: StepState, *, ahead: bool, behind: bool) -> StepState:
    if state.status is StepStatus.DUE and state.due is None and (ahead or behind):
        return StepState(state.step, StepStatus.AHEAD if ahead else StepStatus.NOT_APPLICABLE)
    return state


def _phase_state(phase: Phase, states: tuple[StepState, ...], number: int, reached: int) -> PhaseState:
    applicable = [state for state in states if state.status is not StepStatus.NOT_APPLICABLE]
    if not applicable:
        return PhaseState(phase, StepStatus.NOT_APPLICABLE, states)
    if number > reached:
        return PhaseState(phase, StepStatus.AHEAD, states)
    is_done = all(state.status is StepStatus.DONE for state in applicable)
    if is_done or (number < reached and any(state.evidence for state in applicable)):
        return PhaseState(phase, StepStatus.DONE, states)
    return PhaseState(phase, StepStatus.DUE if number == reached else StepStatus.AHEAD, states)
