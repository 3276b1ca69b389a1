"""Both engines on questions that divide the people: neither nobody nor everybody, so that a wrong edge shows.

Questions are drawn until the reference engine finds them telling; only then the SQL engine is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

import pytest

from mihub.core.query.facts import BY_REFERENCE, PERSON_SYSTEM, Fact
from mihub.core.query.memory import MemoryEngine
from mihub.core.query.nodes import (
    And,
    AttributeTest,
    CodeMatch,
    ConceptTest,
    Criterion,
    LinkedTest,
    Node,
    Not,
    NumberTest,
    Or,
    QuantityTest,
    TimeTest,
    ValueTest,
)
from mihub.core.query.permission import Permission
from mihub.core.query.sql import people_sql
from tests.generative.test_query_engines import COMPARATORS, TODAY, _connection

PEOPLE = [f"p{n}" for n in range(8)]
KINDS = ["diagnosis", "consent", "medication-statement"]
CODES = ["C34", "C34.1", "C35", "a'\\"]
DAYS = [date(2024, 1, 31) + timedelta(days=n) for n in (-400, -1, 0, 1, 400, 1100)]
NUMBERS = [0.1, 13.2, 132.0]


class Draw:
    """Everything random, from one seed."""

    def __init__(self, seed: int) -> None:
        self.r = Random(seed)

    def facts(self) -> list[Fact]:
        births = [
            Fact(
                "person",
                one,
                f"P/{one}",
                system=PERSON_SYSTEM,
                code="birth-date",
                date_low=day,
                date_high=day,
            )
            for one, day in zip(PEOPLE[1:], self.r.choices(DAYS, k=7), strict=True)
        ]
        return births + [self._fact(f"R/{self.r.randrange(12)}") for _ in range(30)]

    def _fact(self, resource: str) -> Fact:
        r = self.r
        low = r.choice([None, *DAYS])
        high = r.choice([None, *(day for day in DAYS if day >= low)]) if low else None
        value = r.choice([None, *NUMBERS])
        referred, kind = r.random() < 0.4, r.choice([*KINDS, "drug"])
        linked = r.random() < 0.5
        return Fact(
            kind=kind,
            patient=r.choice(PEOPLE),
            resource=resource,
            slot=r.choice(["", "", "status"]),
            system=BY_REFERENCE if referred else r.choice(["icd", "loinc"]),
            code=f"R/{r.randrange(12)}" if referred else r.choice(CODES),
            value_system=BY_REFERENCE if linked else "icd",
            value_code=f"R/{r.randrange(12)}" if linked else r.choice(CODES),
            value_low=value,
            value_high=value if value is None else r.choice([value, value + 1, float("inf")]),
            unit=r.choice(["g/L", "g/dL"]),
            date_low=low,
            date_high=high,
        )

    def node(self, depth: int = 2) -> Node:
        kind = self.r.choice(["leaf", "leaf", "and", "or", "not"]) if depth else "leaf"
        if kind == "leaf":
            return self.criterion(linked=True)
        if kind == "not":
            return Not(self.node(depth - 1))
        parts = (self.node(depth - 1), self.node(depth - 1))
        return And(parts) if kind == "and" else Or(parts)

    def criterion(self, *, linked: bool) -> Criterion:
        r = self.r
        return Criterion(
            kinds=r.choice([tuple(KINDS), (r.choice(KINDS),)]),
            codes=tuple(self._code() for _ in range(r.randint(1, 2))),
            value=self._value() if r.random() < 0.4 else None,
            attributes=(self._attribute(),) if linked and r.random() < 0.4 else (),
            time=self._time() if r.random() < 0.4 else None,
            current=r.random() < 0.15,
        )

    def _code(self) -> CodeMatch:
        return CodeMatch(self.r.choice(["", "icd"]), self.r.choice(["C3", *CODES]), self.r.random() < 0.5)

    def _value(self) -> ValueTest:
        if self.r.random() < 0.4:
            return ConceptTest((self._code(),))
        test = (NumberTest(self.r.choice(COMPARATORS), self.r.choice(NUMBERS)),)
        return QuantityTest(test, "g/L", (("g/L", test), ("g/dL", test)))

    def _attribute(self) -> AttributeTest:
        if self.r.random() < 0.3:
            return AttributeTest("", self._code(), ConceptTest((self._code(),)))
        if self.r.random() < 0.4:
            return AttributeTest("status", None, ConceptTest((self._code(),)))
        return AttributeTest("status", None, LinkedTest((self.criterion(linked=False),)))

    def _time(self) -> TimeTest:
        low, high = sorted(self.r.choices(DAYS, k=2))
        return self.r.choice([TimeTest(low, high), TimeTest(low, None), TimeTest(None, high)])

    def permission(self) -> Permission | None:
        if self.r.random() < 0.4:
            return None
        windows = {one: (tuple(sorted(self.r.choices(DAYS, k=2))),) for one in PEOPLE}
        return Permission(frozenset(PEOPLE[:7]), windows)  # type: ignore[arg-type]  # pairs, as written above

    def telling(self, reference: MemoryEngine, permission: Permission | None) -> Iterator[Node]:
        """Questions that some satisfy and some do not, twelve at most."""
        found = 0
        for _ in range(400):
            node = self.node()
            if 0 < len(reference.people(node, as_of=TODAY, permission=permission)) < 6:
                found += 1
                yield node
            if found == 12:
                return


@pytest.mark.parametrize("seed", range(15))
def test_both_engines_divide_the_people_alike(seed: int) -> None:
    draw = Draw(seed)
    facts, permission = draw.facts(), draw.permission()
    reference = MemoryEngine(facts)
    asked = 0
    with _connection(facts, permission) as connection:
        for node in draw.telling(reference, permission):
            statement = people_sql(node, as_of=TODAY, consent=permission is not None)
            answer = {row[0] for row in connection.sql(statement).fetchall()}
            assert answer == reference.people(node, as_of=TODAY, permission=permission), statement
            asked += 1
    assert asked >= 5, "too few telling questions: the generator is too narrow"
