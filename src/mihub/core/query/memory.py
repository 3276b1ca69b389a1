"""The reference engine: says what a question means, row by row, over facts in memory.

Complete and slow on purpose; every other engine must agree with it. Below: `nodes`, `facts`, `permission`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from mihub.core.query.ages import birth_intervals
from mihub.core.query.explain import Attrition, parts, step
from mihub.core.query.facts import BY_REFERENCE, DRUG, MEDICATION_KINDS, PERSON, Fact
from mihub.core.query.nodes import (
    AgeTest,
    And,
    AttributeTest,
    CodeMatch,
    ConceptTest,
    Criterion,
    LinkedTest,
    Node,
    Not,
    QuantityTest,
    TimeTest,
    ValueTest,
)
from mihub.core.query.permission import Permission


class MemoryEngine:
    """Engine over a list of facts."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._facts = tuple(facts)

    def people(self, node: Node, *, as_of: date, permission: Permission | None = None) -> frozenset[str]:
        """See `Engine.people`."""
        return frozenset(_Asking(self._facts, as_of, permission).people(node))

    def attrition(self, node: Node, *, as_of: date, permission: Permission | None = None) -> Attrition:
        """See `Engine.attrition`."""
        asking = _Asking(self._facts, as_of, permission)
        steps, asked = [], list(parts(node))
        for i, part in enumerate(asked):
            remaining = asking.people(And(tuple(asked[: i + 1])))
            steps.append(step(part, alone=len(asking.people(part)), remaining=len(remaining)))
        return Attrition(len(asking.everybody), tuple(steps))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The facts that one side of a NOT may see, grouped by resource."""

    facts: tuple[Fact, ...]
    by_resource: Mapping[str, list[Fact]]

    @staticmethod
    def of(facts: Iterable[Fact]) -> _Rows:
        rows = tuple(facts)
        grouped: dict[str, list[Fact]] = defaultdict(list)
        for fact in rows:
            grouped[fact.resource].append(fact)
        return _Rows(rows, grouped)


class _Asking:
    def __init__(self, facts: tuple[Fact, ...], as_of: date, permission: Permission | None) -> None:
        self._as_of = as_of
        self._all = _Rows.of(facts)
        self._permitted = _Rows.of(filter(permission.permits, facts)) if permission else self._all
        everybody = {fact.patient for fact in facts if fact.kind == PERSON and not fact.slot}
        self.everybody = everybody & permission.people if permission else everybody

    def people(self, node: Node) -> set[str]:
        return self._people(node, self._permitted, self._all)

    def _people(self, node: Node, rows: _Rows, other: _Rows) -> set[str]:
        if isinstance(node, Criterion):
            return self.everybody & {fact.patient for fact in self._matching(node, rows)}
        if isinstance(node, Not):
            return self.everybody - self._people(node.part, other, rows)
        sets = [self._people(part, rows, other) for part in node.parts]
        return set.intersection(*sets) if isinstance(node, And) else set.union(*sets)

    def _matching(self, criterion: Criterion, rows: _Rows) -> Iterable[Fact]:
        return (fact for fact in rows.facts if self._holds(criterion, fact, rows))

    def _holds(self, criterion: Criterion, fact: Fact, rows: _Rows) -> bool:
        return (
            not fact.slot
            and fact.kind in criterion.kinds
            and self._coded(criterion, fact)
            and (criterion.value is None or self._passes(criterion.value, fact))
            and (criterion.time is None or _touches(criterion.time, fact))
            and (not criterion.current or _covers(fact, self._as_of))
            and all(self._attribute(one, fact, rows) for one in criterion.attributes)
        )

    def _coded(self, criterion: Criterion, fact: Fact) -> bool:
        if _any_match(criterion.codes, fact.system, fact.code):
            return True
        if fact.kind not in MEDICATION_KINDS or fact.system != BY_REFERENCE:
            return False
        drugs = self._all.by_resource.get(fact.code, ())
        return any(
            drug.kind == DRUG and not drug.slot and _any_match(criterion.codes, drug.system, drug.code)
            for drug in drugs
        )

    def _passes(self, test: ValueTest, fact: Fact) -> bool:
        if isinstance(test, ConceptTest):
            return _has_concept(test, fact)
        if isinstance(test, QuantityTest):
            return _has_quantity(test, fact)
        return _was_born(test, fact, self._as_of)

    def _attribute(self, attribute: AttributeTest, fact: Fact, rows: _Rows) -> bool:
        siblings = (other for other in rows.by_resource[fact.resource] if _is_attribute(attribute, other))
        test = attribute.test
        if isinstance(test, LinkedTest):
            return any(self._linked(test, sibling, rows) for sibling in siblings)
        return any(self._passes(test, sibling) for sibling in siblings)

    def _linked(self, test: LinkedTest, sibling: Fact, rows: _Rows) -> bool:
        if sibling.value_system != BY_REFERENCE or sibling.value_code is None:
            return False
        return any(
            target.patient == sibling.patient and self._holds(criterion, target, rows)
            for target in rows.by_resource.get(sibling.value_code, ())
            for criterion in test.criteria
        )


def _is_attribute(attribute: AttributeTest, fact: Fact) -> bool:
    if attribute.code is None:
        return fact.slot == attribute.slot
    return not fact.slot and _any_match((attribute.code,), fact.system, fact.code)


def _any_match(matches: tuple[CodeMatch, ...], system: str, code: str) -> bool:
    return any(
        (not match.system or match.system == system)
        and (code.startswith(match.code) if match.prefix else code == match.code)
        for match in matches
    )


def _has_concept(test: ConceptTest, fact: Fact) -> bool:
    return fact.value_code is not None and _any_match(test.concepts, fact.value_system or "", fact.value_code)


def _has_quantity(test: QuantityTest, fact: Fact) -> bool:
    low, high = fact.value_low, fact.value_high
    if low is None or high is None:
        return False
    return any(
        unit == fact.unit and all(_CERTAIN[one.comparator](low, high, one.value) for one in tests)
        for unit, tests in test.units
    )


_CERTAIN: dict[str, Callable[[float, float, float], bool]] = {
    "gt": lambda low, high, value: low > value,
    "ge": lambda low, high, value: low >= value,
    "lt": lambda low, high, value: high < value,
    "le": lambda low, high, value: high <= value,
    "eq": lambda low, high, value: low == value == high,
    "ne": lambda low, high, value: low > value or high < value,
}


def _was_born(test: AgeTest, fact: Fact, as_of: date) -> bool:
    low, high = fact.date_low, fact.date_high
    if low is None or high is None:
        return False
    return any(
        (start is None or low >= start) and (end is None or high <= end)
        for start, end in birth_intervals(test, as_of)
    )


def _touches(time: TimeTest, fact: Fact) -> bool:
    if fact.date_low is None:
        return False
    begins_in_time = time.before is None or fact.date_low <= time.before
    return begins_in_time and (time.after is None or fact.date_high is None or fact.date_high >= time.after)


def _covers(fact: Fact, day: date) -> bool:
    return (
        fact.date_low is not None
        and fact.date_low <= day
        and (fact.date_high is None or day <= fact.date_high)
    )
