"""Every expression of a view run in FHIRPath, on elements with their types. The reference that `direct` must equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mihub.core.fhir.fhirpath.compiler import compiled
from mihub.core.fhir.fhirpath.elements import Element, Items, plain
from mihub.core.fhir.fhirpath.operators import single
from mihub.core.fhir.fhirpath.scope import Run
from mihub.core.fhir.fhirpath.shapes import Shape
from mihub.core.fhir.fhirpath.types import Model
from mihub.core.fhir.views import limits
from mihub.core.fhir.views.definition import RULE, Column, Path, RowError, Select
from mihub.core.fhir.views.kinds import FITS, Kind, Unfit, json_value
from mihub.core.fhir.views.paths import has_variables
from mihub.core.fhir.views.state import State

Steps = Sequence[Callable[[Any], Sequence[Any]]]


class ExactMaker:
    """See `making.Maker`; nodes are FHIRPath items."""

    def __init__(self, model: Model, state: State) -> None:
        self.model = model
        self.state = state

    def columns(self, columns: Sequence[Column], focus: Shape) -> Callable[[Any], tuple[Any, ...]]:
        """See `Maker.columns`."""
        getters = [self.column(column) for column in columns]
        return lambda node: tuple([get(node) for get in getters])

    def rows(self, columns: Sequence[Column], focus: Shape) -> Callable[[Any], list[tuple[Any, ...]]]:
        """See `Maker.rows`."""
        row = self.columns(columns, focus)
        return lambda node: [row(node)]

    def column(self, column: Column) -> Callable[[Any], Any]:
        """From an item to the value of one column."""
        run = self.items(column.path)
        shown = fitting(column, self.state)
        if column.collection:
            return lambda node: [
                fit for fit in (shown(value) for value in _values(run(node))) if fit is not None
            ]

        def get(node: Any) -> Any:
            values = _values(run(node))
            if not values:
                return None
            if len(values) > 1:
                raise several(column)
            return shown(values[0])

        return get

    def foci(self, select: Select, outer: Shape) -> Callable[[Any], Sequence[Any]]:
        """See `Maker.foci`."""
        runs = [self.items(path) for path in select.paths]
        if select.iteration != "repeat":
            return runs[0]
        return lambda node: walked(node, runs, runs)

    def condition(self, path: Path) -> Callable[[Any], bool]:
        """See `Maker.condition`. What is neither true nor false nor empty is an error."""
        run = self.items(path)

        def holds(node: Any) -> bool:
            found = run(node)
            if not found:
                return False
            value = single(found)
            if not isinstance(value, bool):
                raise RowError(
                    "The condition gives something else than true or false.",
                    where=path.place,
                    rule=RULE,
                    next_step="Compare the value, or ask exists().",
                )
            return value

        return holds

    def items(self, path: Path) -> Callable[[Any], Items]:
        """From an item to what the expression gives on it."""
        run: Run = compiled(path.tree, self.model)
        state, place, variables = self.state, path.place, has_variables(path.tree)

        def get(node: Any) -> Items:
            state.place = place
            return state.items(run, node, variables=variables)

        return get


def walked(node: Any, first: Steps, further: Steps) -> list[Any]:
    """All that repeat reaches, each before what lies below it: the first steps from the node, then the further ones.

    Raises `RowError` when it does not come to an end.
    """
    found: list[Any] = []

    def visit(at: Any, depth: int) -> None:
        for step in first if depth == 1 else further:
            for below in step(at):
                found.append(below)
                if len(found) > limits.MAX_ELEMENTS or depth > limits.MAX_REPEAT_DEPTH:
                    raise RowError(
                        "repeat does not come to an end on a resource.",
                        rule="limits of a view (docs/reference/views.md)",
                        next_step="Let its paths lead to children.",
                    )
                visit(below, depth + 1)

    visit(node, 1)
    return found


def fitting(column: Column, state: State) -> Callable[[Any], Any]:
    """The value in the column's type; null and counted when it does not fit."""
    fit, unfits = FITS[column.kind], state.unfits
    declared = column.fhir_type or column.kind.value
    plain_json = column.kind is Kind.JSON

    def shown(value: Any) -> Any:
        if plain_json:
            return value
        try:
            return fit(value)
        except Unfit as unfit:
            unfits.append((column.name, declared, unfit.found))
            return None

    return shown


def several(column: Column) -> RowError:
    """Several values where the view promises one."""
    return RowError(
        f"The column {column.name} has several values in one resource.",
        where=column.path.place,
        rule="SQL on FHIR v2: a column that is no collection has one value",
        next_step="Use collection: true, forEach, or first().",
    )


def _values(items: Items) -> list[Any]:
    """As JSON; an element that has only extensions has no value."""
    values = [json_value(item.value if isinstance(item, Element) else plain(item)) for item in items]
    return [value for value in values if value is not None]
