"""Slices: which items belong to which, how many of each, in which order, and what else may stand there.

Each slice is told by its discriminators; re-slices are sliced again. A slice that cannot be told apart is named once and its
numbers are not checked. Source: https://hl7.org/fhir/R4/profiling.html#slicing. Above: `delta`. Below: `discriminators`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mihub.core.fhir import Json
from mihub.site.validate.discriminator_paths import Item
from mihub.site.validate.discriminators import Match, match_of
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
    return _Slicer(delta.url, node, slicing, slices)


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
        inner = _Slicer(delta.url, part, again, below)
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


class _Slicer:
    """The slices of one element, ready to be asked. One instance serves all threads: what is counted is local."""

    def __init__(self, url: str, node: Node, slicing: Json, slices: list[Slice]) -> None:
        self._url = url
        self._rules, self._ordered = str(slicing.get("rules", "open")), slicing.get("ordered") is True
        self._default = next((one for one in slices if one.name == _DEFAULT), None)
        self._told = [one for one in slices if one.match is not None]
        self._untold = [one for one in slices if one.match is None and one is not self._default]
        self._label = node.name.removesuffix("[x]")
        self._names = ", ".join(one.name for one in slices)
        self._matches: list[Match] = [one.match for one in self._told if one.match is not None]
        self._counted = [
            (k, one.low, one.high) for k, one in enumerate(self._told) if one.low or one.high != float("inf")
        ]

    def __call__(self, parts: list[Part], where: Where, run: Run) -> None:
        """Check all items of the element."""
        if self._untold:
            name = self._untold[0].name
            run.add("slicing-broken", where, "warning", self._url, element=self._label, slice=name)
        doubtful: set[int] = set()
        members = self._members(parts, where, run, doubtful) if parts else {}
        self._numbers(members, doubtful, where, run)
        for k, several in members.items():
            inner = self._told[k].inner
            if inner is not None:
                inner(several, where, run)

    def _members(
        self, parts: list[Part], where: Where, run: Run, doubtful: set[int]
    ) -> dict[int, list[Part]]:
        """Number of the slice -> its items, each checked; `doubtful`: slices that may hold an item nobody can tell."""
        members: dict[int, list[Part]] = {}
        last, free = -1, False
        for part in parts:
            value, extra, at, index, code = part
            item, place = (value, extra, code), (where, at, index)
            answers = [match(item, run) for match in self._matches]
            if True not in answers:
                if None in answers:
                    doubtful.update(k for k, answer in enumerate(answers) if answer is None)
                else:
                    free = True
                    self._strange(part, place, run)
                continue
            k = answers.index(True)
            if answers.count(True) > 1 or free or self._ordered:
                self._placed(answers, k < last, free, place, run)
            last = max(last, k)
            members.setdefault(k, []).append(part)
            if self._told[k].check:
                _run(self._told[k], part, place, run)
        return members

    def _strange(self, part: Part, place: Where, run: Run) -> None:
        """An item of no slice."""
        if self._default is not None:
            _run(self._default, part, place, run)
        elif self._rules == "closed" and not self._untold:
            run.add("slice-closed", place, "error", self._url, slices=self._names)

    def _placed(
        self, answers: list[bool | None], backwards: bool, free: bool, place: Where, run: Run
    ) -> None:
        """Whether an item of a slice stands where it may, and in one slice only."""
        if answers.count(True) > 1:
            names = ", ".join(self._told[k].name for k, answer in enumerate(answers) if answer)
            run.add("slice-ambiguous", place, "error", self._url, slices=names)
        if free and self._rules == "openAtEnd":
            run.add("slice-open-at-end", place, "error", self._url, element=self._label)
        if backwards and self._ordered:
            run.add("slice-order", place, "error", self._url, element=self._label, slices=self._names)

    def _numbers(self, members: dict[int, list[Part]], doubtful: set[int], where: Where, run: Run) -> None:
        """Least and greatest number of each slice."""
        for k, low, high in self._counted:
            count = len(members[k]) if k in members else 0
            name = self._told[k].name
            if count < low and k not in doubtful:
                run.add("slice-min", where, "error", self._url, slice=name, element=self._label, min=str(low))
            if count > high:
                run.add(
                    "slice-max", where, "error", self._url, slice=name, element=self._label, max=f"{high:g}"
                )


def _run(one: Slice, part: Part, place: Where, run: Run) -> None:
    value, extra, _, _, code = part
    check = one.check.get(code) if code else next(iter(one.check.values()), None)
    if check is not None:
        check(value, extra, place, run)
