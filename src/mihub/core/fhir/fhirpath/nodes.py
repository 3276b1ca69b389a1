"""The expression as a frozen tree: what the parser makes and what the compiler and the renderer read.

Two trees are equal when they mean the same; `position` does not count. Neighbours: `parser` below,
`render`, `shapes` and `compiler` above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from mihub.core.fhir.fhirpath.temporal import Date, DateTime, Time


@dataclass(frozen=True, slots=True)
class TypeName:
    """`FHIR.Patient`, `System.Integer`, or a name without a namespace (empty string)."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. Quantities have a node of their own."""

    value: bool | int | Decimal | str | Date | DateTime | Time
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class QuantityLiteral:
    """A number with a unit; `calendar` when the unit is a word such as `days`."""

    value: Decimal
    unit: str
    calendar: bool
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Empty:
    """`{}`."""

    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """`%name`: something the caller gave or `defineVariable` named."""

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Special:
    """`this`, `index` or `total`, written with a dollar sign."""

    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Member:
    """The children of that name; `source` None stands for the current item."""

    source: Node | None
    name: str
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function on `source`; None stands for the current item."""

    source: Node | None
    name: str
    arguments: tuple[Node, ...]
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Index:
    """`source[index]`, counted from 0."""

    source: Node
    index: Node
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Sign:
    """A leading `+` or `-`."""

    operator: str
    operand: Node
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and the operator as written."""

    operator: str
    left: Node
    right: Node
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class TypeOperation:
    """`operand is type` or `operand as type`."""

    operator: str
    operand: Node
    type: TypeName
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Sorted:
    """An argument of `sort` with its direction: `asc` or `desc`."""

    key: Node
    descending: bool
    position: int = field(default=0, compare=False)


Node = (
    Literal | QuantityLiteral | Empty | Variable | Special | Member | Call | Index | Sign | Binary
    | TypeOperation | Sorted
)  # fmt: skip


def type_name(node: Node) -> TypeName | None:
    """The node read as a type name, as `is(FHIR.Patient)` writes one; None when it is none."""
    match node:
        case Member(source=None, name=name):
            return TypeName("", name)
        case Member(source=Member(source=None, name=namespace), name=name):
            return TypeName(namespace, name)
        case _:
            return None
