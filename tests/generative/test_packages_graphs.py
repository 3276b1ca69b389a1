"""Packages that depend on each other in any way, cycles included: every canonical resolves, by a rule that can be checked.

The second opinion is a resolver written from the rules in docs/reference/packages.md, with nothing of the shelf's code.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.site.packages.dependencies import Graph
from mihub.site.packages.resolution import Option, resolve
from mihub.site.packages.shelf import Shelf
from tests.package_maker import BASE, code_system, manifest, package

_VERSIONS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)).map(
    lambda v: ".".join(map(str, v))
)
_NAMES = st.sampled_from("abcde")
_ASKED = st.one_of(
    _VERSIONS, _VERSIONS.map(lambda v: v.rpartition(".")[0] + ".x"), st.sampled_from(["latest", "", "9.9.9", "nonsense"])
)  # fmt: skip


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _newest(versions: list[str]) -> str:
    return max(versions, key=_numbers)


def _fitting(versions: list[str], asked: str) -> str:
    """The version that answers, by the written rules."""
    if asked in versions:
        return asked
    if asked in ("", "latest"):
        return _newest(versions) if versions else ""
    minor = asked.removesuffix(".x") if asked.endswith(".x") else asked.rpartition(".")[0]
    near = [version for version in versions if version.startswith(minor + ".")] if minor else []
    return _newest(near) if near else ""


def _reached(asks: dict[str, dict[str, str]], start: str) -> dict[str, int]:
    """Distances by relaxing until nothing changes: slow, and nothing like a queue."""
    distance = {start: 0}
    changed = True
    while changed:
        changed = False
        for label, steps in list(distance.items()):
            for name, asked in asks[label].items():
                found = _fitting(
                    [one.partition("#")[2] for one in asks if one.partition("#")[0] == name], asked
                )
                below = f"{name}#{found}"
                if found and distance.get(below, 10**9) > steps + 1:
                    distance[below] = steps + 1
                    changed = True
    return distance


_GRAPHS = st.dictionaries(
    st.tuples(_NAMES, _VERSIONS).map("#".join),
    st.dictionaries(_NAMES, _ASKED, max_size=4),
    min_size=1,
    max_size=9,
)


@settings(max_examples=150)
@given(asks=_GRAPHS)
def test_what_a_package_sees_is_what_the_rules_say(asks: dict[str, dict[str, str]]) -> None:
    graph = Graph(asks)
    reached = {label: _reached(asks, label) for label in asks}
    for label in asks:
        assert graph.context(label) == reached[label]
        mutual = {one for one in reached[label] if one != label and label in reached[one]}
        itself = any(one.served_by == label for one in graph.dependencies(label))
        assert graph.cycle(label) == ((label,) if itself else tuple(sorted(mutual)))


@settings(max_examples=150)
@given(
    holders=st.lists(
        st.tuples(_NAMES, _VERSIONS, _VERSIONS), min_size=1, max_size=8, unique_by=lambda one: one[:2]
    ),
    asks=_GRAPHS,
    wanted=st.one_of(st.just(""), _ASKED.filter(lambda asked: asked not in ("latest", "nonsense"))),
    data=st.data(),
)
def test_every_canonical_is_the_named_the_seen_or_the_newest(
    holders: list[tuple[str, str, str]], asks: dict[str, dict[str, str]], wanted: str, data: st.DataObject
) -> None:
    options = [Option(version, f"{name}#{number}") for name, number, version in holders]
    label = data.draw(st.sampled_from(sorted(asks)))
    context = _reached(asks, label)
    choice = resolve(options, wanted, context)
    versions = [one.version for one in options]
    if wanted:
        expected = _fitting(versions, wanted)
        assert (options[choice.position].version if choice else "") == expected
        return
    assert choice is not None
    found = options[choice.position]
    seen = [context[one.package] for one in options if one.package in context]
    if seen:
        assert context[found.package] == min(seen)
    else:
        assert found.version == _newest(versions)


@pytest.fixture
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(asks=_GRAPHS, order=st.randoms(use_true_random=False))
def test_the_shelf_answers_alike_in_whatever_order_packages_come(
    folders: Path, asks: dict[str, dict[str, str]], order: object
) -> None:
    paths = []
    for label, dependencies in asks.items():
        name, _, version = label.partition("#")
        known = manifest(name, version, dependencies=dependencies)
        paths.append(
            package(folders, known, code_system("shared", version), code_system(f"own-{name}", version))
        )
    shuffled = list(paths)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    first, second = Shelf.open(None), Shelf.open(None)
    first.add(*paths)
    for path in shuffled:
        second.add(path)
    for label in ["", *asks]:
        for url in (
            f"{BASE}/CodeSystem/shared",
            f"{BASE}/CodeSystem/shared|{next(iter(asks)).partition('#')[2]}",
        ):
            one, other = first.seen_from(label).find(url), second.seen_from(label).find(url)
            assert one == other
            assert one is not None
    assert [one.dependencies for one in first.list()] == [one.dependencies for one in second.list()]
