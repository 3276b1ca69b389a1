"""A question as one SQL statement, built as a syntax tree and printed for DuckDB or Spark.

Only a small subset is used: WITH, SELECT DISTINCT, joins, comparisons, CAST and SUM(CASE). Every value is a
literal of the tree, so that printing quotes it. Relations: `facts`, and with consent `consented(patient)` and
`windows(patient, low, high)`. Must mean what `memory` means. Above: `site.facts.engine` runs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal

from sqlglot import exp

from mihub.core.query.ages import birth_intervals
from mihub.core.query.canonical import criteria
from mihub.core.query.explain import parts
from mihub.core.query.facts import BY_REFERENCE, DRUG, MEDICATION_KINDS, PERSON, UNJUDGED_KINDS
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
    QuantityTest,
    TimeTest,
)

Dialect = Literal["duckdb", "spark"]
# An expression of sqlglot, which carries no types of its own.
Sql = Any
FACTS, CONSENTED, WINDOWS = "facts", "consented", "windows"


# Printing a tree costs more than a small count; the same question is asked many times.
@lru_cache(maxsize=256)
def people_sql(node: Node, *, as_of: date, consent: bool, dialect: Dialect = "duckdb") -> str:
    """One column `patient`: everybody who satisfies the question, once."""
    asking = _Asking(node, as_of, consent)
    statement = exp.select(exp.column("patient", "p")).from_("people AS p")
    return str(asking.finish(statement.where(asking.condition(node)), node).sql(dialect=dialect))


@lru_cache(maxsize=256)
def attrition_sql(node: Node, *, as_of: date, consent: bool, dialect: Dialect = "duckdb") -> str:
    """One row: all people, then for each part of the outermost AND those alone and those remaining."""
    asking = _Asking(node, as_of, consent)
    columns = [exp.alias_(exp.Count(this=exp.Star()), "everybody")]
    asked = [asking.condition(part) for part in parts(node)]
    for i, condition in enumerate(asked):
        columns.append(exp.alias_(_number_of(condition), f"alone{i}"))
        columns.append(exp.alias_(_number_of(_all(asked[: i + 1])), f"remaining{i}"))
    return str(asking.finish(exp.select(*columns).from_("people AS p"), node).sql(dialect=dialect))


@dataclass(frozen=True, slots=True)
class _Asking:
    root: Node
    as_of: date
    consent: bool

    def finish(self, statement: Sql, node: Node) -> Sql:
        """With the people, one relation for each criterion, and the joins that make their flags."""
        for i, (criterion, permitted) in enumerate(_sided(node)):
            rows = self._rows(criterion, "f", permitted).select("f.patient").distinct()
            statement = statement.with_(f"c{i}", as_=rows)
            joined = exp.EQ(this=exp.column("patient", f"c{i}"), expression=exp.column("patient", "p"))
            statement = statement.join(exp.to_table(f"c{i}"), on=joined, join_type="left")
        return statement.with_("people", as_=self._people())

    def condition(self, node: Node) -> Sql:
        """The question over the flags `c<i>.patient IS NOT NULL`."""
        if isinstance(node, Criterion):
            place = next(i for i, one in enumerate(criteria(self.root)) if one is node)
            return exp.column("patient", f"c{place}").is_(exp.null()).not_()
        if isinstance(node, Not):
            return exp.paren(self.condition(node.part)).not_()
        conditions = [self.condition(part) for part in node.parts]
        return _all(conditions) if isinstance(node, And) else _any(conditions)

    def _people(self) -> Sql:
        people = exp.select("f.patient").distinct().from_(f"{FACTS} AS f")
        people = people.where(_equal(_f("kind"), PERSON), _equal(_f("slot"), ""))
        if self.consent:
            people = people.where(_in(_f("patient"), exp.select("patient").from_(CONSENTED)))
        return people

    def _rows(self, criterion: Criterion, alias: str, permitted: bool) -> Sql:
        """`FROM facts AS alias WHERE ...` for the rows of this criterion."""
        tests = [
            _one_of(_f("kind", alias), criterion.kinds),
            _equal(_f("slot", alias), ""),
            self._coded(criterion, alias),
        ]
        if isinstance(criterion.value, AgeTest):
            tests.append(_born(criterion.value, alias, self.as_of))
        elif criterion.value is not None:
            tests.append(_value(criterion.value, alias))
        if criterion.time is not None:
            tests.append(_touches(criterion.time, alias))
        if criterion.current:
            tests.append(_touches(TimeTest(self.as_of, self.as_of), alias))
        tests.extend(self._attribute(one, alias, permitted) for one in criterion.attributes)
        if permitted and self.consent:
            tests.append(_permitted(alias))
        return exp.select().from_(f"{FACTS} AS {alias}").where(*tests)

    def _coded(self, criterion: Criterion, alias: str) -> Sql:
        direct = _matches(criterion.codes, _f("system", alias), _f("code", alias))
        if not MEDICATION_KINDS & set(criterion.kinds):
            return direct
        drugs = exp.select("d.resource").from_(f"{FACTS} AS d")
        drugs = drugs.where(
            _equal(_f("kind", "d"), DRUG),
            _equal(_f("slot", "d"), ""),
            _matches(criterion.codes, _f("system", "d"), _f("code", "d")),
        )
        referred = _all(
            [
                _one_of(_f("kind", alias), sorted(MEDICATION_KINDS)),
                _equal(_f("system", alias), BY_REFERENCE),
                _in(_f("code", alias), drugs),
            ]
        )
        return _any([direct, referred])

    def _attribute(self, attribute: AttributeTest, alias: str, permitted: bool) -> Sql:
        inner = alias + "a"
        rows = exp.select(_f("resource", inner)).from_(f"{FACTS} AS {inner}")
        if attribute.code is None:
            rows = rows.where(_equal(_f("slot", inner), attribute.slot))
        else:
            code = _matches((attribute.code,), _f("system", inner), _f("code", inner))
            rows = rows.where(_equal(_f("slot", inner), ""), code)
        if permitted and self.consent:
            rows = rows.where(_permitted(inner))
        test = attribute.test
        if not isinstance(test, LinkedTest):
            return _in(_f("resource", alias), rows.where(_value(test, inner)))
        return _in(_f("resource", alias), self._linked(test, rows, inner, permitted))

    def _linked(self, test: LinkedTest, rows: Sql, inner: str, permitted: bool) -> Sql:
        target = inner + "t"
        alternatives = []
        for criterion in test.criteria:
            found = self._rows(criterion, target, permitted).select(_f("resource", target))
            same = exp.EQ(this=_f("patient", target), expression=_f("patient", inner))
            same_resource = exp.EQ(this=_f("resource", target), expression=_f("value_code", inner))
            alternatives.append(exp.Exists(this=found.where(same, same_resource)))
        return rows.where(_equal(_f("value_system", inner), BY_REFERENCE), _any(alternatives))


def _sided(node: Node, permitted: bool = True) -> Iterable[tuple[Criterion, bool]]:
    """The criteria in order, each with the side of NOT on which it stands."""
    if isinstance(node, Criterion):
        yield node, permitted
    elif isinstance(node, Not):
        yield from _sided(node.part, not permitted)
    else:
        for part in node.parts:
            yield from _sided(part, permitted)


def _permitted(alias: str) -> Sql:
    window = (
        exp.select("1")
        .from_(f"{WINDOWS} AS w")
        .where(
            exp.EQ(this=exp.column("patient", "w"), expression=_f("patient", alias)),
            exp.LTE(this=exp.column("low", "w"), expression=_f("date_low", alias)),
            exp.GTE(
                this=exp.column("high", "w"),
                expression=exp.Coalesce(this=_f("date_high", alias), expressions=[_f("date_low", alias)]),
            ),
        )
    )
    return _any([_one_of(_f("kind", alias), UNJUDGED_KINDS), exp.Exists(this=window)])


def _value(test: ConceptTest | QuantityTest | AgeTest, alias: str) -> Sql:
    if isinstance(test, ConceptTest):
        return _matches(test.concepts, _f("value_system", alias), _f("value_code", alias))
    if isinstance(test, QuantityTest):
        return _any(
            [
                _all([_equal(_f("unit", alias), unit), *(_certain(one, alias) for one in tests)])
                for unit, tests in test.units
            ]
        )
    raise TypeError("an age is tested on the birth date only")


def _certain(test: NumberTest, alias: str) -> Sql:
    low, high, value = _f("value_low", alias), _f("value_high", alias), _double(test.value)
    compare = {
        "gt": exp.GT(this=low, expression=value),
        "ge": exp.GTE(this=low, expression=value),
        "lt": exp.LT(this=high, expression=value),
        "le": exp.LTE(this=high, expression=value),
    }
    if test.comparator == "eq":
        return _all([exp.EQ(this=low, expression=value), exp.EQ(this=high, expression=value.copy())])
    if test.comparator == "ne":
        return _any([exp.GT(this=low, expression=value), exp.LT(this=high, expression=value.copy())])
    return compare[test.comparator]


def _born(test: AgeTest, alias: str, as_of: date) -> Sql:
    alternatives = []
    for start, end in birth_intervals(test, as_of):
        bounds = []
        if start is not None:
            bounds.append(exp.GTE(this=_f("date_low", alias), expression=_date(start)))
        if end is not None:
            bounds.append(exp.LTE(this=_f("date_high", alias), expression=_date(end)))
        alternatives.append(_all(bounds))
    return _any(alternatives) if alternatives else exp.false()


def _touches(time: TimeTest, alias: str) -> Sql:
    low, high = _f("date_low", alias), _f("date_high", alias)
    tests: list[Sql] = [low.is_(exp.null()).not_()]
    if time.before is not None:
        tests.append(exp.LTE(this=_f("date_low", alias), expression=_date(time.before)))
    if time.after is not None:
        tests.append(_any([high.is_(exp.null()), exp.GTE(this=high.copy(), expression=_date(time.after))]))
    return _all(tests)


def _matches(matches: Sequence[CodeMatch], system: Sql, code: Sql) -> Sql:
    return _any([_match(match, system, code) for match in matches])


def _match(match: CodeMatch, system: Sql, code: Sql) -> Sql:
    tests = [_equal(system.copy(), match.system)] if match.system else []
    if not match.prefix:
        return _all([*tests, _equal(code.copy(), match.code)])
    tests.append(exp.GTE(this=code.copy(), expression=_text(match.code)))
    after = _after_prefix(match.code)
    if after:
        tests.append(exp.LT(this=code.copy(), expression=_text(after)))
    return _all(tests)


def _after_prefix(prefix: str) -> str:
    """The first text, in code point order, after all that begin with `prefix`; empty when there is none.

    A range instead of LIKE: engines can skip blocks of sorted files by it, and it knows no wildcards.
    """
    for end in range(len(prefix), 0, -1):
        following = ord(prefix[end - 1]) + 1
        if 0xD800 <= following <= 0xDFFF:
            following = 0xE000
        if following <= 0x10FFFF:
            return prefix[: end - 1] + chr(following)
    return ""


def _f(name: str, alias: str = "f") -> Sql:
    return exp.column(name, alias)


def _text(value: str) -> Sql:
    return exp.Literal.string(value)


def _date(value: date) -> Sql:
    return exp.cast(_text(value.isoformat()), "date")


def _double(value: float) -> Sql:
    # A bare 13.2 would be a decimal in DuckDB; the text is read to the nearest double in every engine.
    return exp.cast(_text(repr(value)), "double")


def _equal(left: Sql, right: str) -> Sql:
    return exp.EQ(this=left, expression=_text(right))


def _one_of(column: Sql, values: Sequence[str]) -> Sql:
    return exp.In(this=column, expressions=[_text(value) for value in values])


def _in(column: Sql, rows: Sql) -> Sql:
    return exp.In(this=column, query=exp.Subquery(this=rows))


def _all(tests: Sequence[Sql]) -> Sql:
    return exp.and_(*tests) if tests else exp.true()


def _any(tests: Sequence[Sql]) -> Sql:
    return exp.paren(exp.or_(*tests))


def _number_of(condition: Sql) -> Sql:
    counted = exp.Case(
        ifs=[exp.If(this=condition.copy(), true=exp.Literal.number(1))], default=exp.Literal.number(0)
    )
    return exp.Coalesce(this=exp.Sum(this=counted), expressions=[exp.Literal.number(0)])
