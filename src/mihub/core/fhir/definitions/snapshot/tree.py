"""Elements as a tree: from the flat list of a snapshot or differential to nodes, and back.

A node is never changed; who changes a branch builds a new one, so a slice shares the children of what it was cut from.
Above: `walk`, `merge`, `generate`. Source: https://hl7.org/fhir/R4/elementdefinition.html#id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.snapshot.shape import check_shape
from mihub.errors import InvalidInput

# Deeper than any published profile (21) and shallow enough for plain recursion.
MAX_DEPTH: Final = 40
# The largest published snapshot has 1,500.
MAX_ELEMENTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Node:
    """One element. `slice`: "" for what is no slice; `data`: the element without id and path."""

    name: str
    slice: str
    data: Json
    children: tuple[Node, ...] = ()

    @property
    def label(self) -> str:
        """The node's part of an element id: `coding:icd10-gm`."""
        return f"{self.name}:{self.slice}" if self.slice else self.name

    def with_children(self, children: Iterable[Node]) -> Node:
        """The same element over other children."""
        return replace(self, children=tuple(children))

    def with_data(self, **changes: Any) -> Node:
        """The same node with members of its element changed; None takes a member away."""
        data = {k: v for k, v in {**self.data, **changes}.items() if v is not None}
        return replace(self, data=data)


@dataclass(slots=True)
class _Open:
    """A node still being read."""

    name: str
    slice: str
    data: Json
    children: dict[tuple[str, str], _Open] = field(default_factory=dict)
    # The child of each name that was spoken of last.
    latest: dict[str, _Open] = field(default_factory=dict)

    def close(self) -> Node:
        return Node(self.name, self.slice, self.data, tuple(c.close() for c in self.children.values()))


def read(elements: Sequence[Json], where: str) -> Node | None:
    """The tree of a list of elements, by id where there is one, else by path and order; None when the list is empty.

    Elements that are only implied by others (a differential may leave out parents) become nodes without content.
    Raises `InvalidInput` for what is no list of elements.
    """
    root: _Open | None = None
    if len(elements) > MAX_ELEMENTS:
        raise too_many(where)
    for element in elements:
        check_shape(element, where)
        labels = _labels(element, where)
        if root is None:
            root = _Open(*labels[0], {})
        if labels[0][0] != root.name:
            raise _misplaced(element, f"the first element is {root.name}", where)
        place = root
        for step, (name, cut) in enumerate(labels[1:], 1):
            last = step == len(labels) - 1
            place = _child(place, name, cut, by_id="id" in element or last)
        # The same element twice: what comes later is added to what stands already.
        place.data = {**place.data, **{k: v for k, v in element.items() if k not in ("id", "path")}}
    return root.close() if root is not None else None


def elements_of(structure: Resource, part: str) -> list[Json]:
    """The elements of the differential or the snapshot; empty when there are none, or when they are no list of objects."""
    listed = structure.get(part)
    elements = listed.get("element") if isinstance(listed, dict) else None
    fits = isinstance(elements, list) and all(isinstance(e, dict) for e in elements)
    return elements if fits and elements else []


def flatten(root: Node, path: str = "", identity: str = "") -> Iterator[Json]:
    """The elements in the order of a snapshot, with path and id."""
    path = f"{path}.{root.name}" if path else root.name
    identity = f"{identity}.{root.label}" if identity else root.label
    yield {"id": identity, "path": path, **root.data}
    for child in root.children:
        yield from flatten(child, path, identity)


def too_many(where: str) -> InvalidInput:
    """A structure beyond measure."""
    return InvalidInput(
        "The structure has too many elements",
        where=where,
        rule=f"at most {MAX_ELEMENTS} elements in one structure",
        next_step="Check how the structure was made: no published one comes near this.",
    )


def _child(place: _Open, name: str, cut: str, by_id: bool) -> _Open:
    """The child to go on with; without ids the last one of the name is the one meant, sliced or not."""
    known = place.children.get((name, cut)) if by_id or cut else place.latest.get(name)
    if known is None:
        known = place.children[name, cut] = _Open(name, cut, {})
    place.latest[name] = known
    return known


def _labels(element: Json, where: str) -> list[tuple[str, str]]:
    """(name, slice) for each step of an element's place. A slice in the id must be the one the element names."""
    path = element.get("path")
    if not isinstance(path, str) or not path:
        raise _misplaced(element, "every element has a path", where)
    names = path.split(".")
    if len(names) > MAX_DEPTH:
        raise _misplaced(element, f"at most {MAX_DEPTH} levels", where)
    sliced = element.get("sliceName", "")
    parts = _id_parts(element.get("id"), names)
    if parts is None:
        return [*((name, "") for name in names[:-1]), (names[-1], sliced)]
    if sliced and parts[-1][1] != sliced:
        parts[-1] = (parts[-1][0], sliced)
    return parts


def _id_parts(identity: object, names: list[str]) -> list[tuple[str, str]] | None:
    """The id as (name, slice) steps, or None when it does not follow the path."""
    if not isinstance(identity, str):
        return None
    steps = identity.split(".")
    if len(steps) != len(names):
        return None
    parts = [(name, cut) for name, _, cut in (step.partition(":") for step in steps)]
    follows = all(part[0] == name for part, name in zip(parts, names, strict=True))
    return parts if follows else None


def _misplaced(element: Json, rule: str, where: str) -> InvalidInput:
    place = element.get("id") or element.get("path") or "an element without path"
    return InvalidInput(
        f"The element {str(place)[:200]} has no place in its structure",
        where=where,
        rule=rule,
        next_step="Correct path and id of the element, or ask the publisher of the profile.",
    )
