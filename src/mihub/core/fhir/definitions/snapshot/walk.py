"""Stepping into an element whose children are not listed: those of its type, of the profile on it, or of what it repeats.

Keeps the trees of the structures one generation meets. Below: `tree`. Source:
https://hl7.org/fhir/R4/profiling.html#snapshot.
"""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.definitions.snapshot.merge import merge_constraints
from mihub.core.fhir.definitions.snapshot.tree import Node, elements_of, read
from mihub.errors import InvalidInput

_STRUCTURES: Final = "http://hl7.org/fhir/StructureDefinition/"
# No published structure is more than eight constraints away from Element.
_MOST_BASES: Final = 24
_SYSTEM: Final = "http://hl7.org/fhirpath/System."


class Structures:
    """What the generation of one snapshot may look up."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._trees: dict[str, Node | None] = {}
        self._roots: dict[str, Json] = {}
        self._bases: dict[str, str] = {}

    def tree(self, canonical: str) -> Node | None:
        """The tree of a structure's snapshot; None when nobody knows the structure, or it cannot be generated itself."""
        if canonical not in self._trees:
            self._trees[canonical] = self._read(canonical)
        return self._trees[canonical]

    def with_type_rules(self, data: Json) -> Json:
        """An element together with what its type, or the profile on it, says of each instance.

        Of several types only what every element has holds for all.
        """
        types = types_of(data)
        codes = {str(t.get("code", "")) for t in types}
        if not types or self.is_a(str(types[0].get("code", "")), "Resource"):
            return data
        profiles = [p for t in types for p in t.get("profile", ())]
        code = codes.pop() if len(codes) == 1 else "Element"
        name = profiles[0] if len(profiles) == 1 and len(types) == 1 else ""
        rules = (name and self.root_element(name)) or self.root_element(_canonical(code))
        have = data.get("constraint", [])
        keys = {c.get("key") for c in have}
        added = [c for c in rules.get("constraint", ()) if c.get("key") not in keys]
        bound = {"binding": rules["binding"]} if "binding" in rules and "binding" not in data else {}
        return {**data, **bound, **({"constraint": [*have, *added]} if have or added else {})}

    def type_tree(self, code: str) -> Node | None:
        """The tree of a type by its code."""
        return self.tree(_canonical(code))

    def is_a(self, code: str, base: str) -> bool:
        """Whether a type is another or derived from it, by the base definitions; bounded, so that a cycle ends."""
        for _ in range(_MOST_BASES):
            if code == base:
                return True
            if code not in self._bases:
                found = self._definitions.find(_canonical(code), "StructureDefinition")
                above = found.resource.get("baseDefinition", "") if found is not None else ""
                self._bases[code] = above.rpartition("/")[2] if above.startswith(_STRUCTURES) else above
            code = self._bases[code]
            if not code:
                return False
        return False

    def root_element(self, canonical: str, depth: int = _MOST_BASES) -> Json:
        """What a type or profile says of its instances as a whole: constraints and binding, its bases' included.

        Read from the differentials, so that a type may be asked for while its own snapshot is being made.
        """
        if canonical not in self._roots and depth:
            found = self._definitions.find(canonical, "StructureDefinition")
            self._roots[canonical] = self._root_of(found.resource, depth) if found is not None else {}
        return self._roots.get(canonical, {})

    def _root_of(self, structure: Resource, depth: int) -> Json:
        shot = elements_of(structure, "snapshot")
        if shot:
            return shot[0]
        base = structure.get("baseDefinition")
        above = self.root_element(base, depth - 1) if isinstance(base, str) else {}
        first: Json = next(iter(elements_of(structure, "differential")), {})
        if "." in str(first.get("path", "")):
            return above
        rules = merge_constraints(
            above.get("constraint", []), first.get("constraint", []), structure.get("url", "")
        )
        return {**above, **first, "constraint": rules}

    def children(self, node: Node, root: Node) -> tuple[Node, ...]:
        """The children that may be constrained under an element; empty when there are none."""
        if node.children:
            return node.children
        repeated = node.data.get("contentReference")
        if isinstance(repeated, str):
            url, _, identity = repeated.partition("#")
            # With an address the element of that structure is meant, else the one of this structure.
            where = self.tree(url) if url else root
            found = find_by_id(where, identity) if where is not None else None
            return found.children if found is not None else ()
        return self._of_types(types_of(node.data))

    def _of_types(self, types: list[Json]) -> tuple[Node, ...]:
        if not types:
            return ()
        if len({t.get("code") for t in types}) > 1:
            # Of several types only what all of them have can be meant: id and extension.
            element = self.tree(_STRUCTURES + "Element")
            return element.children if element is not None else ()
        profiles = [p for t in types for p in t.get("profile", ())]
        tree = self.tree(profiles[0]) if len(profiles) == 1 else None
        if tree is None:
            tree = self.type_tree(str(types[0].get("code", "")))
        return tree.children if tree is not None else ()

    def _read(self, canonical: str) -> Node | None:
        url, _, part = canonical.partition("#")
        try:
            found = self._definitions.structure(url)
        except InvalidInput:
            return None
        if found is None:
            return None
        tree = read(elements_of(found.resource, "snapshot"), canonical)
        return find_by_id(tree, part) if tree is not None and part else tree


def _canonical(code: str) -> str:
    return code if ":" in code else _STRUCTURES + code


def types_of(data: Json) -> list[Json]:
    """The types of an element; FHIRPath's own types stand for what has no children in FHIR."""
    found: Any = data.get("type") or ()
    return [t for t in found if isinstance(t, dict) and not str(t.get("code", "")).startswith(_SYSTEM)]


def find_by_id(root: Node, identity: str) -> Node | None:
    """The node at an element id such as `Observation.component:SystolicBP`."""
    first, *rest = identity.split(".")
    if first != root.name:
        return None
    for label in rest:
        found = [child for child in root.children if child.label == label]
        if not found:
            return None
        root = found[0]
    return root
