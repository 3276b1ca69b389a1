"""The columns of a select as one Python function, written out: what their paths have in common is walked once.

Its text is made of the templates below and of numbers only; every key, literal and function of a view is bound to a
numbered name, so no word of a view is ever run. Raises `Odd` wherever the closures of `routes` would, and where a column has
several values. Above: `direct`. Below: `trail`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from mihub.core.fhir.types import RESOURCE_TYPES
from mihub.core.fhir.views.keys import reference_key
from mihub.core.fhir.views.kinds import Kind
from mihub.core.fhir.views.routes import Odd
from mihub.core.fhir.views.trail import At, Child, Listed, Pick, ReferenceKey, ResourceKey, Stride, Where

# When a value is kept as it is: by the kind of its column.
_AS_IT_IS: Final[dict[Kind, str]] = {
    Kind.TEXT: "{x}.__class__ is str",
    Kind.BINARY: "{x}.__class__ is str",
    Kind.BOOLEAN: "{x}.__class__ is bool",
    Kind.DECIMAL: "{x}.__class__ is float or {x}.__class__ is int",
    Kind.INTEGER: f"{{x}}.__class__ is int and {-(2**31)} <= {{x}} <= {2**31 - 1}",
    Kind.LONG: f"{{x}}.__class__ is int and {-(2**63)} <= {{x}} <= {2**63 - 1}",
}
_MISPLACED: Final = "if {x}.__class__ is dict or {x}.__class__ is list or {x} is None: raise Odd"
_NO_OBJECT: Final = "if {x}.__class__ is not dict: raise Odd"


@dataclass(frozen=True, slots=True)
class Plain:
    """A column whose value a walk leads to. `shaped`: the value made to fit, where it does not fit as it is."""

    place: int
    strides: tuple[Stride, ...]
    kind: Kind
    primitive: bool
    shaped: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Other:
    """A column that has a closure of its own."""

    place: int
    get: Callable[[Any], Any]


def function(columns: Sequence[Plain | Other], *, listed: bool) -> Callable[[Any], Any]:
    """From a node to the tuple of the columns' values; `listed`: to a list of this one tuple."""
    source = _Source()
    plain = [column for column in columns if isinstance(column, Plain)]
    if plain:
        source.line("".join(f"c{column.place} = " for column in plain) + "None")
    source.walk(_shared(plain), "n", is_object=True)
    for column in columns:
        if isinstance(column, Other):
            source.line(f"c{column.place} = {source.bound(column.get)}(n)")
    row = "(" + "".join(f"c{column.place}, " for column in columns) + ")"
    source.line(f"return [{row}]" if listed else f"return {row}")
    return source.made()


@dataclass(slots=True)
class _Fork:
    """What is done with one value: the columns that take it, the ways that go on from it."""

    columns: list[Plain] = field(default_factory=list)
    ways: dict[Stride, _Fork] = field(default_factory=dict)


def _shared(columns: Sequence[Plain]) -> _Fork:
    root = _Fork()
    for column in columns:
        at = root
        for stride in column.strides:
            at = at.ways.setdefault(stride, _Fork())
        at.columns.append(column)
    return root


class _Source:
    """Lines of the function, and what its numbered names stand for."""

    def __init__(self) -> None:
        self._lines = ["def row(n):"]
        self._depth = 1
        self._names = 0
        self._bound: dict[str, Any] = {"Odd": Odd, "reference_key": reference_key}
        self._known: dict[str, str] = {}

    def made(self) -> Callable[[Any], Any]:
        """The function."""
        exec(compile("\n".join(self._lines), "<columns of a view>", "exec"), self._bound)  # noqa: S102  # see the module
        made: Callable[[Any], Any] = self._bound["row"]
        return made

    def line(self, text: str) -> None:
        """One line at the present depth."""
        self._lines.append(" " * self._depth + text)

    def bound(self, value: Any) -> str:
        """The name of a value that is not text of ours; the same text has one name."""
        known = self._known.get(value) if isinstance(value, str) else None
        if known is not None:
            return known
        name = self._name("k")
        self._bound[name] = value
        if isinstance(value, str):
            self._known[value] = name
        return name

    def walk(self, fork: _Fork, x: str, *, is_object: bool, primitive: bool = False) -> None:
        """From a value, None or not, to the columns and the further ways. `is_object`: it is known to be one, or None."""
        for column in fork.columns:
            self._kept(column, x)
        if not fork.ways:
            if not fork.columns:
                self.line("pass")
            return
        if x == "n":
            self._ways(fork, x)
            return
        with_object = f"if {x} is not None:" if is_object else f"if {x}.__class__ is dict:"
        self.line(with_object)
        with self._inside():
            self._ways(fork, x)
        if not is_object:
            self.line(f"elif {x} is not None: raise Odd")

    def _ways(self, fork: _Fork, x: str) -> None:
        for stride, inner in fork.ways.items():
            match stride:
                case Child():
                    y = self._name("v")
                    self.line(f"{y} = {x}.get({self.bound(stride.key)})")
                    self.walk(inner, y, is_object=False)
                case Listed():
                    self._list(stride, inner, x)
                case ReferenceKey():
                    self.walk(inner, self._reference(stride, x), is_object=False)
                case ResourceKey():
                    y, key = self._name("v"), self.bound("id")
                    self.line(f"{y} = {x}.get({key}) if {self.bound('resourceType')} in {x} else None")
                    self.line(f"if {y}.__class__ is not str: {y} = None")
                    self.walk(inner, y, is_object=False)
                case At() | Pick():
                    raise AssertionError("a list comes before what is picked from it")

    def _kept(self, column: Plain, x: str) -> None:
        as_it_is = _AS_IT_IS.get(column.kind) if column.primitive else None
        shaped = f"c{column.place} = {self.bound(column.shaped)}({x})"
        if as_it_is is None:
            self.line(f"if {x} is not None: {shaped}")
            return
        self.line(f"if {as_it_is.format(x=x)}: c{column.place} = {x}")
        self.line(f"elif {x} is not None: {shaped}")

    def _list(self, stride: Listed, fork: _Fork, x: str) -> None:
        found = self._name("l")
        self.line(f"{found} = {x}.get({self.bound(stride.key)})")
        self.line(f"if {self.bound(stride.shadow)} in {x}: raise Odd")
        self.line(f"if {found} is not None:")
        with self._inside():
            self._listed(stride, fork, found)

    def _listed(self, stride: Listed, fork: _Fork, found: str) -> None:
        self.line(f"if {found}.__class__ is not list: raise Odd")
        self.line(f"for e in {found}:")
        with self._inside():
            self.line((_MISPLACED if stride.primitive else _NO_OBJECT).format(x="e"))
        for picked, inner in fork.ways.items():
            y = self._name("v")
            if isinstance(picked, At):
                self.line(f"{y} = {found}[{picked.place:d}] if len({found}) > {picked.place:d} else None")
                self.walk(inner, y, is_object=True)
            elif isinstance(picked, Pick):
                self.line(f"{y} = None")
                self.line(f"for e in {found}:")
                with self._inside():
                    self._tested(picked, _pairs(picked.where), y)
                self.walk(inner, y, is_object=True)

    def _tested(self, pick: Pick, pairs: tuple[tuple[str, str], ...], y: str) -> None:
        """The conditions one in the other, as `and` asks them."""
        if pairs:
            (key, text), *others = pairs
            self.line(f"t = e.get({self.bound(key)})")
            self.line(f"if t == {self.bound(text)}:")
            with self._inside():
                self._tested(pick, tuple(others), y)
            self.line("elif t is not None and t.__class__ is not str: raise Odd")
        elif pick.where is not None and pick.where.test is not None:
            self.line(f"if {self.bound(pick.where.test)}(e):")
            with self._inside():
                self._picked(pick, y)
        else:
            self._picked(pick, y)

    def _picked(self, pick: Pick, y: str) -> None:
        if pick.child is None:
            self._taken(pick, "e", y)
            return
        self.line(f"w = e.get({self.bound(pick.child.key)})")
        self.line(f"if {self.bound(pick.child.shadow)} in e: raise Odd")
        self.line("if w is not None:")
        checked = _MISPLACED if pick.child.primitive else _NO_OBJECT
        with self._inside():
            self.line(checked.format(x="w"))
            self._taken(pick, "w", y)

    def _taken(self, pick: Pick, value: str, y: str) -> None:
        if not pick.first:
            self.line(f"if {y} is not None: raise Odd")
        self.line(f"{y} = {value}")
        if pick.first:
            self.line("break")

    def _reference(self, stride: ReferenceKey, x: str) -> str:
        y, wanted = self._name("v"), self.bound(stride.wanted)
        if stride.wanted not in RESOURCE_TYPES:
            self.line(f"{y} = reference_key({x}, {wanted})")
            return y
        self.line(f"t = {x}.get({self.bound('reference')})")
        self.line(f"if t.__class__ is str: t, _, {y} = t.partition('/')")
        self.line(f"if t != {wanted} or not {y} or '/' in {y}: {y} = reference_key({x}, {wanted})")
        return y

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names}"

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._depth += 1
        yield
        self._depth -= 1


def _pairs(where: Where | None) -> tuple[tuple[str, str], ...]:
    return () if where is None else where.pairs
