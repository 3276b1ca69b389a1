"""How a plain path walks, as values that can be compared: so that paths of one select share what they have in common.

A trail stands beside the closure of a `Route` and says the same. What no trail can say has None and keeps its closure.
Above: `routes`, which makes them; `written`, which makes one function of the trails of a select.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Child:
    """The one value in a key of an object."""

    key: str
    shadow: str
    primitive: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """The list in a key of an object; what stands in `shadow` beside it is odd."""

    key: str
    shadow: str
    primitive: bool


@dataclass(frozen=True, slots=True)
class At:
    """One of the values, counted from 0."""

    place: int


@dataclass(frozen=True, slots=True)
class Where:
    """Those objects of a list in which each key holds its text, or, with no pairs, for which `test` holds."""

    pairs: tuple[tuple[str, str], ...] = ()
    test: Callable[[Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class ReferenceKey:
    """The id behind a reference, of one type of resource if it is named."""

    wanted: str | None


@dataclass(frozen=True, slots=True)
class ResourceKey:
    """The id of the resource itself."""


@dataclass(frozen=True, slots=True)
class Pick:
    """From a list to one value: of the objects that pass `where` (None: all) the child `child` (None: themselves).

    `first`: the first there is; else the only one.
    """

    where: Where | None
    child: Child | None
    first: bool


Trail = tuple[Child | Listed | At | Where | ReferenceKey | ResourceKey, ...]
Stride = Child | Listed | At | Pick | ReferenceKey | ResourceKey
# A longer path is nested deeper than Python allows a function to be.
_MOST: Final = 12


def strides(trail: Trail | None) -> tuple[Stride, ...] | None:
    """The trail as steps that each lead to one value, or to a list that the next one picks from; None if they can not."""
    if trail is None or len(trail) > _MOST:
        return None
    made: list[Stride] = []
    left = list(trail)
    while left:
        step = left.pop(0)
        if isinstance(step, Where | At):
            return None
        if isinstance(step, ReferenceKey | ResourceKey) and left:
            return None
        made.append(step)
        if isinstance(step, Listed):
            picked = _picked(left)
            if picked is None:
                return None
            made.append(picked)
    return tuple(made)


def _picked(left: list[Any]) -> Stride | None:
    """What leads from a list to one value, taken off the front."""
    if left and isinstance(left[0], At):
        return left.pop(0)  # type: ignore[no-any-return]  # tested one line above
    where = left.pop(0) if left and isinstance(left[0], Where) else None
    child = left.pop(0) if left and isinstance(left[0], Child) else None
    if left and left[0] == At(0):
        del left[0]
        return Pick(where, child, first=True)
    # Several values in the middle of a path have to be walked all.
    return None if left else Pick(where, child, first=False)
