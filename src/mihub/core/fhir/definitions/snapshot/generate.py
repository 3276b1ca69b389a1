"""From a differential and its base to a snapshot.

What the publishers' tools do: match by id, else by path and slice name; add slices after the element they cut;
walk into types, type profiles and repeated elements where the differential does. Never changes what it is given.
Below: `tree`, `walk`, `merge`. Source: https://hl7.org/fhir/R4/profiling.html#snapshot and the two generators whose
snapshots are compared in docs/reference/snapshots.md.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.definitions.snapshot.contradiction import contradicts
from mihub.core.fhir.definitions.snapshot.merge import merge, sliced
from mihub.core.fhir.definitions.snapshot.tree import Node, elements_of, flatten, read
from mihub.core.fhir.definitions.snapshot.walk import Structures, types_of
from mihub.errors import InvalidInput

_EXTENSION_SLICING: Final = {
    "discriminator": [{"type": "value", "path": "url"}],
    "ordered": False,
    "rules": "open",
}
_TYPE_SLICING: Final = {
    "discriminator": [{"type": "type", "path": "$this"}],
    "ordered": False,
    "rules": "open",
}
# Published chains have up to six; Python's stack bears some ten times as many as this.
_MOST_UNDER_WAY: Final = 40
_NEXT: Final = "Load the package that the profile depends on, or ask its publisher for a corrected version."


class _UnderWay(threading.local):
    """The structures whose snapshots this thread is generating, outermost first."""

    def __init__(self) -> None:
        self.urls: list[str] = []


_under_way = _UnderWay()


def generate(structure: Resource, definitions: Definitions) -> Resource:
    """The StructureDefinition with a snapshot; what was given stays as it was.

    Raises `InvalidInput` when the base is unknown, circular or contradicted; it names element, contradiction and rule.
    """
    url = str(structure.get("url", ""))
    base_url = structure.get("baseDefinition")
    if url and url in _under_way.urls:
        raise InvalidInput(
            "The structure is built on itself",
            where=" -> ".join([*_under_way.urls, url]),
            rule="baseDefinition leads to a type of FHIR, never back",
            next_step="Correct baseDefinition in one of the structures named.",
        )
    if len(_under_way.urls) >= _MOST_UNDER_WAY:
        raise InvalidInput(
            "The structure is built on too many others",
            where=f"{_under_way.urls[0]} -> ... -> {url}",
            rule=f"at most {_MOST_UNDER_WAY} structures on the way to R4 core",
            next_step="Load the published snapshots of the structures below, or check baseDefinition.",
        )
    _under_way.urls.append(url)
    try:
        elements = _Generation(structure, definitions).elements(base_url)
    finally:
        _under_way.urls.pop()
    return {**structure, "snapshot": {"element": elements}}


class _Generation:
    """What holds while one snapshot is generated."""

    def __init__(self, structure: Resource, definitions: Definitions) -> None:
        self.structure = structure
        self.url = str(structure.get("url", ""))
        self.definitions = definitions
        self.structures = Structures(definitions)
        self.constraint = structure.get("derivation") != "specialization"
        self.root: Node | None = None

    def elements(self, base_url: object) -> list[Json]:
        changes = read(elements_of(self.structure, "differential"), self.url)
        if base_url is None:
            if changes is None:
                raise InvalidInput(
                    "The structure has neither a base nor elements",
                    where=self.url,
                    rule="sdf-1",
                    next_step=_NEXT,
                )
            return list(flatten(_own_bases(self._with_type_rules(changes))))
        if not isinstance(base_url, str):
            raise InvalidInput(
                "baseDefinition is not a text", where=self.url, rule="a canonical", next_step=_NEXT
            )
        base = self._base(base_url, changes)
        self.root = base
        whole = self.apply(base, changes, f"{self.url}#{changes.name}") if changes is not None else base
        if not self.constraint:
            whole = _own_bases(whole)
        return list(flatten(whole))

    def _base(self, base_url: str, changes: Node | None) -> Node:
        found = self.definitions.structure(base_url)
        if found is None:
            raise InvalidInput(
                f"The base {base_url} of the structure is not known",
                where=self.url,
                rule="a snapshot is made from the snapshot of the base",
                next_step=_NEXT,
            )
        base = read(elements_of(found.resource, "snapshot"), base_url)
        if base is None:
            raise InvalidInput(
                f"The base {base_url} has no elements", where=self.url, rule="sdf-1", next_step=_NEXT
            )
        name = changes.name if changes is not None else str(self.structure.get("type", base.name))
        if name != base.name and self.constraint:
            raise contradicts(
                f"The structure constrains {name}, its base is about {base.name}",
                self.url,
                "a profile is about the type of its base",
            )
        return replace(base, name=name.rpartition("/")[2])

    def _with_type_rules(self, root: Node) -> Node:
        """A structure without base (Element, Resource): its children with what their types say."""
        children = (replace(c, data=self.structures.with_type_rules(c.data)) for c in root.children)
        return root.with_children(children)

    def apply(self, node: Node, change: Node, where: str) -> Node:
        """A node of the base with everything the differential says about it and below it."""
        data = merge(node.data, change.data, self.url, where, self.structures.is_a)
        if "type" in change.data and node is not self.root:
            data = self.structures.with_type_rules(data)
        whole = replace(node, data=data)
        if not change.children:
            return whole
        return whole.with_children(self._children(whole, change, where))

    def _children(self, node: Node, change: Node, where: str) -> list[Node]:
        children = list(self.structures.children(node, self.root or node))
        originals: dict[str, Node] = {}
        # What is said of the sliced element comes before its slices, and a slice before its own, in whatever order it stands.
        for child in sorted(change.children, key=lambda c: (bool(c.slice), c.slice.count("/"))):
            place = f"{where}.{child.label}"
            name, cut, given = self._named(children, child)
            entry = _position(children, name, "")
            if entry is None:
                self._add_new(children, child, node, place)
                continue
            originals.setdefault(name, children[entry])
            if not cut:
                children[entry] = self.apply(children[entry], given, place)
                continue
            self._slice(children, originals[name], cut, given, place)
        return children

    def _named(self, children: Sequence[Node], child: Node) -> tuple[str, str, Node]:
        """The base's name for a child, the slice that is meant, and what is said of it.

        `valueQuantity` is `value[x]:valueQuantity`, and a slice of that name is about a Quantity, said or not.
        """
        known = {c.name: c for c in children if not c.slice}
        if child.name in known:
            kind = _chosen(known[child.name], child.slice) if child.slice else None
            return child.name, child.slice, _typed(child, kind, child.slice) if kind else child
        for name, other in known.items():
            kind = _chosen(other, child.name)
            if kind is not None:
                cut = child.slice or child.name
                return name, cut, _typed(child, kind, cut)
        return child.name, child.slice, child

    def _slice(self, children: list[Node], original: Node, cut: str, child: Node, where: str) -> None:
        """Change a slice in place, or cut a new one and set it behind its siblings."""
        name = original.name
        known = _position(children, name, cut)
        if known is not None:
            children[known] = self.apply(children[known], child, where)
            return
        entry = _position(children, name, "")
        self._check_open(original, cut, where)
        above = cut.rpartition("/")[0]
        parent = _position(children, name, above) if above else None
        origin = children[parent] if parent is not None else original
        if entry is not None and parent is None and "slicing" not in children[entry].data:
            if not name.endswith("[x]") and str(original.data.get("max")) == "1":
                # What occurs once at most is not cut: the name is only a name.
                named = replace(child, data={**child.data, "sliceName": cut})
                children[entry] = replace(self.apply(children[entry], named, where), slice=cut)
                return
            children[entry] = children[entry].with_data(slicing=self._implied_slicing(children[entry], where))
        fresh = Node(name, cut, sliced(origin.data), origin.children)
        made = self._bounded(self.apply(fresh, child, where), child)
        made = replace(made, data={**made.data, "sliceName": cut})
        children.insert(_behind(children, name, above if parent is not None else ""), made)

    def _check_open(self, original: Node, cut: str, where: str) -> None:
        """A slicing that the base has closed takes no further slices, but for the types of a choice and new cuts of a slice."""
        closed = original.data.get("slicing", {}).get("rules") == "closed"
        if closed and not original.name.endswith("[x]") and "/" not in cut:
            raise contradicts(
                f"The profile adds the slice {cut[:80]} to a slicing that its base has closed",
                where,
                "a closed slicing takes no further slices",
            )

    def _bounded(self, made: Node, child: Node) -> Node:
        """A slice for one extension repeats no more often than the extension says of itself."""
        profiles = [p for t in types_of(child.data) for p in t.get("profile", ())]
        if "max" in child.data or len(profiles) != 1 or made.data.get("max") != "*":
            return made
        most = self.structures.root_element(profiles[0]).get("max", "*")
        return made.with_data(max=most)

    def _implied_slicing(self, node: Node, where: str) -> Json:
        if node.name.endswith("[x]"):
            return dict(_TYPE_SLICING)
        if node.name in ("extension", "modifierExtension"):
            return dict(_EXTENSION_SLICING)
        raise contradicts(
            "The profile cuts a slice from an element that is not sliced",
            where,
            "slices need a slicing with a discriminator on the element itself, or in the base",
        )

    def _add_new(self, children: list[Node], child: Node, node: Node, where: str) -> None:
        """An element the base does not have: a specialization may add it, a profile may not."""
        if self.constraint:
            known = ", ".join(dict.fromkeys(c.name for c in children)) or "none"
            raise contradicts(
                f"The profile speaks of an element its base does not have; known there: {known[:300]}",
                where,
                "a profile adds no elements",
            )
        fresh = Node(child.name, child.slice, self.structures.with_type_rules(child.data))
        children.append(self.apply(replace(fresh, data={}), child, where) if child.children else fresh)


def _chosen(choice: Node, name: str) -> Json | None:
    """The type of a choice that a short name such as `valueQuantity` stands for."""
    stem = choice.name.removesuffix("[x]")
    if stem == choice.name or not name.startswith(stem):
        return None
    codes = {
        stem + code[:1].upper() + code[1:]: kind
        for kind in types_of(choice.data)
        for code in [str(kind["code"])]
    }
    return codes.get(name)


def _typed(child: Node, kind: Json, cut: str) -> Node:
    return replace(child, data={"type": [kind], **child.data, "sliceName": cut})


def _position(children: Sequence[Node], name: str, cut: str) -> int | None:
    return next((i for i, c in enumerate(children) if c.name == name and c.slice == cut), None)


def _behind(children: Sequence[Node], name: str, above: str) -> int:
    """Where a new slice goes: behind the last of its element, or of the slice it cuts again."""
    places = [
        i
        for i, c in enumerate(children)
        if c.name == name and (not above or c.slice == above or c.slice.startswith(above + "/"))
    ]
    return places[-1] + 1


def _own_bases(node: Node, path: str = "") -> Node:
    """What has no `base` yet is new here: the element is its own base."""
    path = f"{path}.{node.name}" if path else node.name
    data = node.data
    if "base" not in data or not path.count("."):
        data = {**data, "base": {"path": path, "min": data.get("min", 0), "max": data.get("max", "*")}}
    return Node(node.name, node.slice, data, tuple(_own_bases(child, path) for child in node.children))
