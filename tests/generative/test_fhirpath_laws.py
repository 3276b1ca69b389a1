"""FHIRPath laws on generated expressions and values: the renderer, three-valued logic, collections, dates."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from mihub.core.fhir import fhirpath
from mihub.core.fhir.fhirpath import FhirPathError, nodes
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.operators import logical_and, logical_implies, logical_or, logical_xor
from mihub.core.fhir.fhirpath.parser import PRECEDENCE, parse
from mihub.core.fhir.fhirpath.temporal import date_from, datetime_from, time_from

NAMES = st.one_of(
    st.sampled_from(["name", "contains", "div", "true", "desc", "a b", "ä`\\", "Patient"]), st.text("ab_ '")
)
TRUTH = st.sampled_from([True, False, None])
NUMBERS = st.one_of(
    st.integers(0, 10**12), st.decimals(0, 10**6, places=3, allow_nan=False).map(lambda number: abs(number))
)
WRITTEN = {True: "true", False: "false", None: "{}"}


def _literals() -> st.SearchStrategy[Node]:
    moments = st.sampled_from(
        [date_from("2015"), date_from("2015-02-04"), datetime_from("2015"), datetime_from("2015-02-04T14"),
         datetime_from("2015-02-04T14:34:28.123+10:00"), datetime_from("2015-02-04T14:34Z"), time_from("14:34:28.5")]
    )  # fmt: skip
    return st.one_of(
        st.builds(nodes.Literal, st.one_of(st.booleans(), NUMBERS, st.text(), moments)),
        st.builds(nodes.QuantityLiteral, NUMBERS.map(Decimal), st.text(min_size=1), st.just(False)),
        st.builds(
            nodes.QuantityLiteral, NUMBERS.map(Decimal), st.sampled_from(["year", "day"]), st.just(True)
        ),
        st.just(nodes.Empty()),
        st.builds(nodes.Variable, NAMES.filter(bool)),
        st.builds(nodes.Special, st.sampled_from(["this", "index", "total"])),
        st.builds(nodes.Member, st.none(), NAMES),
    )


def _grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    binary = st.sampled_from([each for row in PRECEDENCE for each in row if each not in ("is", "as")])
    types = st.builds(
        nodes.TypeName, st.sampled_from(["", "FHIR", "System"]), st.sampled_from(["Patient", "Integer"])
    )
    return st.one_of(
        st.builds(nodes.Member, inner, NAMES),
        st.builds(nodes.Call, st.one_of(st.none(), inner), NAMES, st.lists(inner, max_size=3).map(tuple)),
        st.builds(nodes.Index, inner, inner),
        st.builds(nodes.Sign, st.sampled_from("+-"), inner),
        st.builds(nodes.Binary, binary, inner, inner),
        st.builds(nodes.TypeOperation, st.sampled_from(["is", "as"]), inner, types),
        st.builds(
            lambda key, down: nodes.Call(None, "sort", (nodes.Sorted(key, down),)), inner, st.booleans()
        ),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(_literals(), _grown, max_leaves=12))
def test_what_is_rendered_is_read_back_as_the_same_tree(tree: Node) -> None:
    assert parse(fhirpath.render(tree)) == tree


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1.()[]{}'`%$+-*/=<>|&,@T: \\\n"), max_size=30))
@example("@T25")
@example("%")
@example("1 'a' 'b'")
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    tree, refusal = read(text)
    if tree is None:
        assert refusal is not None
        assert 0 <= refusal <= len(text)
    else:
        assert parse(fhirpath.render(tree)) == tree


def read(text: str) -> tuple[Node | None, int | None]:
    """The tree, or the place of the refusal."""
    try:
        return parse(text), None
    except FhirPathError as error:
        return None, error.position


def run(expression: str, **variables: Any) -> list[Any]:
    return fhirpath.compile(expression).evaluate({"resourceType": "Basic"}, variables=variables)


def answer(expression: str) -> bool | None:
    return fhirpath.compile(expression).test({"resourceType": "Basic"})


@given(TRUTH, TRUTH, TRUTH)
def test_three_valued_logic(a: bool | None, b: bool | None, c: bool | None) -> None:
    def no(value: bool | None) -> bool | None:
        return None if value is None else not value

    assert logical_and(a, b) is logical_and(b, a)
    assert logical_or(a, b) is logical_or(b, a)
    assert no(logical_and(a, b)) is logical_or(no(a), no(b))
    assert logical_and(a, logical_or(b, c)) is logical_or(logical_and(a, b), logical_and(a, c))
    assert logical_implies(a, b) is logical_or(no(a), b)
    assert logical_xor(a, b) is logical_and(logical_or(a, b), no(logical_and(a, b)))


@given(TRUTH, TRUTH)
def test_expressions_follow_the_same_logic(a: bool | None, b: bool | None) -> None:
    table = {"and": logical_and, "or": logical_or, "xor": logical_xor, "implies": logical_implies}
    for operator, decide in table.items():
        assert answer(f"{WRITTEN[a]} {operator} {WRITTEN[b]}") is decide(a, b)


ITEMS = st.lists(st.one_of(st.integers(-3, 3), st.sampled_from(["a", "A", "b"]), st.booleans()), max_size=6)


@settings(deadline=None)
@given(ITEMS, ITEMS, st.integers(0, 7))
def test_collection_laws(a: list[Any], b: list[Any], n: int) -> None:
    given_ = {"a": a, "b": b, "n": n}
    for law in (
        "%a.take(%n).combine(%a.skip(%n)) ~ %a",
        "%a.distinct().isDistinct()",
        "(%a | %b).isDistinct()",
        "%a.subsetOf(%a | %b) and (%a | %b).supersetOf(%b)",
        "%a.intersect(%b) ~ %b.intersect(%a)",
        "%a.exclude(%b).intersect(%b).empty()",
        "%a.combine(%b).count() = %a.count() + %b.count()",
        "%a.where(true) ~ %a and %a.where({}).empty()",
        "%a.all($this in %a) and %a.exists() != %a.empty()",
        "%a ~ %a and (%a = %a).all($this)",
        "%a.tail().count() = iif(%a.empty(), 0, %a.count() - 1)",
    ):
        assert run(law, **given_) == [True], law


@settings(deadline=None)
@given(st.lists(st.integers(-(2**50), 2**50), max_size=8))
def test_sorting_and_sums_agree_with_python(numbers: list[int]) -> None:
    assert run("%n.sort()", n=numbers) == sorted(numbers)
    assert run("%n.sort($this desc)", n=numbers) == sorted(numbers, reverse=True)
    assert run("%n.sum()", n=numbers) == ([sum(numbers)] if numbers else [])
    assert run("%n.aggregate($this + $total, 0)", n=numbers) == [sum(numbers)]


@settings(deadline=None)
@given(st.dates(), st.integers(-4000, 4000))
def test_days_move_as_the_calendar_does(start: date, days: int) -> None:
    try:
        expected = [(start + timedelta(days=days)).isoformat()]
    except OverflowError:
        expected = []
    assert (
        run("(%d.toDate() + %n).toString()", d=start.isoformat(), n=fhirpath.Quantity(Decimal(days), "d"))
        == expected
    )


@settings(deadline=None)
@given(st.decimals(-(10**6), 10**6, places=4, allow_nan=False), st.integers(0, 8))
def test_a_boundary_bounds(value: Decimal, places: int) -> None:
    assert run("%v.lowBoundary(%p) <= %v and %v <= %v.highBoundary(%p)", v=value, p=places) == [True]


MOMENTS = st.tuples(
    st.sampled_from(["2024", "2024-02", "2024-02-29", "2024-02-29T10:30", "2024-02-29T10:30:00"]),
    st.sampled_from(["", "Z", "+14:00", "-12:00"]),
).map(lambda pair: pair[0] + (pair[1] if "T" in pair[0] else ""))


@settings(deadline=None)
@given(MOMENTS, MOMENTS)
def test_order_of_moments_is_consistent(left: str, right: str) -> None:
    assume(left and right)
    given_ = {"l": left, "r": right}
    less = run("%l.toDateTime() < %r.toDateTime()", **given_)
    assert less == run("%r.toDateTime() > %l.toDateTime()", **given_)
    same = run("%l.toDateTime() = %r.toDateTime()", **given_)
    assert (less == []) == (same == [])
    assert not (less == [True] and same == [True])
