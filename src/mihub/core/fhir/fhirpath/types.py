"""The types of R4 as the evaluator walks them: which children a type has, in which JSON keys, of which types.

Reads what the packaged definitions say of a type when the type is first met; nothing else tells the engine what
R4 is. Source: `core.fhir.definitions.core`. Above: `elements`, `shapes`, `compiler`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.core.fhir.definitions.core import core_definitions
from mihub.core.fhir.definitions.protocol import Definitions

_FHIR_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_STRING: Final = "http://hl7.org/fhirpath/System.String"
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A type as the definitions have it. `elements`: name -> [types, min, max], its own only."""

    base: str
    kind: str
    elements: dict[str, Any] = field(default_factory=dict)


class Model:
    """A version of FHIR: types by name."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._rows: dict[str, _Row] = {}
        self._types: dict[str, TypeInfo] = {}
        # For JSON objects of no known type, such as a caller's own variables: every key is a child.
        self.untyped: TypeInfo = TypeInfo("Any", None, "untyped", self, {})

    @cached_property
    def resource(self) -> TypeInfo:
        """What a resource is whose type the model does not know."""
        found = self.type("Resource")
        if found is None:
            raise LookupError("the packaged definitions have no type Resource")
        return found

    @cached_property
    def _canonicals(self) -> dict[str, str]:
        """Name of each type -> the canonical of its definition; profiles are no types."""
        known = self._definitions.all("StructureDefinition")
        return {k.type: f"{k.url}|{k.version}" for k in known if k.derivation != "constraint"}

    def type(self, name: str) -> TypeInfo | None:
        """The type of that name, backbone elements by path (`Patient.contact`); None when there is none."""
        found = self._types.get(name)
        if found is None:
            row = self._row(name)
            if row is None:
                return None
            base = self.type(row.base) if row.base else None
            # Types are compared by identity: of two threads that build one at once, the first one's stays.
            found = self._types.setdefault(name, TypeInfo(name, base, row.kind, self, row.elements))
        return found

    def is_resource(self, name: str) -> bool:
        """Whether the name is that of a resource type."""
        row = self._row(name)
        return row is not None and row.kind == "resource"

    def _row(self, name: str) -> _Row | None:
        if name not in self._rows:
            canonical = self._canonicals.get(name.partition(".")[0])
            found = self._definitions.find(canonical, "StructureDefinition") if canonical else None
            if found is None or found.resource["kind"] == "logical":
                return None
            self._rows.update(_rows_of(found.resource))
        return self._rows.get(name)

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


def _rows_of(structure: Json) -> dict[str, _Row]:
    """The type that a definition is about, and the backbone elements inside it, by path."""
    rows = {
        structure["type"]: _Row(structure.get("baseDefinition", "").rpartition("/")[2], structure["kind"])
    }
    for path, codes, element in _elements_of(structure):
        holder, _, name = path.rpartition(".")
        if codes in (["BackboneElement"], ["Element"]):
            rows[path] = _Row(codes[0], "complex-type")
            codes = [path]
        # A primitive's value is the JSON value itself, no child.
        if rows[holder].kind != "primitive-type" or name != "value":
            rows[holder].elements[name] = [codes, element.get("min", 0), element.get("max", "*")]
    return rows


def _elements_of(structure: Json) -> Iterator[tuple[str, list[str], Json]]:
    """Path, type codes and definition of each element; a content reference names the path it repeats."""
    for element in structure["differential"]["element"]:
        if "." not in element["path"] or not {"type", "contentReference"} & element.keys():
            continue  # the type itself, or a word about an element of its base
        if "contentReference" in element:
            yield element["path"], [element["contentReference"].partition("#")[2]], element
        else:
            yield element["path"], [_code(element["path"], kind) for kind in element["type"]], element


def _code(path: str, kind: Json) -> str:
    """The code of a type; what the definitions give as FHIRPath's String is said by an extension, or is a string."""
    if path == "Resource.id":
        return "id"  # the published definition says string, the text of the specification id
    named = [x["valueUrl"] for x in kind.get("extension", ()) if x["url"] == _FHIR_TYPE]
    return str(named[0]) if named else str(kind["code"]).replace(_STRING, "string")


@cache
def r4() -> Model:
    """FHIR R4 (4.0.1), its types read from the package as they are met."""
    return Model(core_definitions())
