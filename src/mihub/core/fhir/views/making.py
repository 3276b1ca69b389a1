"""The seam between a view's plan and how its expressions are run. `exact` is the reference, `direct` the fast one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mihub.core.fhir.fhirpath.shapes import Shape
from mihub.core.fhir.views.definition import Column, Path, Select
from mihub.core.fhir.views.state import State

Rows = list[tuple[Any, ...]]


class Unwalkable(Exception):
    """This maker can not walk what the view asks for; another one must."""


class Maker(Protocol):
    """Closures over one kind of node: elements with their types, or bare JSON."""

    state: State

    def columns(self, columns: Sequence[Column], focus: Shape) -> Callable[[Any], tuple[Any, ...]]:
        """From a node to the values of its columns."""
        ...

    def rows(self, columns: Sequence[Column], focus: Shape) -> Callable[[Any], Rows]:
        """From a node to the one row that these columns are."""
        ...

    def foci(self, select: Select, outer: Shape) -> Callable[[Any], Sequence[Any]]:
        """From a node of the types `outer` to those that forEach, forEachOrNull or repeat visits.

        Raises `Unwalkable`.
        """
        ...

    def condition(self, path: Path) -> Callable[[Any], bool]:
        """Whether the resource is a candidate."""
        ...
