"""A value of a question as SQL over one row, called `x`: `matching` says in Python what each line here must mean.

Values travel as parameters, never in the text. Above: `postgres_sql`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from mihub.site.search.question import DateValue, LinkValue, QuantityValue, TextValue, TokenValue, Value

# A piece of SQL and its values, in the order of their places.
Sql = tuple[str, list[Any]]

_DATE: Final = {
    "eq": "({low} >= %s AND {high} <= %s)",
    "ne": "NOT ({low} >= %s AND {high} <= %s)",
    "sa": "{low} >= %s",
    "eb": "{high} <= %s",
    "gt": "{high} > %s",
    "lt": "{low} < %s",
    "ge": "({high} > %s OR ({low} >= %s AND {high} <= %s))",
    "le": "({low} < %s OR ({low} >= %s AND {high} <= %s))",
    "ap": "({low} < %s AND {high} > %s)",
}
_NUMBER: Final = {"gt": ">", "sa": ">", "lt": "<", "eb": "<", "ge": ">=", "le": "<="}


def among(column: str, values: Collection[str]) -> Sql:
    """One value as an equality: the planner carries it over to what is joined, and knows how many rows it has."""
    listed = sorted(values)
    return (f"{column} = %s", listed) if len(listed) == 1 else (f"{column} = ANY(%s)", [listed])


def value_sql(value: Value | Codes, modifier: str) -> Sql:
    """Does the row fit this value?"""
    if isinstance(value, Codes):
        text, codes = among("x.code", value.codes)
        return (
            (text, codes) if value.system is None else (f"(x.system = %s AND {text})", [value.system, *codes])
        )
    if isinstance(value, TokenValue):
        return "x.system = %s", [value.system]
    if isinstance(value, TextValue):
        return _text(value, modifier)
    if isinstance(value, DateValue):
        return date_sql(value, "x.low", "x.high")
    if isinstance(value, QuantityValue):
        return _quantity(value)
    return _link(value)


class Codes:
    """Many codes of one system (None: of any) as one comparison, so that a long list stays one index scan."""

    def __init__(self, system: str | None, codes: list[str]) -> None:
        self.system, self.codes = system, codes


def merged(values: Sequence[Value]) -> list[Value | Codes]:
    """Codes of one system together, all else as it is."""
    merged: dict[str | None, Codes] = {}
    others: list[Value | Codes] = []
    for value in values:
        if isinstance(value, TokenValue) and value.code is not None:
            merged.setdefault(value.system, Codes(value.system, [])).codes.append(value.code)
        else:
            others.append(value)
    return [*merged.values(), *others]


def _text(value: TextValue, modifier: str) -> Sql:
    if modifier == "exact":
        return "(x.folded = %s AND x.written = %s)", [value.folded, value.written]
    escaped = value.folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return "x.folded LIKE %s", [f"%{escaped}%" if modifier == "contains" else f"{escaped}%"]


def date_sql(value: DateValue, low: str, high: str) -> Sql:
    """Do the instants between two columns fit this date?"""
    text = _DATE[value.prefix].format(low=low, high=high)
    inside = [value.low, value.high]
    values: dict[str, list[Any]] = {
        "eq": inside, "ne": inside, "sa": [value.high], "eb": [value.low], "gt": [value.high], "lt": [value.low],
        "ge": [value.high, *inside], "le": [value.low, *inside], "ap": [value.high, value.low],
    }  # fmt: skip
    return text, values[value.prefix]


def _quantity(value: QuantityValue) -> Sql:
    if value.prefix in _NUMBER:
        parts, values = [f"x.value {_NUMBER[value.prefix]} %s"], [value.number]
    else:
        upper = "<=" if value.prefix == "ap" else "<"
        inside = f"(x.value >= %s AND x.value {upper} %s)"
        parts = [f"NOT {inside}" if value.prefix == "ne" else inside]
        values = [value.low, value.high]
    units: list[Any] = []
    if value.system is not None:
        parts.append("x.system = %s")
        units.append(value.system)
    if value.unit is not None:
        parts.append("x.code = %s" if value.system is not None else "(x.code = %s OR x.unit = %s)")
        units += [value.unit] if value.system is not None else [value.unit, value.unit]
    return "(" + " AND ".join(parts) + ")", [*values, *units]


def _link(value: LinkValue) -> Sql:
    text, values = "x.id = %s", [value.id]
    if value.below:
        escaped = value.id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        longer = [f"{escaped}{sign}%" for sign in value.below]
        text = f"({text} OR " + " OR ".join(["x.id LIKE %s"] * len(longer)) + ")"
        values = [value.id, *longer]
    if value.types is None:
        return text, values
    kind, kinds = among("x.type", value.types)
    return f"({text} AND {kind})", [*values, *kinds]


def any_sql(pieces: Sequence[Sql]) -> Sql:
    """One of them holds; none does when there are none."""
    if not pieces:
        return "false", []
    if len(pieces) == 1:
        # Without brackets of an OR the planner can turn an inner EXISTS into a join.
        return pieces[0]
    return "(" + " OR ".join(f"({text})" for text, _ in pieces) + ")", [
        v for _, values in pieces for v in values
    ]


def all_sql(pieces: Sequence[Sql]) -> Sql:
    """All of them hold."""
    if not pieces:
        return "true", []
    return "(" + " AND ".join(text for text, _ in pieces) + ")", [v for _, values in pieces for v in values]
