"""A snapshot as a tree: each element with its children and its slices, whatever way its ids are written.

Walks the list of elements by path and slice name, as the specification orders them; ids are not trusted. Never
changes a definition. Source: https://hl7.org/fhir/R4/profiling.html. Above: `base`, `profile`. Bad snapshots raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.errors import InvalidInput
from mihub.site.validate.names import spells


@dataclass(slots=True, eq=False)
class Node:
    """One element definition. `children` and `slices` keep the order of the snapshot.

    `name` is the last part of the path, with `[x]` where it is a choice. A slice's node carries its own children.
    """

    definition: Json
    path: str
    name: str
    slice_name: str = ""
    children: dict[str, Node] = field(default_factory=dict)
    slices: dict[str, Node] = field(default_factory=dict)
    # Compilers keep here what they worked out of the definition once.
    kept: dict[str, Any] = field(default_factory=dict)

    @property
    def min(self) -> int:
        """Least number of items."""
        value = self.definition.get("min", 0)
        return value if isinstance(value, int) else 0

    @property
    def max(self) -> float:
        """Greatest number of items; infinite for `*`."""
        value = self.definition.get("max", "*")
        return int(value) if isinstance(value, str) and value.isdecimal() else float("inf")

    @property
    def types(self) -> list[Json]:
        """The allowed types, as the definition has them."""
        return [row for row in self.definition.get("type") or () if isinstance(row, dict)]

    @property
    def slicing(self) -> Json | None:
        """How the items are told apart, where the element is sliced."""
        found = self.definition.get("slicing")
        return found if isinstance(found, dict) else None

    def value_of(self, stem: str) -> tuple[str, Any] | None:
        """`fixed`, `pattern`, `minValue`...: the type and value of that choice, None when absent."""
        values = self.kept.get("values")
        if values is None:
            values = self.kept["values"] = _values(self.definition)
        found: tuple[str, Any] | None = values.get(stem)
        return found

    def walk(self) -> Iterator[Node]:
        """This node and all below, slices included."""
        yield self
        for child in self.children.values():
            yield from child.walk()
        for part in self.slices.values():
            yield from part.walk()


_STEMS: Final = ("fixed", "pattern", "minValue", "maxValue")


def _values(definition: Json) -> dict[str, tuple[str, Any]]:
    found = {}
    for key, value in definition.items():
        for stem in _STEMS:
            if key.startswith(stem) and key[len(stem) : len(stem) + 1].isupper():
                found[stem] = key[len(stem) :], value
    return found


def grow(structure: Resource) -> Node:
    """The tree of a structure's snapshot. Raises `InvalidInput` when it has no root or an orphan."""
    elements = (structure.get("snapshot") or {}).get("element")
    where = str(structure.get("url") or structure.get("id") or "")
    if not isinstance(elements, list) or not elements:
        raise _refused("The profile has no snapshot.", where)
    first = elements[0]
    if not isinstance(first, dict) or not isinstance(first.get("path"), str) or "." in first["path"]:
        raise _refused("The snapshot does not begin with its root.", where)
    root = Node(first, first["path"], first["path"])
    # The node that new elements of each depth hang on: trail[0] is the root.
    trail = [root]
    for element in elements[1:]:
        path = element.get("path") if isinstance(element, dict) else None
        if not isinstance(path, str):
            raise _refused("An element of the snapshot has no path.", where)
        depth = path.count(".")
        parent_path, _, name = path.rpartition(".")
        if depth < 1 or depth > len(trail) or not _same(trail[depth - 1], parent_path):
            raise _refused(f"The element {path} of the snapshot has no parent before it.", where)
        node = _place(trail[depth - 1], element, path, name)
        del trail[depth:]
        trail.append(node)
    return root


def _same(node: Node, path: str) -> bool:
    """Whether a child's path continues this node's; `valueQuantity` continues `value[x]` and the other way round."""
    if node.path == path:
        return True
    own, other = node.path.split("."), path.split(".")
    return len(own) == len(other) and all(
        a == b or _stem(a) == _stem(b) or a.startswith(_stem(b)) or b.startswith(_stem(a))
        for a, b in zip(own, other, strict=True)
    )


def _stem(name: str) -> str:
    return name.removesuffix("[x]")


def _place(parent: Node, element: Json, path: str, name: str) -> Node:
    slice_name = element.get("sliceName")
    known = parent.children.get(name)
    if known is None and not name.endswith("[x]"):
        known = _choice(parent, name)
        if known is not None and not isinstance(slice_name, str):
            slice_name = name
    if known is not None and isinstance(slice_name, str) and slice_name:
        node = Node(element, path, known.name, slice_name)
        _slot(known, slice_name)[slice_name] = node
        return node
    if known is not None:
        return known
    node = Node(element, path, name, slice_name if isinstance(slice_name, str) else "")
    parent.children[name] = node
    return node


def _choice(parent: Node, name: str) -> Node | None:
    """The choice a shortcut such as `valueQuantity` stands for."""
    return next((child for key, child in parent.children.items() if spells(name, key)), None)


def _slot(node: Node, slice_name: str) -> dict[str, Node]:
    """Where a slice belongs: `a/b` re-slices `a`."""
    upper, _, last = slice_name.rpartition("/")
    if upper and last:
        for name, part in node.slices.items():
            if name == upper:
                return part.slices
            if upper.startswith(f"{name}/"):
                return _slot(part, slice_name)
    return node.slices


def _refused(what: str, where: str) -> InvalidInput:
    return InvalidInput(
        what,
        where=where,
        rule="Snapshots of StructureDefinitions (https://hl7.org/fhir/R4/profiling.html)",
        next_step="Load a corrected package, or one with only the differential.",
    )
