"""What one resource's evaluation shares: its root, FHIRPath's scope, the row index, where we are. One thread only."""

from __future__ import annotations

from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.core.fhir.fhirpath.elements import Element, Items, root
from mihub.core.fhir.fhirpath.scope import NO_HOOKS, Run, Scope
from mihub.core.fhir.fhirpath.types import Model

_CODE_SYSTEMS: Final[dict[str, Items]] = {
    "sct": ["http://snomed.info/sct"],
    "loinc": ["http://loinc.org"],
    "ucum": ["http://unitsofmeasure.org"],
}


class State:
    """`index` is %rowIndex; `place` is the column or path that runs, for the error; `unfits` what did not fit so far."""

    __slots__ = ("_resource", "_root", "_scope", "index", "model", "place", "unfits")

    def __init__(self, model: Model) -> None:
        self.model = model
        self.unfits: list[tuple[str, str, str]] = []
        self.place = ""
        self.begin({})

    def begin(self, resource: Resource) -> None:
        """Start on a resource."""
        self._resource: Resource = resource
        self._root: Element | None = None
        self._scope: Scope | None = None
        self.index = 0
        if self.unfits:
            self.unfits.clear()

    @property
    def root(self) -> Element:
        """The resource as an element."""
        if self._root is None:
            self._root = root(self._resource, self.model)
        return self._root

    def items(self, run: Run, focus: Any, *, variables: bool) -> Items:
        """What a compiled expression gives on one focus. The steps it may take are those of the whole resource."""
        scope = self._scope
        if scope is None:
            here: Items = [self.root]
            known = {**_CODE_SYSTEMS, "context": here, "resource": here, "rootResource": here}
            scope = self._scope = Scope(self.model, self.root, known, NO_HOOKS, None)
        this: Items = [focus]
        before = scope.variables
        if variables:
            scope.variables = {**before, "context": this, "rowIndex": [self.index]}
        scope.this, scope.index, scope.total = this, 0, []
        try:
            return run(scope)
        finally:
            scope.variables = before
