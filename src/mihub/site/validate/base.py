"""R4's own rules, type by type, as closures: which keys an object may have, how often, of which form, bound to which codes.

Compiled from the core structures, each type once, on first use and under one lock; recursion between types is closed
through the tables, which are filled after the closures exist. Never looks at a profile. Above: `engine`. Below: `tree`,
`shapes`, `primitives`, `bindings`, `invariants`. Source: https://hl7.org/fhir/R4/json.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from mihub.core.fhir import Json
from mihub.core.fhir.fhirpath import r4
from mihub.site.validate import natives
from mihub.site.validate.bindings import binding_of, bound, listed_codes
from mihub.site.validate.codes import Codes
from mihub.site.validate.invariants import BUILT_IN, compiled, constraints_of
from mihub.site.validate.names import canonical_of, choice_key, choice_label, type_code
from mihub.site.validate.objects import Shape
from mihub.site.validate.primitives import PRIMITIVES, absolute
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import (
    Check,
    chained,
    many_objects,
    many_shadows,
    many_values,
    one_object,
    one_shadow,
    one_value,
)
from mihub.site.validate.systems import remembered
from mihub.site.validate.tree import Node
from mihub.site.validate.xhtml import check_narrative

_RESOURCES: Final = frozenset({"Resource", "DomainResource"})


class World(Protocol):
    """What the base rules ask of the engine around them."""

    codes: Codes
    best_practice: bool
    max_steps: int

    def tree(self, canonical: str) -> Node | None:
        """The tree of a structure, None when it is unknown or broken."""
        ...

    def type_check(self, name: str) -> Check | None:
        """The check of a type, compiled now if it is not yet."""
        ...

    def inner_resource(self, value: Json, where: Where, run: Run) -> None:
        """A resource inside another: contained, in an entry, in a parameter."""
        ...

    def coding(self, system: str, code: str, coding: Json, where: Where, run: Run) -> None:
        """Whether a code is in its own system, and its display fits."""
        ...

    def extension_check(self, owner: str, modifier: bool) -> Check:
        """The check of one extension that stands in `owner` (`Patient.contact`, `HumanName`)."""
        ...

    def reference_check(self, targets: Sequence[str]) -> Check:
        """The check of a reference that may point to these types."""
        ...


class BaseTypes:
    """The compiled types. Only `resource` and `type_check` may be called from outside, under the engine's lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._shapes: dict[str, Shape] = {}

    def type_check(self, name: str) -> Check | None:
        """The check of objects of a complex type or resource; None when there is no such type."""
        known = self._shapes.get(name)
        if known is not None:
            return known.check
        root = self._world.tree(canonical_of(name))
        if root is None or root.path != name:
            return None
        return self._grow(name, root, root).check

    def _grow(self, name: str, node: Node, root: Node) -> Shape:
        """The shape of an object whose children are this node's."""
        shape = self._shapes[name] = Shape(name, siblings=frozenset(node.children))
        is_resource = node is root and r4().is_resource(name)
        if is_resource:
            shape.table["resourceType"] = _nothing
        for child in node.children.values():
            self._child(shape, child, root)
        shape.tests += self._tests(node.definition, name)
        if name == "Coding":
            shape.check = remembered(shape.check)
        shape.tests += natives.of_type(name, self._world.coding, self._world.best_practice)
        return shape

    def _tests(self, definition: Json, type_name: str, known: frozenset[str] = BUILT_IN) -> list[Check]:
        """The conditions of an element definition that the shape does not decide itself."""
        world = self._world
        return [
            compiled(row, type_name, world.max_steps)
            for row in constraints_of(definition)
            if row.key not in known and (world.best_practice or not row.best_practice)
        ]

    def _child(self, shape: Shape, node: Node, root: Node) -> None:
        stem = node.name.removesuffix("[x]")
        choice = stem != node.name
        single = (node.definition.get("base") or {}).get("max", node.definition.get("max")) == "1"
        keys: list[str] = []
        codes = [type_code(row) for row in node.types] or [""]
        for code in codes:
            key = choice_key(stem, code) if choice else stem
            label = choice_label(stem, code) if choice else stem
            keys += self._key(shape, node, root, code, key, label, single)
        if choice:
            shape.choices.append((frozenset(keys), stem))
        if node.min > 0:
            shape.required.append((keys[0], tuple(keys), stem))

    def _key(
        self, shape: Shape, node: Node, root: Node, code: str, key: str, label: str, single: bool
    ) -> list[str]:
        """Put the checks of one JSON key into the table; its keys."""
        if code in PRIMITIVES:
            self._primitive(shape, node, code, key, label, single)
            return [key, f"_{key}"]
        if code == "xhtml":
            shape.table[key] = check_narrative(label)
            shape.table[f"_{key}"] = one_shadow(label, key, self._element(), needs_code=False)
            return [key, f"_{key}"]
        check = self._complex(shape.name, node, root, code, label)
        shape.table[key] = (one_object if single else many_objects)(label, check)
        return [key]

    def _element(self) -> Check:
        known = self.type_check("Element")
        if known is None:
            raise LookupError("the definitions do not know Element")
        return known

    def _primitive(self, shape: Shape, node: Node, code: str, key: str, label: str, single: bool) -> None:
        primitive = (
            PRIMITIVES["id"] if node.path == "Resource.id" or _is_resource_id(node) else PRIMITIVES[code]
        )
        binding = binding_of(node.definition)
        allowed = listed_codes(binding, self._world.codes) if code == "code" else None
        more: list[Check] = []
        if binding is not None:
            test = bound(binding, code, self._world.codes)
            more += [test] if test is not None else []
        tests = self._tests(node.definition, code)
        if tests:
            allowed = None
        if key == "id" and primitive.name == "string":
            more.append(_unique_id)
        more += tests
        if node.name == "url" and node.path.count(".") == 1 and "version" in shape.siblings:
            more.append(_own_address)
        required = binding is not None and binding.strength == "required"
        if single:
            shape.table[key] = one_value(label, primitive, allowed, more)
            if allowed is not None:
                shape.texts[key] = allowed.__contains__
            elif primitive.json is str and not more:
                shape.texts[key] = primitive.good
            shape.table[f"_{key}"] = one_shadow(label, key, self._element(), required)
        else:
            shape.table[key] = many_values(label, f"_{key}", primitive, allowed, more)
            shape.table[f"_{key}"] = many_shadows(label, key, self._element(), required)

    def _complex(self, owner: str, node: Node, root: Node, code: str, label: str) -> Check:
        """The check of one item that is an object."""
        if not node.types and isinstance(node.definition.get("contentReference"), str):
            return self._referred(str(node.definition["contentReference"]), root)
        if code in _RESOURCES:
            return self._world.inner_resource
        if code == "Extension":
            return self._world.extension_check(owner, label == "modifierExtension")
        if node.children:
            known = self._shapes.get(node.path)
            return known.check if known is not None else self._grow(node.path, node, root).check
        checks: list[Check] = []
        # An extension may hold any type: none is compiled before one does.
        inner = _later(self._world, code) if owner == "Extension" else self.type_check(code)
        if inner is not None:
            checks.append(inner)
        if code == "Reference":
            targets = [
                t for row in node.types if type_code(row) == code for t in row.get("targetProfile") or ()
            ]
            checks.append(self._world.reference_check(targets))
        binding = binding_of(node.definition)
        test = bound(binding, code, self._world.codes) if binding is not None else None
        if test is not None:
            checks.append(test)
        if any(row.key not in BUILT_IN for row in constraints_of(node.definition)):
            own = frozenset(key for row in node.types for key in self._keys_of(type_code(row)))
            checks += self._tests(node.definition, code, BUILT_IN | own)
        return chained(checks) if checks else _any

    def _keys_of(self, code: str) -> frozenset[str]:
        """The conditions a type carries itself; an element that repeats them need not."""
        root = self._world.tree(canonical_of(code))
        return frozenset(row.key for row in constraints_of(root.definition)) if root else frozenset()

    def _referred(self, reference: str, root: Node) -> Check:
        """The check of the element a `contentReference` names."""
        path = reference.rpartition("#")[2]
        known = self._shapes.get(path)
        if known is not None:
            return known.check
        for node in root.walk():
            if node.path == path:
                return self._grow(path, node, root).check
        return _any


def _is_resource_id(node: Node) -> bool:
    base = node.definition.get("base")
    return isinstance(base, dict) and base.get("path") == "Resource.id"


def _later(world: World, code: str) -> Check:
    """A type compiled at its first value."""
    known: Check | None = None

    def check(value: Any, where: Where, run: Run) -> None:
        nonlocal known
        if known is None:
            known = world.type_check(code) or _any
        known(value, where, run)

    return check


def _unique_id(value: str, where: Where, run: Run) -> None:
    """The id of an element stands once in a resource."""
    if value in run.ids:
        run.add("element-id-duplicate", where)
    run.ids.add(value)


def _own_address(value: str, where: Where, run: Run) -> None:
    """The canonical URL that a definition gives itself is a full address."""
    if not absolute(value):
        run.add("uri-absolute", where)


def _nothing(_: Any, __: Json, ___: Where, ____: Run) -> None:
    """`resourceType` was read already."""


def _any(_: Any, __: Where, ___: Run) -> None:
    """Nothing is known of it."""
