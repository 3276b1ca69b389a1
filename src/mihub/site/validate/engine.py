"""Everything compiled for one generation of the definitions: types, profiles, extensions, codes; and how resources pass.

Made lazily under one lock; what is published is complete and read without it. Never changes a resource. Above:
`validator`. Below: `base`, `profile`, `extensions`, `references`, `systems`, `bundles`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.protocol import Definitions
from mihub.core.fhir.fhirpath import Hooks, r4
from mihub.errors import MihubError
from mihub.site.validate.base import BaseTypes
from mihub.site.validate.bundles import check_bundle
from mihub.site.validate.codes import Codes
from mihub.site.validate.container import Container
from mihub.site.validate.extensions import Extensions
from mihub.site.validate.hooks import hooks_for
from mihub.site.validate.names import canonical_of
from mihub.site.validate.pins import Pins
from mihub.site.validate.profile import MAX_UNKNOWN, Profiles
from mihub.site.validate.references import References
from mihub.site.validate.run import RESOURCE, Run, Where
from mihub.site.validate.shapes import Check
from mihub.site.validate.systems import CodingSystems
from mihub.site.validate.tree import Node, grow


class Engine:
    """Implements what `base`, `profile`, `extensions` and `references` ask of their surroundings."""

    def __init__(
        self, definitions: Definitions, codes: Codes, *, best_practice: bool, max_steps: int
    ) -> None:
        self.definitions = definitions
        self.generation = definitions.generation
        self.codes = codes
        self.best_practice = best_practice
        self.max_steps = max_steps
        self.lock = threading.RLock()
        self._trees: dict[str, Node | None] = {}
        self._pins = Pins(definitions)
        # canonical -> why there is no tree
        self.broken: dict[str, str] = {}
        self._types: dict[str, Check | None] = {}
        self._base = BaseTypes(self)
        self._systems = CodingSystems(codes, definitions)
        self.coding = self._systems.check
        self.extensions = Extensions(self)
        self.references = References(self)
        self.profiles = Profiles(self)

    def tree(self, canonical: str) -> Node | None:
        """The tree of a structure; None when nobody knows it or it cannot be used (`broken` says why)."""
        if canonical in self._trees:
            return self._trees[canonical]
        with self.lock:
            tree = self._read(canonical)
            if tree is not None or len(self._trees) < MAX_UNKNOWN:
                self._trees[canonical] = tree
            return tree

    def _read(self, canonical: str) -> Node | None:
        try:
            found = self.definitions.structure(canonical)
            if found is None:
                return None
            tree = grow(found.resource)
            self._pins.pin(tree, found.known.package)
            return tree
        except MihubError as error:
            self.broken[canonical] = error.what
            return None

    def type_check(self, name: str) -> Check | None:
        """R4's own rules of a type, compiled once."""
        known = self._types.get(name)
        if known is None and name not in self._types:
            with self.lock:
                known = self._base.type_check(name)
                self._types[name] = known
        return known

    def extension_check(self, owner: str, modifier: bool) -> Check:
        """See `base.World`."""
        return self.extensions.check(owner, modifier)

    def reference_check(self, targets: Sequence[str]) -> Check:
        """See `base.World`."""
        return self.references.check(targets)

    def inner_resource(self, value: Json, where: Where, run: Run) -> None:
        """A resource inside another. Contained ones keep the container as %rootResource, entries are their own."""
        name = where[1]
        before = run.resource, run.root, run.profile, run.ids, run.spent
        run.resource, run.profile, run.ids, run.spent = value, "", set(), 0
        if name == "contained":
            _contained_id(value, where, run)
        else:
            run.root = value
            where = (where[0], name, RESOURCE)
        self.resource(value, where, run)
        run.spent_before += run.spent
        run.resource, run.root, run.profile, run.ids, run.spent = before

    def resource(self, value: Any, where: Where, run: Run, profiles: Sequence[str] = ()) -> None:
        """One resource against R4, what it claims, and `profiles`."""
        name = value.get("resourceType")
        if not isinstance(name, str) or not name:
            run.add("resource-type", where)
            return
        if "contained" in value:
            _contained_ids(value["contained"], where, run)
        check = self.type_check(name) if r4().is_resource(name) else None
        if check is None or name in ("Resource", "DomainResource"):
            run.add("resource-unknown", where)
            return
        if name == "Bundle":
            outer, run.container = run.container, Container(value)
            check(value, where, run)
            check_bundle(value, where, run)
            self.profiles.claimed(value, name, where, run, profiles)
            run.container = outer
        else:
            check(value, where, run)
            self.profiles.claimed(value, name, where, run, profiles)

    def hooks(self, run: Run) -> Hooks:
        """What FHIRPath may ask while this run goes on."""
        return hooks_for(self, run)

    def type_tree(self, code: str) -> Node | None:
        """The tree of a type's own structure."""
        return self.tree(canonical_of(code))


def _contained_ids(contained: Any, where: Where, run: Run) -> None:
    """No id twice."""
    seen: set[str] = set()
    for index, one in enumerate(contained if isinstance(contained, list) else ()):
        identifier = one.get("id") if isinstance(one, dict) else None
        if isinstance(identifier, str) and identifier in seen:
            run.add("contained-duplicate", (where, "contained", index))
        elif isinstance(identifier, str):
            seen.add(identifier)


def _contained_id(value: Json, where: Where, run: Run) -> None:
    identifier = value.get("id")
    if not isinstance(identifier, str) or not identifier:
        run.add("contained-id", where)
