"""Where each concept stands: an order with parents before children, and intervals of that order for all that is below it.

A concept's descendants are the places between its own and `last` in a spanning tree, plus a few intervals for what it has
through other parents, so is-a is one comparison or one indexed look-up. Cycles are cut and named. Source: Agrawal, Borgida,
Jagadish, Efficient management of transitive relationships (SIGMOD 1989). Above: `loading`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Order:
    """`place[n]`, `last[n]`: of the n-th concept. `extra`: further intervals by concept. `cut`: (child, parent) of cycles."""

    place: array[int]
    last: array[int]
    extra: dict[int, tuple[Interval, ...]]
    cut: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class _Graph:
    """Children of each concept, in the order of their edges: `children[first[n]:first[n+1]]`."""

    first: array[int]
    children: array[int]
    has_parent: bytearray


def ordered(count: int, edges: Iterable[tuple[int, int]]) -> Order:
    """The order of `count` concepts from their edges (child, parent), both counted from 0."""
    graph = _graph(count, edges)
    place, last = array("q", [-1]) * count, array("q", [-1]) * count
    extra: dict[int, tuple[Interval, ...]] = {}
    cut: list[Interval] = []
    counter = 0
    for root in _starts(count, graph, place):
        counter = _walk(root, counter, graph, place, last, extra, cut)
    return Order(place, last, extra, tuple(cut))


def _graph(count: int, edges: Iterable[tuple[int, int]]) -> _Graph:
    below, above = array("q"), array("q")
    sizes, has_parent = array("q", [0]) * (count + 1), bytearray(count)
    for child, parent in edges:
        below.append(child)
        above.append(parent)
        sizes[parent + 1] += 1
        has_parent[child] = 1
    for number in range(count):
        sizes[number + 1] += sizes[number]
    children, filled = array("q", [0]) * len(below), array("q", sizes)
    for child, parent in zip(below, above, strict=True):
        children[filled[parent]] = child
        filled[parent] += 1
    return _Graph(sizes, children, has_parent)


def _starts(count: int, graph: _Graph, place: array[int]) -> Iterator[int]:
    """Concepts without a parent, then what only a cycle reaches."""
    yield from (number for number in range(count) if not graph.has_parent[number])
    yield from (number for number in range(count) if place[number] < 0)


def _walk(
    root: int,
    counter: int,
    graph: _Graph,
    place: array[int],
    last: array[int],
    extra: dict[int, tuple[Interval, ...]],
    cut: list[Interval],
) -> int:
    if place[root] >= 0:
        return counter
    place[root] = counter
    counter += 1
    stack = [[root, graph.first[root]]]
    gathered: list[list[Interval]] = [[]]
    while stack:
        node, at = stack[-1]
        if at == graph.first[node + 1]:
            last[node] = counter - 1
            outside = _outside(gathered.pop(), place[node], last[node])
            if outside:
                extra[node] = outside
            stack.pop()
            if stack:
                gathered[-1].extend(outside)
            continue
        stack[-1][1] += 1
        child = graph.children[at]
        if place[child] < 0:
            place[child] = counter
            counter += 1
            stack.append([child, graph.first[child]])
            gathered.append([])
        elif last[child] < 0:
            cut.append((child, node))
        else:
            gathered[-1].append((place[child], last[child]))
            gathered[-1].extend(extra.get(child, ()))
    return counter


def _outside(found: list[Interval], low: int, high: int) -> tuple[Interval, ...]:
    """The intervals that do not lie within low..high, merged where they touch."""
    if not found:
        return ()
    merged: list[Interval] = []
    for start, end in sorted(one for one in found if one[0] < low or one[1] > high):
        if merged and start <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)
