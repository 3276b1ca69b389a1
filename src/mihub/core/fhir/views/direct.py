"""Plain paths of a view read straight from the JSON: what `routes` can walk, the rest through FHIRPath.

Must give what `exact` gives or raise `Odd`, upon which the resource is run by `exact`; the generative tests hold the two
together. Nodes are JSON values whose type is known from the path. Neighbours: `routes` below, `running` above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from mihub.core.fhir.fhirpath import nodes
from mihub.core.fhir.fhirpath.elements import Element
from mihub.core.fhir.fhirpath.shapes import Shape
from mihub.core.fhir.fhirpath.types import Model, TypeInfo
from mihub.core.fhir.views import trail, written
from mihub.core.fhir.views.definition import Column, Path, Select
from mihub.core.fhir.views.exact import ExactMaker, several, walked
from mihub.core.fhir.views.kinds import FITS, Kind, Unfit
from mihub.core.fhir.views.making import Rows, Unwalkable
from mihub.core.fhir.views.routes import Odd, Route, Router
from mihub.core.fhir.views.state import State
from mihub.core.fhir.views.trail import Child, Listed, ResourceKey
from mihub.core.fhir.views.written import Other, Plain

__all__ = ["DirectMaker", "Odd"]

_Get = Callable[[Any], Any]


class DirectMaker:
    """See `making.Maker`; nodes are JSON values."""

    def __init__(self, model: Model, state: State, resource: str) -> None:
        kind = model.type(resource)
        if kind is None:
            raise Unwalkable
        self.state = state
        # Whether anything that was made asks the state, which then has to be told of each resource.
        self.asks_state = False
        # The keys of the resource that are read; `reads_all`: what is read cannot be told by keys.
        self.keys: set[str] = set()
        self.reads_all = False
        self._root = kind
        self._router = Router(model)
        self._exact = ExactMaker(model, state)

    def columns(self, columns: Sequence[Column], focus: Shape) -> Callable[[Any], tuple[Any, ...]]:
        """See `Maker.columns`."""
        return self._written(columns, focus, listed=False)

    def rows(self, columns: Sequence[Column], focus: Shape) -> Callable[[Any], Rows]:
        """See `Maker.rows`."""
        return self._written(columns, focus, listed=True)

    def _written(self, columns: Sequence[Column], focus: Shape, *, listed: bool) -> _Get:
        if not columns:
            return lambda node: [()] if listed else ()
        kind = _only(focus)
        plans = [self._column(place, column, kind) for place, column in enumerate(columns)]
        for plan in plans:
            self._note_keys(plan)
        return written.function(plans, listed=listed)

    def _note_keys(self, plan: Plain | Other) -> None:
        match plan:
            case Plain(strides=(Child(key=key), *_)):
                self.keys.add(key)
            case Plain(strides=(Listed(key=key, shadow=shadow), *_)):
                self.keys |= {key, shadow}
            case Plain(strides=(ResourceKey(), *_)):
                self.keys.add("id")
            case _:
                self.reads_all = True

    def foci(self, select: Select, outer: Shape) -> Callable[[Any], Sequence[Any]]:
        """See `Maker.foci`."""
        self.reads_all = True
        _only(select.focus)
        first = [self._steps(path, _only(outer)) for path in select.paths]
        if select.iteration != "repeat":
            return first[0]
        further = [self._steps(path, _only(select.focus)) for path in select.paths]
        return lambda node: walked(node, first, further)

    def _steps(self, path: Path, kind: TypeInfo) -> Callable[[Any], Sequence[Any]]:
        route = self._router.route(path.tree, kind)
        if route is None:
            raise Unwalkable
        get, primitive = route.getter, route.kind.primitive
        if route.many:
            return cast(Callable[[Any], Sequence[Any]], get)

        def one(node: Any) -> Sequence[Any]:
            value = get(node)
            if value is None:
                if primitive:
                    # It may have extensions only, which FHIRPath counts as an item.
                    raise Odd
                return ()
            if (value.__class__ is dict) is primitive or value.__class__ is list:
                raise Odd
            return (value,)

        return one

    def condition(self, path: Path) -> Callable[[Any], bool]:
        """See `Maker.condition`."""
        self.reads_all = True
        test = self._router.test(path.tree, self._root)
        return test or self._by_engine(self._exact.condition(path), self._root)

    def _column(self, place: int, column: Column, kind: TypeInfo) -> Plain | Other:
        route = self._router.route(column.path.tree, kind)
        strides = None if route is None or column.collection else trail.strides(route.trail)
        if route is None or strides is None:
            return Other(place, self._closure(column, kind, route))
        primitive, fit = route.kind.primitive, _fitting(column)
        return Plain(place, strides, column.kind, primitive, lambda value: _shaped(fit, value, primitive))

    def _closure(self, column: Column, kind: TypeInfo, route: Route | None) -> _Get:
        tree = column.path.tree
        if isinstance(tree, nodes.Variable) and tree.name == "rowIndex" and not column.collection:
            return self._row_index(column)
        if route is not None:
            return _valued(column, route)
        test = self._router.test(tree, kind) if self._router.is_decided(tree) else None
        if test is not None and column.kind is Kind.BOOLEAN and not column.collection:
            return test
        return self._by_engine(self._exact.column(column), kind)

    def _row_index(self, column: Column) -> _Get:
        self.asks_state = True
        state, fit = self.state, _fitting(column)
        return lambda node: fit(state.index)

    def _by_engine(self, run: _Get, kind: TypeInfo) -> _Get:
        self.asks_state = True
        if kind is self._root:
            state = self.state
            # The focus may be an element inside that has the root's type; a resource is never inside of itself here.
            return lambda node: run(state.root)
        return lambda node: run(Element(node, kind))


def _only(focus: Shape) -> TypeInfo:
    """The one type that all nodes have."""
    if focus.types is None or len(focus.types) != 1:
        raise Unwalkable
    return focus.types[0]


def _valued(column: Column, route: Route) -> _Get:
    """From a node to the value of the column. Raises `RowError` and `Odd`."""
    fit = _fitting(column)
    get, primitive = route.getter, route.kind.primitive
    if not route.many:
        if column.collection:

            def listed(node: Any) -> Any:
                value = get(node)
                return [] if value is None else [_shaped(fit, value, primitive)]

            return listed

        def value(node: Any) -> Any:
            found = get(node)
            return None if found is None else _shaped(fit, found, primitive)

        return value

    def values(node: Any) -> Any:
        found = get(node)
        if column.collection:
            return [_shaped(fit, value, primitive) for value in found]
        if not found:
            return None
        if len(found) > 1:
            raise several(column)
        return _shaped(fit, found[0], primitive)

    return values


def _shaped(fit: _Get, value: Any, primitive: bool) -> Any:
    if (value.__class__ is dict) is primitive or value.__class__ is list:
        raise Odd
    return fit(value)


def _fitting(column: Column) -> _Get:
    fits = FITS[column.kind]

    def fit(value: Any) -> Any:
        try:
            return fits(value)
        except Unfit:
            raise Odd from None

    return fit
