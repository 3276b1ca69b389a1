"""The SQL engine means what the reference engine means, on random facts and random questions."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.core.query.canonical import canonical, query_hash
from mihub.core.query.facts import BY_REFERENCE, PERSON_SYSTEM, Fact
from mihub.core.query.memory import MemoryEngine
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
    NumberTest,
    Or,
    QuantityTest,
    TimeTest,
)
from mihub.core.query.permission import Permission
from mihub.core.query.sql import attrition_sql, people_sql
from mihub.site.facts.columns import schema, table_of

TODAY = date(2026, 11, 23)
PEOPLE = ["p1", "p2", "p3"]
# Few values, so that facts and questions meet; a quote and a backslash, so that printing must keep them.
CODES = ["C34", "C34.1", "C35", "a'\\"]
SYSTEMS = ["icd", "loinc"]
KINDS = ["diagnosis", "consent", "medication-statement"]
UNITS = ["g/dL", "g/L"]
DAYS = [date(2024, 1, 31) + timedelta(days=n) for n in (-400, -1, 0, 1, 400, 1100)]
BIRTHS = st.sampled_from([date(1990, 2, 28), date(2004, 2, 29), date(2007, 11, 23)])

people = st.sampled_from(PEOPLE)
codes = st.sampled_from(CODES)
systems = st.sampled_from(SYSTEMS)
COMPARATORS = ["gt", "ge", "lt", "le", "eq", "ne"]
numbers = st.sampled_from([0.1, 13.2, 132.0])
days = st.sampled_from(DAYS)
resources = st.sampled_from([f"R/{n}" for n in range(4)])


@st.composite
def fact(draw: Any) -> Fact:
    low = draw(st.none() | days)
    high = draw(st.none() | days.filter(lambda day: day >= low)) if low else None
    value = draw(st.none() | numbers)
    upper = value if value is None else draw(st.sampled_from([value, value + 1, float("inf")]))
    kind = draw(st.sampled_from([*KINDS, "drug"]))
    by_reference = kind == "medication-statement" and draw(st.booleans())
    linked = draw(st.booleans())
    return Fact(
        kind=kind,
        patient=draw(people),
        resource=draw(resources),
        slot=draw(st.sampled_from(["", "", "status"])),
        system=BY_REFERENCE if by_reference else draw(systems),
        code=draw(resources) if by_reference else draw(codes),
        value_system=BY_REFERENCE if linked else draw(systems),
        value_code=draw(resources) if linked else draw(codes),
        value_low=value,
        value_high=upper,
        unit=draw(st.sampled_from(UNITS)),
        date_low=low,
        date_high=high,
    )


@st.composite
def persons(draw: Any) -> list[Fact]:
    there = draw(st.sampled_from([PEOPLE, PEOPLE, PEOPLE[1:]]))
    births = [draw(BIRTHS) for _ in there]
    return [
        Fact(
            kind="person",
            patient=one,
            resource=f"P/{one}",
            system=PERSON_SYSTEM,
            code="birth-date",
            date_low=born,
            date_high=born,
        )
        for one, born in zip(there, births, strict=True)
    ]


BIRTH = CodeMatch(PERSON_SYSTEM, "birth-date")
matches = st.builds(CodeMatch, st.sampled_from(["", "icd"]), st.sampled_from(["C3", *CODES]), st.booleans())
concepts = st.lists(matches, min_size=1, max_size=2).map(lambda some: ConceptTest(tuple(some)))
tests = st.builds(NumberTest, st.sampled_from(COMPARATORS), numbers)
quantities = st.lists(tests, min_size=1, max_size=2).map(
    lambda some: QuantityTest(tuple(some), "g/L", (("g/L", tuple(some)), ("g/dL", tuple(some))))
)
ages = st.builds(
    lambda test, unit: Criterion(("person",), (BIRTH,), AgeTest((test,), unit)),
    st.builds(NumberTest, st.sampled_from(COMPARATORS), st.sampled_from([18.0, 19.0, 18.5])),
    st.sampled_from(["a", "mo", "wk", "d"]),
)
times = st.tuples(days, days).map(lambda two: TimeTest(min(two), max(two)))
times = times | days.map(lambda day: TimeTest(day, None)) | days.map(lambda day: TimeTest(None, day))


def sometimes(strategy: Any, otherwise: Any) -> Any:
    """Once in three; flattened alternatives would make every leaf so narrow that nobody matches."""
    return st.sampled_from([True, False, False]).flatmap(lambda yes: strategy if yes else st.just(otherwise))


def criteria(attributes: Any) -> Any:
    return st.builds(
        Criterion,
        kinds=st.sampled_from([tuple(KINDS), *((kind,) for kind in KINDS)]),
        codes=st.lists(matches, min_size=1, max_size=3).map(tuple),
        value=sometimes(concepts | quantities, None),
        attributes=attributes,
        time=sometimes(times, None),
        current=sometimes(st.just(True), False),
    )


linked = st.lists(criteria(st.just(())), min_size=1, max_size=2).map(lambda some: LinkedTest(tuple(some)))
attribute_tests = st.builds(AttributeTest, st.just("status"), st.none(), concepts | linked) | st.builds(
    AttributeTest, st.just(""), matches, concepts | quantities
)
leaves = sometimes(ages, None).flatmap(
    lambda age: st.just(age) if age else criteria(sometimes(attribute_tests.map(lambda one: (one,)), ()))
)
nodes = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda some: And(tuple(some)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda some: Or(tuple(some)))
        | inner.map(Not)
    ),
    max_leaves=4,
)
windows = st.dictionaries(people, st.lists(st.tuples(days, days), min_size=1, max_size=2).map(tuple))
permissions = st.builds(Permission, st.sampled_from([frozenset(PEOPLE), frozenset(PEOPLE[:2])]), windows)

FACTS = st.lists(fact(), min_size=4, max_size=16)
PRINTED = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def _connection(facts: list[Fact], permission: Permission | None) -> Any:
    connection = duckdb.connect()
    connection.register("facts", table_of(facts, segment=1))
    if permission:
        rows = [(p, low, high) for p, some in permission.windows.items() for low, high in some]
        columns = {
            "patient": pa.array([r[0] for r in rows], pa.string()),
            "low": pa.array([r[1] for r in rows], pa.date32()),
            "high": pa.array([r[2] for r in rows], pa.date32()),
        }
        connection.register("windows", pa.table(columns))
        everybody = pa.array(sorted(permission.people), pa.string())
        connection.register("consented", pa.table({"patient": everybody}))
    return connection


@PRINTED
@given(FACTS, persons(), st.lists(nodes, min_size=6, max_size=6), st.none() | permissions)
def test_both_engines_find_the_same_people_and_the_same_attrition(
    facts: list[Fact], there: list[Fact], questions: list[Node], permission: Permission | None
) -> None:
    reference, consent = MemoryEngine(facts + there), permission is not None
    with _connection(facts + there, permission) as connection:
        for node in questions:
            expected = reference.people(node, as_of=TODAY, permission=permission)
            answer = connection.sql(people_sql(node, as_of=TODAY, consent=consent)).fetchall()
            assert len(answer) == len(set(answer)), "a person was counted twice"
            assert {row[0] for row in answer} == expected
        seen = reference.attrition(node, as_of=TODAY, permission=permission)
        row = connection.sql(attrition_sql(node, as_of=TODAY, consent=consent)).fetchone()
        numbers_seen = [number for step in seen.steps for number in (step.alone, step.remaining)]
        assert row == (seen.people, *numbers_seen)


@PRINTED
@given(FACTS, persons(), nodes)
def test_the_canonical_form_has_the_same_people_and_is_stable(
    facts: list[Fact], there: list[Fact], node: Node
) -> None:
    engine = MemoryEngine(facts + there)
    simple = canonical(node)
    assert engine.people(simple, as_of=TODAY) == engine.people(node, as_of=TODAY)
    assert canonical(simple) == simple
    assert query_hash(And((node, node))) == query_hash(Not(Not(node))) == query_hash(node)


@PRINTED
@given(FACTS, persons(), nodes, permissions, permissions)
def test_less_permission_never_finds_more_people(
    facts: list[Fact], there: list[Fact], node: Node, one: Permission, other: Permission
) -> None:
    both = Permission(
        one.people & other.people,
        {patient: some[:1] for patient, some in one.windows.items() if patient in other.windows},
    )
    engine = MemoryEngine(facts + there)
    less = engine.people(node, as_of=TODAY, permission=both)
    assert less <= engine.people(node, as_of=TODAY, permission=one)


@PRINTED
@given(nodes)
def test_the_same_question_is_valid_spark(node: Node) -> None:
    printed = people_sql(node, as_of=TODAY, consent=True, dialect="spark")
    tree = sqlglot.parse_one(printed, read="spark")
    again = tree.sql(dialect="duckdb").replace("TRY_CAST", "CAST")
    assert again == people_sql(node, as_of=TODAY, consent=True)


def test_every_fact_has_a_column() -> None:
    assert set(Fact._fields) | {"segment"} == set(schema().names)
