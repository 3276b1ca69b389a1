"""The words of a federated count: one question to every site, one answer from each.

Both travel only inside sealed envelopes, so that the hub reads neither. An answer carries a count after the
site's own disclosure gate and never a row. Source: CCDL of the MII (`core/mii/ccdl.py`), `core/disclosure`.
Above: `site/feasibility` answers, `portals/research` asks. Below: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mihub.core.fhir import Json
from mihub.core.policy.actor import MemberId
from mihub.errors import InvalidInput

KIND = "feasibility"


@dataclass(frozen=True, slots=True)
class FeasibilityQuestion:
    """How many people match `ccdl`, among those whose consent permits every one of `consent_codes`.

    `min_cell` is the project's smallest count that may be shown; a site may use a greater one of its own.
    """

    id: str
    project: str
    ccdl: Json
    consent_codes: tuple[str, ...] = ()
    min_cell: int = 10

    def to_json(self) -> Json:
        """A JSON object; `from_json` gives an equal question back."""
        return {**asdict(self), "consent_codes": list(self.consent_codes)}

    @staticmethod
    def from_json(body: Json) -> FeasibilityQuestion:
        """Raises `InvalidInput` naming the first field that is missing or of another type."""
        codes = _typed(body, "consent_codes", list)
        if not all(isinstance(code, str) for code in codes):
            raise _bad("consent_codes", "a list of texts")
        return FeasibilityQuestion(
            id=_typed(body, "id", str),
            project=_typed(body, "project", str),
            ccdl=_typed(body, "ccdl", dict),
            consent_codes=tuple(codes),
            min_cell=_typed(body, "min_cell", int),
        )


@dataclass(frozen=True, slots=True)
class FeasibilityAnswer:
    """What one site says: a count, or why there is none.

    `count` is what may be computed with (after the gate; None when suppressed or refused), `shown` is what a
    person reads ("<10", "120"). `position` is the place in the site's change log that the facts stood at.
    `reason` is a rule id or a short name of the refusal, never a value; empty when the count stands.
    """

    question_id: str
    member: MemberId
    count: int | None
    shown: str
    suppressed: bool
    position: int
    duration_ms: int
    reason: str = ""

    def to_json(self) -> Json:
        """A JSON object; `from_json` gives an equal answer back."""
        return asdict(self)

    @staticmethod
    def from_json(body: Json) -> FeasibilityAnswer:
        """Raises `InvalidInput` naming the first field that is missing or of another type."""
        count = body.get("count")
        if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
            raise _bad("count", "a whole number or null")
        return FeasibilityAnswer(
            question_id=_typed(body, "question_id", str),
            member=MemberId(_typed(body, "member", str)),
            count=count,
            shown=_typed(body, "shown", str),
            suppressed=_typed(body, "suppressed", bool),
            position=_typed(body, "position", int),
            duration_ms=_typed(body, "duration_ms", int),
            reason=_typed(body, "reason", str),
        )


# What a site registers for this kind. An error of `mihub.errors` becomes a refusal.
AnswerFeasibility = Callable[[FeasibilityQuestion], FeasibilityAnswer]


def _typed(body: Json, name: str, kind: type) -> Any:
    value = body.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _bad(name, kind.__name__)
    return value


def _bad(name: str, expected: str) -> InvalidInput:
    return InvalidInput(
        f"The message has no usable {name!r}; expected {expected}.",
        where=f"$.{name}",
        rule="core.wire.feasibility",
        next_step="Bring both sides to the same version.",
    )
