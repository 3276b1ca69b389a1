"""From a differential and its base to a snapshot.

What the publishers' tools do: match by id, else by path and slice name; add slices after the element they cut;
walk into types, type profiles and repeated elements where the differential does. Never changes what it is given.
Below: `tree`, `walk`, `merge`. Source: https://hl7.org/fhir/R4/profiling.html#snapshot and the two generators whose
snapshots are compared in docs/reference/snapshots.md.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import islice
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.definitions.snapshot.contradiction import contradicts
from mihub.core.fhir.definitions.snapshot.merge import merge, sliced
from mihub.core.fhir.definitions.snapshot.siblings import Siblings
from mihub.core.fhir.definitions.snapshot.slices import check_open, implied_slicing, named
from mihub.core.fhir.definitions.snapshot.tree import MAX_ELEMENTS, Node, elements_of, flatten, read, too_many
from mihub.core.fhir.definitions.snapshot.walk import Structures, types_of
from mihub.errors import InvalidInput

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
            return self._listed(_own_bases(self._founded(changes)))
        if not isinstance(base_url, str):
            raise InvalidInput(
                "baseDefinition is not a text", where=self.url, rule="a canonical", next_step=_NEXT
            )
        base = self._base(base_url, changes)
        self.root = base
        whole = self.apply(base, changes, f"{self.url}#{changes.name}") if changes is not None else base
        if not self.constraint:
            whole = _own_bases(whole)
        return self._listed(whole)

    def _listed(self, whole: Node) -> list[Json]:
        """The elements, when there are not too many: slices of slices multiply."""
        listed = list(islice(flatten(whole), MAX_ELEMENTS + 1))
        if len(listed) > MAX_ELEMENTS:
            raise too_many(self.url)
        return listed

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

    def _founded(self, root: Node) -> Node:
        """A structure without base (Element, Resource): what it says, and what the types of its children say."""

        def said(node: Node) -> Json:
            return merge({}, node.data, self.url, f"{self.url}#{node.name}", self.structures.is_a)

        children = [replace(c, data=self.structures.with_type_rules(said(c))) for c in root.children]
        return replace(root, data=said(root)).with_children(children)

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
        siblings = Siblings(self.structures.children(node, self.root or node))
        originals: dict[str, Node] = {}
        # What is said of the sliced element comes before its slices, and a slice before its own, in whatever order it stands.
        for child in sorted(change.children, key=lambda c: (bool(c.slice), c.slice.count("/"))):
            place = f"{where}.{child.label}"
            name, cut, given = named(siblings, child)
            entry = siblings.get(name)
            if entry is None:
                self._add_new(siblings, child, place)
            elif cut:
                self._slice(siblings, originals.setdefault(name, entry), cut, given, place)
            else:
                originals.setdefault(name, entry)
                siblings.put(self.apply(entry, given, place))
        return siblings.nodes()

    def _slice(self, siblings: Siblings, original: Node, cut: str, child: Node, where: str) -> None:
        """Change a slice in place, or cut a new one and set it behind its siblings."""
        known = siblings.get(original.name, cut)
        if known is not None:
            siblings.put(self.apply(known, child, where))
            return
        check_open(original, cut, where)
        above = cut.rpartition("/")[0]
        parent = siblings.get(original.name, above) if above else None
        if parent is not None:
            siblings.put_behind(self._cut(parent, cut, child, where), above)
            return
        entry = siblings.get(original.name) or original
        if "slicing" not in entry.data:
            if not entry.name.endswith("[x]") and str(original.data.get("max")) == "1":
                # What occurs once at most is not cut: the name is only a name.
                said = replace(child, data={**child.data, "sliceName": cut})
                siblings.put_instead(replace(self.apply(entry, said, where), slice=cut), "")
                return
            siblings.put(entry.with_data(slicing=implied_slicing(entry, where)))
        siblings.put(self._cut(original, cut, child, where))

    def _cut(self, origin: Node, cut: str, child: Node, where: str) -> Node:
        """A new slice of an element or of another slice."""
        fresh = Node(origin.name, cut, sliced(origin.data), origin.children)
        made = self._bounded(self.apply(fresh, child, where), child)
        return replace(made, data={**made.data, "sliceName": cut})

    def _bounded(self, made: Node, child: Node) -> Node:
        """A slice for one extension repeats no more often than the extension says of itself."""
        profiles = [p for t in types_of(child.data) for p in t.get("profile", ())]
        if "max" in child.data or len(profiles) != 1 or made.data.get("max") != "*":
            return made
        most = self.structures.root_element(profiles[0]).get("max", "*")
        return made.with_data(max=most)

    def _add_new(self, siblings: Siblings, child: Node, where: str) -> None:
        """An element the base does not have: a specialization may add it, a profile may not."""
        if self.constraint:
            known = ", ".join(siblings.names()) or "none"
            raise contradicts(
                f"The profile speaks of an element its base does not have; known there: {known[:300]}",
                where,
                "a profile adds no elements",
            )
        siblings.put(self.apply(Node(child.name, child.slice, {}), child, where))


def _own_bases(node: Node, path: str = "") -> Node:
    """What has no `base` yet is new here: the element is its own base."""
    path = f"{path}.{node.name}" if path else node.name
    data = node.data
    if "base" not in data or not path.count("."):
        data = {**data, "base": {"path": path, "min": data.get("min", 0), "max": data.get("max", "*")}}
    return Node(node.name, node.slice, data, tuple(_own_bases(child, path) for child in node.children))
