"""Attrition: how many people each part of a question leaves, for whoever may see exact numbers at the site.

Never leaves the site: every number here is exact. Above: the engines fill it, `site.feasibility` shows it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from mihub.core.fhir import Json
from mihub.core.query.canonical import criteria
from mihub.core.query.nodes import And, Criterion, Node, Not


@dataclass(frozen=True, slots=True)
class Step:
    """One part of the question: people who satisfy it alone, and people left after it and all before it."""

    label: str
    excludes: bool
    alone: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Attrition:
    """All people, then the parts of the outermost AND in order."""

    people: int
    steps: tuple[Step, ...]

    def to_json(self) -> Json:
        """`{"people": n, "steps": [{"label", "excludes", "alone", "remaining"}]}`."""
        return asdict(self)


def parts(node: Node) -> tuple[Node, ...]:
    """The parts of the outermost AND, or the question itself."""
    return node.parts if isinstance(node, And) else (node,)


def label(node: Node) -> str:
    """The labels of the criteria in this part."""
    return " / ".join(_one(criterion) for criterion in criteria(node))


def step(node: Node, *, alone: int, remaining: int) -> Step:
    """A step for this part of the question."""
    return Step(label(node), isinstance(node, Not), alone, remaining)


def _one(criterion: Criterion) -> str:
    return criterion.label or ", ".join(match.code for match in criterion.codes[:3])
