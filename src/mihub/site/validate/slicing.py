"""Slices: which items belong to which, how many of each, in which order, and what else may stand there.

Each slice is told by its discriminators; re-slices are sliced again. A slice that cannot be told apart is named once and its
numbers are not checked. Source: https://hl7.org/fhir/R4/profiling.html#slicing. Above: `delta`. Below: `discriminators`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mihub.core.fhir import Json
from mihub.site.validate.discriminators import Item, Match, match_of
from mihub.site.validate.names import type_code
from mihub.site.validate.parts import Part, PartCheck
from mihub.site.validate.run import Run, Where
from mihub.site.validate.tree import Node

if TYPE_CHECKING:
    from mihub.site.validate.delta import Delta, Grounds

Slicer = Callable[[list[Part], Where, Run], None]
_DEFAULT: Final = "@default"
_BY_TYPE: Final[Json] = {"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"}
_BY_URL: Final[Json] = {"discriminator": [{"type": "value", "path": "url"}], "rules": "open"}


@dataclass(slots=True, eq=False)
class Slice:
    """One slice. `match` None: the profile does not say how to tell it."""

    name: str
    node: Node
    match: Match | None
    check: dict[str, PartCheck]
    low: int
    high: float
    inner: Slicer | None


def slicer(delta: Delta, node: Node, grounds: Grounds, codes: list[str]) -> Slicer | None:
    """The check of an element's items as slices; None when it has none."""
    slicing = node.slicing
    if not node.slices and (slicing is None or slicing.get("rules") != "closed"):
        return None
    if slicing is None or not slicing.get("discriminator"):
        slicing = _implied(node, slicing)
    slices = [_slice(delta, part, (node, *grounds), slicing, codes) for part in node.slices.values()]
    return _slicer(delta.url, node, slicing, slices)


def _implied(node: Node, slicing: Json | None) -> Json:
    """What a profile that leaves the discriminator out can only mean."""
    if node.name.endswith("[x]"):
        return {**_BY_TYPE, **{k: v for k, v in (slicing or {}).items() if k != "discriminator"}}
    if node.name in ("extension", "modifierExtension"):
        return {**_BY_URL, **{k: v for k, v in (slicing or {}).items() if k != "discriminator"}}
    return slicing or {}


def _slice(delta: Delta, part: Node, grounds: Grounds, slicing: Json, codes: list[str]) -> Slice:
    own = [type_code(row) for row in part.types] or codes
    checks = {}
    for code in own:
        check = delta.part(part, grounds, code)
        if check is not None:
            checks[code] = check
    inner = None
    if part.slices:
        again = part.slicing or slicing
        if not again.get("discriminator"):
            again = _implied(part, again)
        below = [_slice(delta, one, (part, *grounds), again, own) for one in part.slices.values()]
        inner = _slicer(delta.url, part, again, below)
    return Slice(part.slice_name, part, _match(delta, part, slicing), checks, part.min, part.max, inner)


def _match(delta: Delta, part: Node, slicing: Json) -> Match | None:
    if part.slice_name == _DEFAULT:
        return None
    tests: list[Match] = []
    for row in slicing.get("discriminator") or ():
        test = match_of(delta.engine, part, row)
        if test is None:
            return None
        tests.append(test)
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    every = tuple(tests)

    def match(item: Item, run: Run) -> bool | None:
        answers = [test(item, run) for test in every]
        return False if False in answers else (None if None in answers else True)

    return match


def _slicer(url: str, node: Node, slicing: Json, slices: list[Slice]) -> Slicer:
    rules, ordered = str(slicing.get("rules", "open")), slicing.get("ordered") is True
    default = next((one for one in slices if one.name == _DEFAULT), None)
    told = [one for one in slices if one.match is not None]
    untold = [one for one in slices if one.match is None and one is not default]
    label = node.name.removesuffix("[x]")
    names = ", ".join(one.name for one in slices)
    numbers = range(len(told))
    matches: list[Match] = [one.match for one in told if one.match is not None]
    counted = [(k, one.low, one.high) for k, one in enumerate(told) if one.low or one.high != float("inf")]

    def slice_all(parts: list[Part], where: Where, run: Run) -> None:
        if not parts and not untold:
            for k, low, _ in counted:
                if low:
                    run.add("slice-min", where, "error", url, slice=told[k].name, element=label, min=str(low))
            return
        if untold:
            run.add("slicing-broken", where, "warning", url, element=label, slice=untold[0].name)
        counts = [0] * len(told)
        last, free = -1, False
        kept: dict[int, list[Part]] = {}
        doubtful: set[int] = set()
        for part in parts:
            value, extra, at, index, code = part
            item = (value, extra, code)
            answers = [match(item, run) for match in matches]
            found = [k for k in numbers if answers[k]]
            place = (where, at, index)
            if not found and None in answers:
                doubtful.update(k for k in numbers if answers[k] is None)
                continue
            if not found:
                free = True
                if default is not None:
                    _run(default, part, place, run)
                elif rules == "closed" and not untold:
                    run.add("slice-closed", place, "error", url, slices=names)
                continue
            if len(found) > 1:
                run.add("slice-ambiguous", place, "error", url, slices=", ".join(told[k].name for k in found))
            k = found[0]
            if rules == "openAtEnd" and free:
                run.add("slice-open-at-end", place, "error", url, element=label)
            if ordered and k < last:
                run.add("slice-order", place, "error", url, element=label, slices=names)
            last = max(last, k)
            counts[k] += 1
            one = told[k]
            if one.inner is not None:
                kept.setdefault(k, []).append(part)
            if one.check:
                _run(one, part, place, run)
        for k, low, high in counted:
            if counts[k] < low and k not in doubtful:
                run.add("slice-min", where, "error", url, slice=told[k].name, element=label, min=str(low))
            if counts[k] > high:
                run.add("slice-max", where, "error", url, slice=told[k].name, element=label, max=f"{high:g}")
        for k, several in kept.items():
            inner = told[k].inner
            if inner is not None:
                inner(several, where, run)

    return slice_all


def _run(one: Slice, part: Part, place: Where, run: Run) -> None:
    value, extra, _, _, code = part
    check = one.check.get(code) if code else next(iter(one.check.values()), None)
    if check is not None:
        check(value, extra, place, run)
