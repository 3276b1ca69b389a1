"""A view at work: resources in, rows out, as closures built once.

Two plans of the same view: the exact one runs every expression in FHIRPath; the direct one reads plain paths straight
from the JSON and leaves any resource of unusual shape to the exact one. A runner belongs to one thread. Source: SQL on
FHIR v2 §Processing Algorithm. Below: `direct`, `exact`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mihub.core.fhir import Resource
from mihub.core.fhir.fhirpath.errors import FhirPathError
from mihub.core.fhir.fhirpath.shapes import Shape
from mihub.core.fhir.fhirpath.types import Model, r4
from mihub.core.fhir.views import limits
from mihub.core.fhir.views.definition import RULE, RowError, Select, View
from mihub.core.fhir.views.direct import DirectMaker, Odd
from mihub.core.fhir.views.exact import ExactMaker
from mihub.core.fhir.views.findings import Findings
from mihub.core.fhir.views.making import Maker, Rows, Unwalkable
from mihub.core.fhir.views.state import State

Row = tuple[Any, ...]
_RowsOf = Callable[[Any], Rows]


class Runner:
    """Rows of one view. `findings` counts what was read, left out and did not fit."""

    def __init__(self, view: View, model: Model | None = None, *, direct: bool = True) -> None:
        """`direct` False runs everything in FHIRPath: for tests that compare."""
        types = model or r4()
        self.view = view
        self.findings = Findings()
        self._type = view.resource
        self._state = State(types)
        self._exact = _plan(view, ExactMaker(types, self._state))
        self._direct: _Plan | None = None
        self._bare = False
        # The top-level keys that the rows are made of, None where all of a resource is needed.
        self.keys: frozenset[str] | None = None
        if direct:
            self._direct, self._bare, self.keys = _direct_plan(view, types, self._state)

    @property
    def is_direct(self) -> bool:
        """Whether the view has a direct plan at all."""
        return self._direct is not None

    def rows(self, resource: Resource, whole: Callable[[], Resource] | None = None) -> list[Row]:
        """The rows of one resource; none for another type. Raises `RowError`.

        `whole`: given when `resource` holds `keys` only; gives all of it, should its shape be unusual.
        """
        if resource.get("resourceType") != self._type:
            return []
        findings = self.findings
        findings.resources += 1
        if self._bare:
            try:
                rows = self._direct(resource)  # type: ignore[misc]  # bare only if there is one
            except (Odd, RecursionError):
                rows = self._noted(whole() if whole else resource)
        else:
            rows = self._noted(resource)
        if rows is None:
            findings.excluded += 1
            return []
        findings.rows += len(rows)
        return rows

    def _noted(self, resource: Resource) -> list[Row] | None:
        """The rows, and what did not fit counted."""
        state = self._state
        state.begin(resource)
        rows = self._rows(resource)
        if rows is not None:
            for unfit in state.unfits:
                self.findings.unfit(*unfit)
        return rows

    def _rows(self, resource: Resource) -> list[Row] | None:
        state = self._state
        try:
            if self._direct is not None:
                try:
                    return self._direct(resource)
                except Odd:
                    state.begin(resource)
            return self._exact(state.root)
        except FhirPathError as error:
            raise RowError(
                error.what, where=state.place, rule=error.rule, next_step=error.next_step
            ) from error
        except RecursionError:
            raise RowError("The resource is nested too deeply.", where=state.place, rule=RULE) from None


_Plan = Callable[[Any], list[Row] | None]


def _direct_plan(view: View, model: Model, state: State) -> tuple[_Plan | None, bool, frozenset[str] | None]:
    """The direct plan, if there is one, whether it never asks the state, and which keys it reads."""
    try:
        maker = DirectMaker(model, state, view.resource)
        plan, bare = _plan(view, maker), not maker.asks_state
    except Unwalkable:
        return None, False, None
    keys = frozenset({"resourceType", *maker.keys}) if bare and not maker.reads_all else None
    return plan, bare, keys


def _plan(view: View, maker: Maker) -> _Plan:
    conditions = [maker.condition(path) for path in view.wheres]
    rows = _body(view.select, maker)
    if not conditions:
        return rows

    def run(node: Any) -> list[Row] | None:
        for condition in conditions:
            if not condition(node):
                return None
        return rows(node)

    return run


def _select(select: Select, maker: Maker, outer: Shape) -> _RowsOf:
    inner = _body(select, maker)
    if not select.iteration:
        return inner
    foci = maker.foci(select, outer)
    missing = [_nothing(select)] if select.iteration == "forEachOrNull" else []
    state = maker.state

    def iterate(node: Any) -> Rows:
        found = foci(node)
        if not found:
            return missing
        outer, rows = state.index, []
        for state.index, focus in enumerate(found):
            rows += inner(focus)
            if len(rows) > limits.MAX_ROWS_PER_RESOURCE:
                raise _explodes(select)
        state.index = outer
        return rows

    return iterate


def _nothing(select: Select) -> Row:
    """The row of a forEachOrNull that found nothing; the index of nothing is 0."""
    return tuple(0 if column.path.text.strip() == "%rowIndex" else None for column in select.names)


def _body(select: Select, maker: Maker) -> _RowsOf:
    """What one focus gives: the product of columns, nested selects and the union."""
    nested = [_select(each, maker, select.focus) for each in select.selects]
    if select.unions:
        nested.append(_union([_select(each, maker, select.focus) for each in select.unions]))
    if not nested:
        return maker.rows(select.columns, select.focus)
    if not select.columns and len(nested) == 1:
        return nested[0]
    columns = maker.columns(select.columns, select.focus)

    def product(node: Any) -> Rows:
        rows = [columns(node)]
        for part in nested:
            found = part(node)
            if len(found) == 1:
                only = found[0]
                rows = [row + only for row in rows]
                continue
            if len(rows) * len(found) > limits.MAX_ROWS_PER_RESOURCE:
                raise _explodes(select)
            rows = [row + other for row in rows for other in found]
        return rows

    return product


def _union(branches: list[_RowsOf]) -> _RowsOf:
    return lambda node: [row for branch in branches for row in branch(node)]


def _explodes(select: Select) -> RowError:
    columns = select.names
    return RowError(
        f"One resource becomes more than {limits.MAX_ROWS_PER_RESOURCE} rows.",
        where=columns[0].path.place if columns else "",
        rule="limits of a view (docs/reference/views.md)",
        next_step="Put the forEach that stand beside each other into views of their own.",
    )
