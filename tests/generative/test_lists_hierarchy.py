"""is-a by intervals agrees with walking the graph, whatever the graph; folding is stable while a word is typed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mihub.site.terminology.lists import CodeLists, Wanted
from mihub.site.terminology.lists.fold import words
from mihub.site.terminology.lists.hierarchy import ordered
from mihub.site.terminology.lists.near import distance

GRAPHS = st.integers(1, 24).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=60).map(
            lambda edges: [pair for pair in dict.fromkeys(edges) if pair[0] != pair[1]]
        ),
    )
)


def _above(size: int, edges: list[tuple[int, int]]) -> list[set[int]]:
    """Each concept's ancestors and itself, by walking: the second implementation."""
    parents: list[set[int]] = [set() for _ in range(size)]
    for child, parent in edges:
        parents[child].add(parent)
    found = []
    for start in range(size):
        seen, waiting = {start}, [start]
        while waiting:
            for parent in parents[waiting.pop()] - seen:
                seen.add(parent)
                waiting.append(parent)
        found.append(seen)
    return found


@given(GRAPHS)
@settings(max_examples=120, deadline=None)
def test_intervals_say_what_walking_says(graph: tuple[int, list[tuple[int, int]]]) -> None:
    size, edges = graph
    order = ordered(size, edges)
    left = [pair for pair in edges if pair not in set(order.cut)]
    assert sorted(order.place) == list(range(size)), "every concept has one place"
    above = _above(size, left)
    for ancestor in range(size):
        spans = [(order.place[ancestor], order.last[ancestor]), *order.extra.get(ancestor, ())]
        for start, end in spans:
            assert start <= end
        for descendant in range(size):
            inside = sum(start <= order.place[descendant] <= end for start, end in spans)
            assert inside == (ancestor in above[descendant]), "once or not at all"


@given(GRAPHS)
@settings(max_examples=80, deadline=None)
def test_only_circles_are_cut_and_none_is_left(graph: tuple[int, list[tuple[int, int]]]) -> None:
    size, edges = graph
    order = ordered(size, edges)
    whole = _above(size, edges)
    for child, parent in order.cut:
        assert child in whole[parent], "a cut edge closed a circle"
    left = _above(size, [pair for pair in edges if pair not in set(order.cut)])
    for one in range(size):
        for other in left[one] - {one}:
            assert one not in left[other]


@given(GRAPHS)
@settings(max_examples=80, deadline=None)
def test_parents_come_first_where_there_is_no_circle(graph: tuple[int, list[tuple[int, int]]]) -> None:
    size, edges = graph
    forward = [(max(pair), min(pair)) for pair in edges]
    order = ordered(size, forward)
    assert order.cut == ()
    first_parent: dict[int, int] = {}
    for child, parent in forward:
        first_parent[child] = min(first_parent.get(child, size), order.place[parent])
    assert all(order.place[child] > place for child, place in first_parent.items())


@given(GRAPHS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_provider_says_what_walking_says(graph: tuple[int, list[tuple[int, int]]]) -> None:
    size, edges = graph
    forward = [(max(pair), min(pair)) for pair in edges]
    text = "code;parent\n" + "".join(
        f"N{one};{' '.join(f'N{parent}' for child, parent in forward if child == one)}\n"
        for one in range(size)
    )
    above = _above(size, forward)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.csv"
        path.write_text(text, encoding="utf-8")
        with CodeLists.open(Path(folder) / "codes.sqlite") as lists:
            lists.add([path], Wanted("https://example.org/graph", "1"))
            (provider,) = lists
            for one in range(size):
                below = {f"N{other}" for other in range(size) if one in above[other]}
                assert set(provider.filter("concept", "is-a", f"N{one}")) == below
                assert set(provider.filter("concept", "descendent-of", f"N{one}")) == below - {f"N{one}"}
                assert set(provider.filter("concept", "generalizes", f"N{one}")) == {
                    f"N{other}" for other in above[one]
                }
                assert (
                    set(provider.filter("concept", "is-not-a", f"N{one}"))
                    == {f"N{n}" for n in range(size)} - below
                )
                for other in range(size):
                    assert provider.subsumes(f"N{one}", f"N{other}") == (one in above[other])


WORDS = st.text(alphabet="abcdefghiklmnoprstuvxyzäöüßéACHKZ", min_size=1, max_size=18)


@given(WORDS, st.integers(0, 18))
@settings(max_examples=200)
def test_every_beginning_of_a_word_folds_to_a_beginning(word: str, length: int) -> None:
    whole, begun = words(word), words(word[:length])
    assert len(whole) <= 1
    if begun:
        # The last letter may still become part of a double letter or of ae, oe, ue.
        assert whole[0].startswith(begun[0])


@given(WORDS)
def test_folding_again_changes_nothing_that_matters(word: str) -> None:
    once = words(word)
    assert words(" ".join(once)) == [part for piece in once for part in words(piece)]


@given(WORDS, WORDS)
@settings(max_examples=100)
def test_the_distance_is_that_of_the_textbook(typed: str, word: str) -> None:
    most = 2
    expected = min(_edits(typed, word[:end]) for end in range(len(word) + 1))
    found = distance(typed, word, most)
    assert (found == expected) if expected <= most else (found > most)


def _edits(one: str, other: str) -> int:
    """Optimal string alignment, written the plain way."""
    table = [
        [max(row, column) if 0 in (row, column) else 0 for column in range(len(other) + 1)]
        for row in range(len(one) + 1)
    ]
    for row in range(1, len(one) + 1):
        for column in range(1, len(other) + 1):
            cost = one[row - 1] != other[column - 1]
            best = min(
                table[row - 1][column] + 1, table[row][column - 1] + 1, table[row - 1][column - 1] + cost
            )
            if (
                row > 1
                and column > 1
                and one[row - 1] == other[column - 2]
                and one[row - 2] == other[column - 1]
            ):
                best = min(best, table[row - 2][column - 2] + 1)
            table[row][column] = best
    return table[-1][-1]
