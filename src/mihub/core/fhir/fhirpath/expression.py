"""A compiled expression and the one way to get it.

Compiled once per text and kept; evaluating reads nothing but its arguments and the packaged table. Above: search,
validation, questionnaires, pathways and views use this and no other file of the room.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from mihub.core.fhir.fhirpath.compiler import compiled
from mihub.core.fhir.fhirpath.elements import Element, Item, Items, plain, root
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.nodes import Node
from mihub.core.fhir.fhirpath.operators import truth
from mihub.core.fhir.fhirpath.parser import parse
from mihub.core.fhir.fhirpath.scope import DEFAULT_LIMITS, NO_HOOKS, Hooks, Limits, Meter, Scope
from mihub.core.fhir.fhirpath.shapes import Checker, Shape
from mihub.core.fhir.fhirpath.types import Model, TypeInfo, r4


class Expression:
    """One expression, ready to run on any number of resources, from any thread."""

    def __init__(self, text: str, tree: Node, model: Model, kind: TypeInfo | None) -> None:
        self.text = text
        self.tree = tree
        self._model = model
        self._kind = kind
        self._run = compiled(tree, model)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(
        self,
        resource: Any,
        *,
        variables: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        hooks: Hooks = NO_HOOKS,
        limits: Limits = DEFAULT_LIMITS,
    ) -> list[Any]:
        """The values: JSON as stored for elements, System values for what was computed.

        An element that has only extensions has no value and is left out. Raises `FhirPathError`.
        """
        found = self._found(resource, variables, now, hooks, limits)
        return [value for value in map(plain, found) if value is not None]

    def items(
        self,
        resource: Any,
        *,
        variables: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        hooks: Hooks = NO_HOOKS,
        limits: Limits = DEFAULT_LIMITS,
        meter: Meter | None = None,
    ) -> list[Item]:
        """As `evaluate`, with each element's type and extensions: `Element`s and System values.

        `meter` learns how many steps it took, also when it was refused.
        """
        return list(self._found(resource, variables, now, hooks, limits, meter))

    def test(
        self,
        resource: Any,
        *,
        variables: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        hooks: Hooks = NO_HOOKS,
        limits: Limits = DEFAULT_LIMITS,
    ) -> bool | None:
        """The answer of a condition; None when it is unknown (empty)."""
        return truth(self._found(resource, variables, now, hooks, limits))

    def _found(
        self,
        resource: Any,
        variables: Mapping[str, Any] | None,
        now: datetime | None,
        hooks: Hooks,
        limits: Limits,
        meter: Meter | None = None,
    ) -> Items:
        model = self._model
        start = resource if resource.__class__ is Element else root(resource, model, self._kind)
        here: Items = [start]
        known = {"context": here, "resource": here, "rootResource": here}
        if variables:
            known.update((name, _given(value, model)) for name, value in variables.items())
        scope = Scope(model, start, known, hooks, now, limits)
        try:
            return self._run(scope)
        except RecursionError:
            raise _too_deep() from None
        finally:
            if meter is not None:
                meter.steps += limits.steps - scope.steps_left


def _given(value: Any, model: Model) -> Items:
    """A caller's variable as a collection."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [item for each in value for item in _given(each, model)]
    if isinstance(value, dict):
        return [root(value, model, None if "resourceType" in value else model.untyped)]
    return [value]


@lru_cache(maxsize=8192)
def compile(  # noqa: A001  # the word of the specification and of `re`
    expression: str, model: Model | None = None, *, root: str | None = None, strict: bool = False
) -> Expression:
    """Compile an expression, once per text.

    `root` names the type of the input (`Patient`, `HumanName`); needed for elements that are no resources, and
    for the checks that `strict` adds. Raises `FhirPathError` with the place.
    """
    types = model or r4()
    kind = types.type(root) if root is not None else None
    if root is not None and kind is None:
        raise FhirPathError(f"There is no type {root}.", next_step="Name a type of FHIR R4.")
    try:
        tree = parse(expression)
        made = Expression(expression, tree, types, kind)
        shape = Shape(None if kind is None else (kind,))
        Checker(types, strict, shape).check(tree, shape)
    except RecursionError:
        raise _too_deep() from None
    return made


def _too_deep() -> FhirPathError:
    return FhirPathError("The expression is nested too deeply.", next_step="Split it.")
