"""The types of R4 as the evaluator walks them: which children a type has, in which JSON keys, of which types.

Reads the packaged table once, on first use; a type is built when it is first met. No other file knows the
table's form. Source: the table's own `origin`. Above: `elements`, `shapes`, `compiler`.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

import orjson

_TABLE: Final = "data/r4-index.json.gz"
SYSTEM_TYPES: Final = frozenset(
    ["Any", "Boolean", "String", "Integer", "Long", "Decimal", "Date", "DateTime", "Time", "Quantity"]
)


@dataclass(frozen=True, slots=True)
class Step:
    """One JSON key a child may stand in. `type` None: the resource says itself what it is."""

    key: str
    shadow: str
    type: TypeInfo | None


@dataclass(frozen=True, slots=True, eq=False)
class TypeInfo:
    """One type. `steps`: child name -> its keys, in the order of the specification."""

    name: str
    base: TypeInfo | None
    kind: str
    model: Model
    own: dict[str, Any] = field(repr=False)
    _steps: dict[str, tuple[Step, ...]] = field(default_factory=dict, repr=False)
    # A field, not a property: every step of every path asks it.
    primitive: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "primitive", self.kind == "primitive-type")

    @property
    def label(self) -> str:
        """The name `type()` shows: a backbone element goes by its base."""
        return self.base.name if self.base is not None and "." in self.name else self.name

    @property
    def elements(self) -> dict[str, Any]:
        """Name as in the specification (`value[x]`) -> [types, min, max], inherited ones first."""
        return {**self.base.elements, **self.own} if self.base else self.own

    def is_a(self, name: str) -> bool:
        """Whether this type is the named one or derived from it."""
        kind: TypeInfo | None = self
        while kind is not None:
            if kind.name == name:
                return True
            kind = kind.base
        return False

    def step(self, name: str) -> tuple[Step, ...]:
        """The keys of a child; empty when the type has no such child."""
        found = self._steps.get(name)
        if found is None:
            found = self._steps[name] = self.model.steps_of(self, name)
        return found


class Model:
    """A version of FHIR: types by name."""

    def __init__(self, table: dict[str, Any]) -> None:
        self._table: dict[str, Any] = table["types"]
        self._types: dict[str, TypeInfo] = {}
        # For JSON objects of no known type, such as a caller's own variables: every key is a child.
        self.untyped: TypeInfo = TypeInfo("Any", None, "untyped", self, {})

    @cached_property
    def resource(self) -> TypeInfo:
        """What a resource is whose type the model does not know."""
        found = self.type("Resource")
        if found is None:
            raise LookupError("the packaged table has no type Resource")
        return found

    def type(self, name: str) -> TypeInfo | None:
        """The type of that name, backbone elements by path (`Patient.contact`); None when there is none."""
        found = self._types.get(name)
        if found is None and name in self._table:
            row = self._table[name]
            base = self.type(row["base"]) if row["base"] else None
            found = self._types[name] = TypeInfo(name, base, row["kind"], self, row["elements"])
        return found

    def is_resource(self, name: str) -> bool:
        """Whether the name is that of a resource type."""
        return name in self._table and self._table[name]["kind"] == "resource"

    def steps_of(self, kind: TypeInfo, name: str) -> tuple[Step, ...]:
        """The keys of one child, worked out from the table."""
        if kind is self.untyped:
            return (Step(name, f"_{name}", kind),)
        elements = kind.elements
        if name in elements:
            return (self._keyed(name, elements[name][0][0]),)
        choice = elements.get(f"{name}[x]")
        if choice is None:
            return ()
        return tuple(self._keyed(name + _capital(code), code) for code in choice[0])

    def choice_of(self, kind: TypeInfo, name: str) -> str | None:
        """`value` for `valueQuantity`: the choice a wrongly written name belongs to."""
        for element, (codes, *_) in kind.elements.items():
            if element.endswith("[x]") and name in {element[:-3] + _capital(code) for code in codes}:
                return element[:-3]
        return None

    def _keyed(self, key: str, code: str) -> Step:
        info = self.type(code)
        dynamic = info is None or info.name in ("Resource", "DomainResource")
        return Step(key, f"_{key}", None if dynamic else info)


def _capital(code: str) -> str:
    return code[0].upper() + code[1:]


@cache
def r4() -> Model:
    """FHIR R4 (4.0.1), read from the package on first use."""
    packed = resources.files("mihub.core.fhir").joinpath(_TABLE).read_bytes()
    return Model(orjson.loads(gzip.decompress(packed)))
