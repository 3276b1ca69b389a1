"""What a profile adds to R4, compiled: only elements whose rules differ from what is checked already become checks.

`grounds` are the definitions an element stands on, nearest first (the element all slices share, the type's own
profile, R4's type); a rule that one of them has is not checked again. Recursion through profiles ends in lazy checks.
Above: `profile`. Below: `parts`, `slicing`, `values`, `bindings`, `invariants`, `references`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mihub.core.fhir.fhirpath import Element, r4
from mihub.site.validate.bindings import CODED, binding_of, bound
from mihub.site.validate.element_check import UNBOUNDED, ElementCheck, Limits, count_alone, each_object
from mihub.site.validate.facets import conditions_at, has_value, limits_of, same_rules
from mihub.site.validate.invariants import compiled
from mihub.site.validate.names import CORE, model_type, spells, type_code
from mihub.site.validate.parts import PartCheck, collector
from mihub.site.validate.primitives import PRIMITIVES
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check, chained
from mihub.site.validate.slicing import slicer
from mihub.site.validate.tree import Node
from mihub.site.validate.values import fixed, limits, pattern

if TYPE_CHECKING:
    from mihub.site.validate.engine import Engine

Grounds = tuple[Node, ...]
MAX_DEPTH: Final = 60
_RESOURCES: Final = frozenset({"Resource", "DomainResource"})


class Delta:
    """The compiler of one profile. Used once, under the engine's lock."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.engine = engine
        self.url = url
        self._depth = 0

    def root(self, tree: Node, type_name: str) -> Check | None:
        """The check of a whole resource or data type; None when the profile adds nothing."""
        ground = self.engine.type_tree(type_name)
        grounds = (ground,) if ground is not None and ground is not tree else ()
        checks = self._conditions(tree, grounds, type_name)
        checks += self.children(tree, grounds, type_name)
        return chained(checks) if checks else None

    # --- one element ------------------------------------------------------------------------------------------------

    def children(self, node: Node, grounds: Grounds, code: str) -> list[Check]:
        """The checks of an object's elements, made for objects that conform to `grounds`."""
        self._depth += 1
        checks: list[Check] = []
        if self._depth < MAX_DEPTH:
            for child in node.children.values():
                step = self._child(child, self._below(child, grounds))
                if step is not None:
                    checks.append(step)
        self._depth -= 1
        return checks

    def _below(self, child: Node, grounds: Grounds) -> Grounds:
        """What the same element is in the grounds of its parent."""
        found = []
        for ground in grounds:
            below = ground.children.get(child.name)
            if below is None and not child.name.endswith("[x]"):
                below = next((n for k, n in ground.children.items() if spells(child.name, k)), None)
            if below is not None:
                found.append(below)
        return tuple(found)

    def _child(self, node: Node, grounds: Grounds) -> Check | None:
        if grounds and same_rules(node, grounds[0]):
            return None
        name, every, own = _named(node, grounds)
        primitive = bool(every) and every[0] in PRIMITIVES
        collect = collector(name, every, primitive)
        made = {code: self.part(node, grounds, code) for code in own}
        checks = {code: check for code, check in made.items() if check is not None}
        added = _added(node, grounds)
        resources = bool(every) and every[0] in _RESOURCES
        narrowed = (name.endswith("[x]") or resources) and not set(every) <= set(own)
        slices = slicer(self, node, grounds, own)
        if not narrowed and slices is None and not checks:
            return count_alone(name, collect, added, self.url) if added else None
        only = checks.get(own[0]) if len(own) == 1 and not name.endswith("[x]") else None
        if only is not None and not primitive and slices is None and not added and not narrowed:
            return each_object(name, only)
        allowed = tuple(own) if narrowed else ()
        label = name.removesuffix("[x]")
        return ElementCheck(self.url, label, collect, added, checks, only, allowed, resources, slices)

    # --- one item ---------------------------------------------------------------------------------------------------

    def part(self, node: Node, grounds: Grounds, code: str) -> PartCheck | None:
        """The check of one item of an element, as the given type."""
        return (
            self._primitive(node, grounds, code) if code in PRIMITIVES else self._object(node, grounds, code)
        )

    def _primitive(self, node: Node, grounds: Grounds, code: str) -> PartCheck | None:
        values = self._values(node, grounds, code)
        conditions = self._conditions(node, grounds, code)
        inner = self.children(node, self._inner(node, grounds, code), code)
        if not values and not inner and not conditions:
            return None
        on_value = chained(values) if values else None
        on_extra = chained(inner) if inner else None
        on_both = chained(conditions) if conditions else None
        kind = model_type(code) or r4().untyped

        def check(value: Any, extra: Any, where: Where, run: Run) -> None:
            if on_value is not None and value is not None:
                on_value(value, where, run)
            if on_extra is not None:
                source = extra if extra.__class__ is dict else {}
                on_extra({**source, "value": value} if value is not None else source, where, run)
            if on_both is not None and (value is not None or extra):
                on_both(Element(value, kind, extra if extra.__class__ is dict else None), where, run)

        return check

    def _object(self, node: Node, grounds: Grounds, code: str) -> PartCheck | None:
        checks = self._values(node, grounds, code)
        inner = self._inner(node, grounds, code)
        checks += self._conditions(node, (*grounds, *inner), code)
        if code == "Reference":
            checks += self._targets(node, grounds)
        checks += self._profiles(node, grounds, code)
        checks += self.children(node, inner, code)
        if not checks:
            return None
        every = chained(checks)
        wanted = code if r4().is_resource(code) and code not in _RESOURCES else ""

        def check(value: Any, _: Any, where: Where, run: Run) -> None:
            if value.__class__ is dict and (not wanted or value.get("resourceType") == wanted):
                every(value, where, run)

        return check

    def _inner(self, node: Node, grounds: Grounds, code: str) -> Grounds:
        """The grounds of an item's children: the element elsewhere, the profiles its type names, the type."""
        found = [ground for ground in grounds if ground.children]
        for row in node.types:
            if type_code(row) == code and len(row.get("profile") or ()) == 1:
                root = self.engine.tree(str(row["profile"][0]))
                found += [root] if root is not None else []
        for ground in grounds:
            reference = ground.definition.get("contentReference")
            if isinstance(reference, str):
                found += self._referred(reference.rpartition("#")[2])
        root = self.engine.type_tree(code) if code else None
        return (*found, root) if root is not None else tuple(found)

    def _referred(self, path: str) -> list[Node]:
        root = self.engine.type_tree(path.partition(".")[0])
        return [node for node in root.walk() if node.path == path][:1] if root is not None else []

    def _values(self, node: Node, grounds: Grounds, code: str) -> list[Check]:
        """Fixed values, patterns, limits and the binding, where the grounds do not have them."""
        checks: list[Check] = []
        for stem, make in (("fixed", fixed), ("pattern", pattern)):
            wanted = node.value_of(stem)
            if wanted is not None and not any(has_value(g, stem, wanted[1]) for g in grounds):
                checks.append(make(wanted[1], self.url))
        if not any(limits_of(g) == limits_of(node) for g in grounds):
            checks += limits(node, self.url)
        binding = binding_of(node.definition)
        if (
            binding is not None
            and code in CODED
            and not any(binding_of(g.definition) == binding for g in grounds)
        ):
            test = bound(binding, code, self.engine.codes, self.url)
            checks += [test] if test is not None else []
        return checks

    def _conditions(self, node: Node, grounds: Grounds, code: str) -> list[Check]:
        """The invariants that no ground carries."""
        rows = conditions_at(node)
        if not rows:
            return []
        known = {(row.key, row.expression) for ground in grounds for row in conditions_at(ground)}
        rows = [row for row in rows if (row.key, row.expression) not in known]
        if not rows:
            return []
        keys = {key for key, _ in known}
        type_name = node.path if model_type(node.path) is not None and code not in PRIMITIVES else code
        engine = self.engine
        return [
            compiled(row, type_name or "Element", engine.max_steps, self.url)
            for row in rows
            if not (row.key in keys and row.key.startswith(("dom-", "ref-", "ele-", "ext-")))
            and (engine.best_practice or not row.best_practice)
        ]

    def _targets(self, node: Node, grounds: Grounds) -> list[Check]:
        """Target profiles that are narrower than the grounds' own."""
        rows = [row for row in node.types if type_code(row) == "Reference"]
        targets = [str(t) for row in rows for t in row.get("targetProfile") or ()]
        modes = [str(m) for row in rows for m in row.get("aggregation") or ()]
        known = [
            {
                str(t)
                for row in g.types
                if type_code(row) == "Reference"
                for t in row.get("targetProfile") or ()
            }
            for g in grounds
        ]
        if not modes and (not targets or any(set(targets) == one for one in known)):
            return []
        return [self.engine.references.profiled(targets, modes, self.url)]

    def _profiles(self, node: Node, grounds: Grounds, code: str) -> list[Check]:
        """The profiles a type names; extensions are checked by their own address already."""
        if code == "Extension":
            return []
        names = [
            str(p)
            for row in node.types
            if type_code(row) == code
            for p in row.get("profile") or ()
            if str(p) != CORE + code
        ]
        for ground in grounds:
            if names and names == [str(p) for row in ground.types for p in row.get("profile") or ()]:
                return []
        if not names:
            return []
        return [self.engine.profiles.one_of(names, self.url)]


def _named(node: Node, grounds: Grounds) -> tuple[str, list[str], list[str]]:
    """The element's name as R4 has it, the types R4 allows, and those the profile leaves."""
    ground = grounds[-1] if grounds else node
    name = ground.name
    every = [type_code(row) for row in ground.types]
    # An element that repeats another's content (contentReference) has no type, and children all the same.
    own = [type_code(row) for row in node.types] or every or [""]
    if name != node.name and node.name.startswith(name.removesuffix("[x]")):
        # A choice the profile renamed: `valueQuantity` allows Quantity alone.
        own = [code for code in every if node.name.lower().endswith(code.lower())] or own
    return name, every, own


def _added(node: Node, grounds: Grounds) -> Limits:
    """The numbers that are stricter than every ground's."""
    low = node.min if node.min > max((one.min for one in grounds), default=0) else 0
    high = node.max if node.max < min((one.max for one in grounds), default=UNBOUNDED) else UNBOUNDED
    return Limits(low, high)
