"""The check of one element as a profile narrows it: how many, of which types, each item, and the slices.

Made once per element by `delta`; used from any thread. Above: `delta`. Below: `parts`, `slicing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mihub.core.fhir import Json
from mihub.site.validate.parts import Collect, PartCheck
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check
from mihub.site.validate.slicing import Slicer

UNBOUNDED = float("inf")


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers a profile adds; 0 and infinity: nothing."""

    low: int = 0
    high: float = UNBOUNDED

    def __bool__(self) -> bool:
        return self.low > 0 or self.high != UNBOUNDED


@dataclass(slots=True, eq=False)
class ElementCheck:
    """`checks` by type; `only`: for an element of one type. `allowed`: the types, where the profile narrows them."""

    url: str
    label: str
    collect: Collect
    limits: Limits
    checks: dict[str, PartCheck]
    only: PartCheck | None
    allowed: tuple[str, ...]
    # Its items are resources: they say themselves which type they are.
    resources: bool
    slices: Slicer | None

    def __call__(self, source: Json, where: Where, run: Run) -> None:
        """Check the element's items in an object."""
        parts = self.collect(source)
        counted(len(parts), self.limits, self.label, self.url, where, run)
        for value, extra, at, index, code in parts:
            place = (where, at, index)
            kind = code
            if self.resources and value.__class__ is dict:
                kind = str(value.get("resourceType"))
            if self.allowed and kind not in self.allowed:
                expected = ", ".join(self.allowed)
                run.add("choice-type", place, "error", self.url, element=self.label, expected=expected)
                continue
            check = self.only or self.checks.get(kind)
            if check is not None:
                check(value, extra, place, run)
        if self.slices is not None:
            self.slices(parts, where, run)


def counted(count: int, limits: Limits, label: str, url: str, where: Where, run: Run) -> None:
    """Note too few and too many."""
    if count < limits.low:
        run.add("cardinality-min", where, "error", url, element=label, min=str(limits.low))
    if count > limits.high:
        run.add("cardinality-max", where, "error", url, element=label, max=f"{limits.high:g}")


def count_alone(name: str, collect: Collect, limits: Limits, url: str) -> Check:
    """Only the number matters. One that must be there and is needs no counting."""
    label = name.removesuffix("[x]")
    needs_all = limits.low > 1 or limits.high not in (0, UNBOUNDED)

    def count(source: Json, where: Where, run: Run) -> None:
        if needs_all or not limits.low or name not in source:
            counted(len(collect(source)), limits, label, url, where, run)

    return count


def each_object(name: str, check: PartCheck) -> Check:
    """Every item of an element that is no choice, nothing counted: the plainest loop."""

    def each(source: Json, where: Where, run: Run) -> None:
        found: Any = source.get(name)
        if found is None:
            return
        if found.__class__ is list:
            for index, one in enumerate(found):
                check(one, None, (where, name, index), run)
        else:
            check(found, None, (where, name, -1), run)

    return each
