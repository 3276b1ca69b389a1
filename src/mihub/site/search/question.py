"""A search as an immutable value: conditions that all must hold, an order, a page, what comes along.

Made by `parse`, answered by `memory` and `postgres`, which must agree on every question. Below: `catalogue`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


@dataclass(frozen=True, slots=True)
class TokenValue:
    """None: not asked for. `system` "" means a code without a system."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class TextValue:
    """`folded` for comparison, `written` for `:exact`."""

    folded: str
    written: str


@dataclass(frozen=True, slots=True)
class DateValue:
    """The asked date covers the instants from `low` up to `high`."""

    prefix: Prefix
    low: datetime
    high: datetime


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """`low` and `high` are the bounds that the written precision implies around `number`."""

    prefix: Prefix
    number: float
    low: float
    high: float
    system: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class LinkValue:
    """A target: an id of one of `types` (None: of any type), or a URL with `types` {""}."""

    types: frozenset[str] | None
    id: str
    # What may follow in a longer one: "|" after a canonical without version, "/" after a URL, "." after a version.
    below: str = ""


Value = TokenValue | TextValue | DateValue | QuantityValue | LinkValue


@dataclass(frozen=True, slots=True)
class Match:
    """One of the values fits one row of one of the parameters. `modifier`: "", "not", "exact", "contains"."""

    indexes: tuple[int, ...]
    kind: str
    values: tuple[Value, ...]
    modifier: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """The resource has no row of the parameter, or has one. `types`: links to others do not count (empty: all do)."""

    indexes: tuple[int, ...]
    kind: str
    missing: bool
    types: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IdIn:
    """`_id`."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfPatient:
    """The resource is in the compartment of this patient."""

    patient_id: str


@dataclass(frozen=True, slots=True)
class Updated:
    """`_lastUpdated`."""

    values: tuple[DateValue, ...]


@dataclass(frozen=True, slots=True)
class TypeIn:
    """`_type`, and the types that one alternative of a search over many is for."""

    types: frozenset[str]


@dataclass(frozen=True, slots=True)
class Together:
    """In one and the same element of the resource each of these fits a row (parts of a composite)."""

    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds; none does when it is empty."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """Each of them holds."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A reference leads to a resource of one of these types for which the condition beside them holds."""

    indexes: tuple[int, ...]
    inner: tuple[tuple[frozenset[str], Condition], ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A resource of `resource_type`, for which the inner condition holds, refers to this one."""

    resource_type: str
    index: int
    inner: Condition


Condition = Match | Missing | IdIn | OfPatient | Updated | TypeIn | Together | AnyOf | AllOf | Chain | Has


@dataclass(frozen=True, slots=True)
class SortKey:
    """`kind` "id" and "updated" are columns of the resource; else rows of the parameter. Missing comes last."""

    kind: str
    indexes: tuple[int, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """What a match refers to, by one of these references; `reverse`: what refers to it.

    `targets`: the types that count as referred to (empty: all). `iterate`: also from what came along.
    """

    indexes: tuple[int, ...]
    targets: frozenset[str] = frozenset()
    reverse: bool = False
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """`resource_type` "*" asks for every type. `after`: the sort values and the number of the last resource
    of the page before.
    """

    resource_type: str
    conditions: tuple[Condition, ...] = ()
    sort: tuple[SortKey, ...] = ()
    includes: tuple[Include, ...] = ()
    count: int = 50
    total: bool = True
    only_count: bool = False
    elements: tuple[str, ...] = ()
    summary: str = ""  # "", "true", "text" or "data"
    after: tuple[object, ...] | None = None
    ignored: tuple[str, ...] = ()
    names: str = ""  # the names of the parameters asked with, for the audit
