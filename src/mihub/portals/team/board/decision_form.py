"""The form of a decision: as typed, so that nothing is lost on an error, and as the value that is stored.

`read_form` reads what a browser sent; `from_decision` fills the form with a draft. The checks of the board
itself stand in `care.tumour_board.deciding`. Neighbour: `decide`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, timedelta

from starlette.datastructures import FormData

from mihub.care.tumour_board import catalogue
from mihub.care.tumour_board.case import BoardCase
from mihub.care.tumour_board.decision import Decision, Participant, Recommendation
from mihub.core.policy.actor import MemberId
from mihub.portals.shell.forms import FormErrors

_MOST_LINES = 12
_USUAL_DISCIPLINES = ("oncology", "thoracic-surgery", "radiotherapy", "radiology", "pathology")


@dataclass(frozen=True, slots=True)
class RecommendationLine:
    """One recommendation as typed; an empty kind and text is an empty line."""

    kind: str = ""
    text: str = ""
    evidence: str = ""
    responsible: str = ""
    due: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was typed."""
        return not self.kind and not self.text


@dataclass(frozen=True, slots=True)
class DecisionForm:
    """The whole form. `version` is that of the draft the editing started from."""

    conference: str
    recommendations: tuple[RecommendationLine, ...]
    participants: tuple[tuple[str, str], ...]
    dissent: str
    preference: str
    version: str

    def with_more(self, what: str) -> DecisionForm:
        """One more empty line of recommendations or participants."""
        if what == "participant" and len(self.participants) < _MOST_LINES:
            return replace(self, participants=(*self.participants, ("", "")))
        if what == "recommendation" and len(self.recommendations) < _MOST_LINES:
            return replace(self, recommendations=(*self.recommendations, RecommendationLine()))
        return self


def blank_form(case: BoardCase, already_there: tuple[tuple[str, str], ...] = ()) -> DecisionForm:
    """An empty form; who is already there stands in it, else the usual disciplines wait for names."""
    return DecisionForm(
        conference=case.decision.conference if case.decision else "praeth",
        recommendations=(RecommendationLine(), RecommendationLine()),
        participants=already_there or tuple(("", discipline) for discipline in _USUAL_DISCIPLINES),
        dissent="",
        preference="",
        version=case.version,
    )


def from_decision(decision: Decision, version: str = "") -> DecisionForm:
    """The form that shows a stored draft."""
    return DecisionForm(
        conference=decision.conference,
        recommendations=tuple(
            RecommendationLine(each.kind, each.text, each.evidence, each.responsible or "", each.due)
            for each in decision.recommendations
        ),
        participants=tuple((each.name, each.discipline) for each in decision.participants),
        dissent=decision.dissent,
        preference=decision.preference,
        version=version,
    )


def read_form(
    sent: FormData, case: BoardCase, errors: FormErrors, today: date, members: Collection[str]
) -> tuple[DecisionForm, Decision | None]:
    """The form as typed, and the decision when it is complete (None with `errors` filled otherwise).

    `members` may answer for a recommendation.
    """
    words = catalogue.words()
    given = DecisionForm(
        conference=errors.choice(sent, "conference", [each.code for each in words.conferences]),
        recommendations=tuple(_recommendation(sent, at, errors, members) for at in _numbers(sent, "text")),
        participants=tuple(
            (errors.text(sent, f"name-{at}", limit=120), errors.text(sent, f"discipline-{at}"))
            for at in _numbers(sent, "name")
        ),
        dissent=errors.text(sent, "dissent", limit=1000),
        preference=errors.text(sent, "preference", limit=1000),
        version=errors.text(sent, "version"),
    )
    _complete(given, errors)
    if errors:
        return given, None
    return given, _decision(given, case, today)


def _complete(given: DecisionForm, errors: FormErrors) -> None:
    for at, line in enumerate(given.recommendations, 1):
        if line.is_empty:
            continue
        if not line.kind:
            errors.add(f"kind-{at}", "shell.form.choose")
        if not line.text:
            errors.add(f"text-{at}", "shell.form.required")
    if all(line.is_empty for line in given.recommendations):
        errors.add("text-1", "board.decide.no_recommendation")
    if not any(name for name, _ in given.participants):
        errors.add("name-1", "board.decide.no_participant")
    for at, (name, discipline) in enumerate(given.participants, 1):
        if name and not discipline:
            errors.add(f"discipline-{at}", "shell.form.choose")


def _decision(given: DecisionForm, case: BoardCase, today: date) -> Decision:
    filled = [line for line in given.recommendations if not line.is_empty]
    return Decision(
        conference=given.conference,
        day=case.day or today,
        recommendations=tuple(
            Recommendation(
                id=f"r{at}",
                kind=line.kind,
                text=line.text,
                priority=at,
                evidence=line.evidence,
                responsible=MemberId(line.responsible) if line.responsible else None,
                due=line.due or _usual_due(line.kind, case.day or today),
            )
            for at, line in enumerate(filled, 1)
        ),
        participants=tuple(Participant(name, discipline) for name, discipline in given.participants if name),
        dissent=given.dissent,
        preference=given.preference,
    )


def _usual_due(kind: str, day: date) -> date:
    """The catalogue's usual time for this kind, from the day of the board."""
    days = catalogue.term(catalogue.words().therapies, kind, "type of recommendation").days
    return day + timedelta(days=days)


def _recommendation(
    sent: FormData, at: int, errors: FormErrors, members: Collection[str]
) -> RecommendationLine:
    words = catalogue.words()
    return RecommendationLine(
        kind=errors.choice(sent, f"kind-{at}", [each.code for each in words.therapies], required=False),
        text=errors.text(sent, f"text-{at}", limit=1000),
        evidence=errors.choice(
            sent, f"evidence-{at}", [each.code for each in words.evidence], required=False
        ),
        responsible=errors.choice(sent, f"responsible-{at}", members, required=False),
        due=errors.day(sent, f"due-{at}"),
    )


def _numbers(sent: FormData, name: str) -> list[int]:
    return [at for at in range(1, _MOST_LINES + 1) if f"{name}-{at}" in sent]
