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
# Quotes, a backslash and a wildcard: printing must keep them what they are.
CODES = ["C34", "C34.1", "C3", "C35", "a'b", "a\\", "C34%", "Ü"]
SYSTEMS = ["icd", "loinc"]
KINDS = ["diagnosis", "consent", "medication-statement", "specimen"]
UNITS = ["g/dL", "g/L", "1"]

BIRTHS = st.sampled_from([date(1990, 2, 28), date(2004, 2, 29), date(2007, 11, 23)])

people = st.sampled_from(PEOPLE)
codes = st.sampled_from(CODES)
systems = st.sampled_from(SYSTEMS)
COMPARATORS = ["gt", "ge", "lt", "le", "eq", "ne"]
numbers = st.sampled_from([0.0, 0.1, 13.2, 132.0, 5.0])
days = st.integers(-800, 800).map(lambda n: date(2024, 1, 31) + timedelta(days=n))
resources = st.sampled_from([f"R/{n}" for n in range(6)])


@st.composite
def fact(draw: Any) -> Fact:
    low = draw(st.none() | days)
    high = draw(st.sampled_from([None, low])) if low else None
    if low and draw(st.booleans()):
        high = low + timedelta(days=draw(st.integers(0, 400)))
    value = draw(st.none() | numbers)
    upper = value if value is None else draw(st.sampled_from([value, value + 1, float("inf")]))
    by_reference = draw(st.booleans())
    return Fact(
        kind=draw(st.sampled_from([*KINDS, "drug"])),
        patient=draw(people),
        resource=draw(resources),
        slot=draw(st.sampled_from(["", "", "", "status"])),
        system=BY_REFERENCE if by_reference else draw(systems),
        code=draw(resources) if by_reference else draw(codes),
        value_system=draw(st.sampled_from([None, BY_REFERENCE, "icd"])),
        value_code=draw(st.none() | codes | resources),
        value_low=value,
        value_high=upper,
        unit=draw(st.sampled_from([None, *UNITS])),
        date_low=low,
        date_high=high,
    )


@st.composite
def persons(draw: Any) -> list[Fact]:
    there = draw(st.lists(people, unique=True))
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
matches = st.builds(CodeMatch, st.sampled_from(["", *SYSTEMS]), codes, st.booleans())
concepts = st.lists(matches, min_size=1, max_size=2).map(lambda some: ConceptTest(tuple(some)))
tests = st.builds(NumberTest, st.sampled_from(COMPARATORS), numbers)
quantities = st.lists(tests, min_size=1, max_size=2).map(
    lambda some: QuantityTest(tuple(some), "g/L", (("g/L", tuple(some)), ("1", tuple(some))))
)
ages = st.builds(
    lambda test, unit: Criterion(("person",), (BIRTH,), AgeTest((test,), unit)),
    st.builds(NumberTest, st.sampled_from(COMPARATORS), st.sampled_from([18.0, 19.0, 18.5])),
    st.sampled_from(["a", "mo", "wk", "d"]),
)
times = st.tuples(days, days).map(lambda two: TimeTest(min(two), max(two)))
times = times | days.map(lambda day: TimeTest(day, None)) | days.map(lambda day: TimeTest(None, day))


def criteria(attributes: Any) -> Any:
    return st.builds(
        Criterion,
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True).map(tuple),
        codes=st.lists(matches, min_size=1, max_size=2).map(tuple),
        value=st.none() | concepts | quantities,
        attributes=attributes,
        time=st.none() | times,
        current=st.booleans(),
    )


linked = st.lists(criteria(st.just(())), min_size=1, max_size=2).map(lambda some: LinkedTest(tuple(some)))
attribute_tests = st.builds(AttributeTest, st.just("status"), st.none(), concepts | linked) | st.builds(
    AttributeTest, st.just(""), matches, concepts | quantities
)
leaves = ages | criteria(st.lists(attribute_tests, max_size=1).map(tuple))
nodes = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda some: And(tuple(some)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda some: Or(tuple(some)))
        | inner.map(Not)
    ),
    max_leaves=4,
)
windows = st.dictionaries(people, st.lists(st.tuples(days, days), max_size=2).map(tuple))
permissions = st.builds(Permission, st.frozensets(people), windows)

PRINTED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


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
@given(st.lists(fact(), max_size=14), persons(), nodes, st.none() | permissions)
def test_both_engines_find_the_same_people(
    facts: list[Fact], there: list[Fact], node: Node, permission: Permission | None
) -> None:
    rows = facts + there
    expected = MemoryEngine(rows).people(node, as_of=TODAY, permission=permission)
    with _connection(rows, permission) as connection:
        answer = connection.sql(people_sql(node, as_of=TODAY, consent=permission is not None)).fetchall()
    assert len(answer) == len(set(answer)), "a person was counted twice"
    assert {row[0] for row in answer} == expected


@PRINTED
@given(st.lists(fact(), max_size=14), persons(), nodes, st.none() | permissions)
def test_both_engines_see_the_same_attrition(
    facts: list[Fact], there: list[Fact], node: Node, permission: Permission | None
) -> None:
    rows = facts + there
    expected = MemoryEngine(rows).attrition(node, as_of=TODAY, permission=permission)
    with _connection(rows, permission) as connection:
        row = connection.sql(attrition_sql(node, as_of=TODAY, consent=permission is not None)).fetchone()
    assert row[0] == expected.people
    assert row[1:] == tuple(number for step in expected.steps for number in (step.alone, step.remaining))


@PRINTED
@given(st.lists(fact(), max_size=14), persons(), nodes)
def test_the_canonical_form_has_the_same_people_and_is_stable(
    facts: list[Fact], there: list[Fact], node: Node
) -> None:
    engine = MemoryEngine(facts + there)
    simple = canonical(node)
    assert engine.people(simple, as_of=TODAY) == engine.people(node, as_of=TODAY)
    assert canonical(simple) == simple
    assert query_hash(And((node, node))) == query_hash(Not(Not(node))) == query_hash(node)


@PRINTED
@given(st.lists(fact(), max_size=14), persons(), nodes, permissions, permissions)
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
