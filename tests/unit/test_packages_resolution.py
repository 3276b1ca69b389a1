"""Which resource a canonical means: the rules as a table, each with the words that the operator reads."""

from __future__ import annotations

import pytest

from mihub.site.packages.dependencies import Graph
from mihub.site.packages.resolution import Option, resolve

CORE = Option("4.0.1", "hl7.fhir.r4.core#4.0.1", built_in=True)
BASE_TYPE = Option("4.0.1", "hl7.fhir.r4.core#4.0.1", built_in=True, base_type=True)
CORE_PACKAGE = Option("4.0.1", "hl7.fhir.r4.core#4.0.1")


def o(version: str, package: str = "a#1", *, owner: bool = False) -> Option:
    return Option(version, package, owner=owner)


TABLE = [
    # options, wanted, context, position, rule
    ([o("1.0.0")], "", {}, 0, "the only version loaded"),
    ([o("1.0.0"), o("1.10.0", "a#2"), o("1.9.0", "a#3")], "", {}, 1, "the newest of 3 loaded versions"),
    ([o("2.0.0-rc.1"), o("2.0.0", "a#2")], "", {}, 1, "the newest of 2 loaded versions"),
    ([o(""), o("0.1.0", "a#2")], "", {}, 1, "the newest of 2 loaded versions"),
    ([o("2025.0.0"), o("1.0.3", "a#2")], "", {}, 0, "the newest of 2 loaded versions"),
    ([o("1.0.0"), o("2.0.0", "a#2")], "1.0.0", {}, 0, "the version that was named"),
    ([o("1.5.2"), o("1.5.4", "a#2"), o("1.6.0", "a#3")], "1.5.x", {}, 1, "the newest of 2 versions under 1.5"),
    ([o("1.5.2"), o("1.6.0", "a#2")], "1.5", {}, 0, "the only version under 1.5"),
    (
        [o("1.5.4"), o("1.6.0", "a#2")], "1.5.0", {}, 0,
        "1.5.0 was named and is not loaded; 1.5.4 has the same minor version 1.5",
    ),
    ([o("1.5.4")], "1.4.0", {}, None, ""),
    ([o("2019-08"), o("2020-02", "a#2")], "2019-09", {}, None, ""),
    ([], "", {}, None, ""),
    # what the asking package depends on
    ([o("1.0.0", "a#1"), o("2.0.0", "a#2")], "", {"x#1": 0, "a#1": 1}, 0, "the version that package x#1 depends on"),
    ([o("1.0.0", "x#1"), o("2.0.0", "a#2")], "", {"x#1": 0, "a#2": 1}, 0, "it is in package x#1 itself"),
    (
        [o("1.0.0", "a#1"), o("2.0.0", "b#1"), o("3.0.0", "c#1")], "", {"x#1": 0, "b#1": 2}, 1,
        "the version that, over others, package x#1 depends on",
    ),
    ([o("1.0.0", "a#1"), o("2.0.0", "a#2")], "2.0.0", {"x#1": 0, "a#1": 1}, 1, "the version that was named"),
    ([o("1.0.0", "a#1"), o("2.0.0", "a#2")], "", {"x#1": 0}, 1, "the newest of 2 loaded versions"),
    # R4 core
    ([CORE], "", {}, 0, "the program's own R4 core"),
    ([CORE_PACKAGE, CORE], "", {}, 1, "the program's own R4 core (hl7.fhir.r4.core#4.0.1 holds the same)"),
    ([CORE_PACKAGE, CORE], "4.0.1", {}, 1, "the version that was named"),
    ([CORE_PACKAGE], "", {}, 0, "hl7.fhir.r4.core#4.0.1, which the program's own R4 core does not hold"),
    (
        [o("1.0.0"), CORE], "", {}, 0,
        "the only version loaded; loaded packages come before the program's own R4 core",
    ),
    ([o("5.2.0"), CORE], "4.0.1", {}, 1, "the version that was named"),
    ([o("4.0.1"), CORE], "4.0.1", {}, 0, "the version that was named"),
    (
        [o("9.0.0"), BASE_TYPE], "", {}, 1,
        "the program's own R4 core; no package can replace a base type of R4",
    ),
    ([o("4.0.1"), BASE_TYPE], "4.0.1", {}, 1, "the version that was named"),
    # the same version in several packages
    (
        [o("1.0.0", "b#1"), o("1.0.0", "a#1")], "", {}, 1,
        "the only version loaded; of 2 packages with it the first by name",
    ),
    (
        [o("1.0.0", "a#1"), o("1.0.0", "b#1", owner=True)], "", {}, 1,
        "the only version loaded; of 2 packages with it the one whose address it is",
    ),
    (
        [o("1.0.0", "a#1.2"), o("1.0.0", "a#1.10")], "1.0.0", {}, 1,
        "the version that was named; of 2 packages with it the newest package",
    ),
    (
        [o("1.0.0", "a#1"), o("1.0.0", "b#1")], "1.0.0", {"x#1": 0, "b#1": 1}, 1,
        "the version that was named; of 2 packages with it the one that the asking package depends on",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "wanted", "context", "position", "rule"), TABLE)
def test_the_rule_chooses_and_says_so(
    options: list[Option], wanted: str, context: dict[str, int], position: int | None, rule: str
) -> None:
    choice = resolve(options, wanted, context)
    assert (choice.position if choice else None, choice.rule if choice else "") == (position, rule)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_of_adding_does_not_matter(reverse: bool) -> None:
    options = [o("1.0.0", "b#2"), o("1.0.0", "b#10"), o("1.0.0", "c#1"), o("0.9.0", "a#1")]
    if reverse:
        options.reverse()
    choice = resolve(options, "")
    assert choice is not None
    assert options[choice.position].package == "b#10"


GRAPH = Graph({"base#1.5.2": {}, "base#1.5.4": {}, "base#2.0.0": {}, "meta#2025.0.0": {}})


@pytest.mark.parametrize(
    ("name", "asked", "served", "exact"),
    [
        ("base", "1.5.2", "base#1.5.2", True),
        ("base", "1.5.x", "base#1.5.4", True),
        ("base", "1.5", "base#1.5.4", True),
        ("base", "1.5.0", "base#1.5.4", False),
        ("base", "^1.0.0", "base#1.5.4", True),
        ("base", "~1.5.1", "base#1.5.4", True),
        ("base", "latest", "base#2.0.0", True),
        ("base", "current", "base#2.0.0", True),
        ("base", "", "base#2.0.0", True),
        ("base", "*", "base#2.0.0", True),
        ("base", "3.x", "", False),
        ("base", "file:../base", "", False),
        ("meta", "1.0.3", "", False),
        ("unknown", "1.0.0", "", False),
        ("hl7.fhir.r4.core", "4.0.1", "hl7.fhir.r4.core#4.0.1", True),
        ("hl7.fhir.r4.core", "4.0.0", "hl7.fhir.r4.core#4.0.1", True),
        ("hl7.fhir.r4.core", "4.0.x", "hl7.fhir.r4.core#4.0.1", True),
        ("hl7.fhir.r4.core", "4.3.0", "", False),
    ],
)
def test_who_answers_for_a_dependency(name: str, asked: str, served: str, exact: bool) -> None:
    found = GRAPH.served(name, asked)
    assert (found.served_by, found.exact, found.missing) == (served, exact, not served)


def test_a_cycle_is_named_and_ends() -> None:
    graph = Graph(
        {"a#1": {"b": "1"}, "b#1": {"c": "1"}, "c#1": {"a": "1", "d": "1"}, "d#1": {}, "e#1": {"e": "1"}}
    )
    assert [graph.cycle(label) for label in graph.asks] == [
        ("b#1", "c#1"), ("a#1", "c#1"), ("a#1", "b#1"), (), ("e#1",)
    ]  # fmt: skip
    assert graph.context("a#1") == {"a#1": 0, "b#1": 1, "c#1": 2, "d#1": 3}
    assert graph.dependents("d#1") == ("c#1",)
