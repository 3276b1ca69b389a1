"""What it means that a row fits a value: the meaning that the SQL of `postgres` must have, said in Python.

Source: https://hl7.org/fhir/R4/search.html#prefix. Above: `memory`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mihub.site.search.question import DateValue, LinkValue, Match, QuantityValue, TextValue, TokenValue
from mihub.site.store.rows import IndexRows, Part


def rows_of(rows: IndexRows, kind: str, index: int) -> list[tuple[Any, ...]]:
    """The rows of one parameter, without its number."""
    table: tuple[tuple[Any, ...], ...] = getattr(rows, _TABLES[kind])
    return [row[1:] for row in table if row[0] == index]


def rows_of_all(rows: IndexRows, kind: str, indexes: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """The rows of several parameters of one kind."""
    return [row for index in indexes for row in rows_of(rows, kind, index)]


def fits(match: Match, row: tuple[Any, ...]) -> bool:
    """Does one of the values fit this row? `:not` is decided by the caller over all rows."""
    test = _TESTS[match.kind]
    return any(test(value, row, match.modifier) for value in match.values)


def together(matches: tuple[Match, ...], parts: tuple[Part, ...]) -> bool:
    """Is there an element in which each of them fits a row?"""
    elements = {part[1] for part in parts}
    return any(all(_fits_in(match, parts, number) for match in matches) for number in elements)


def _fits_in(match: Match, parts: tuple[Part, ...], number: int) -> bool:
    columns = _PART_COLUMNS[match.kind]
    rows = [part for part in parts if part[1] == number and part[0] in match.indexes]
    return any(fits(match, tuple(row[column] for column in columns)) for row in rows)


def date_fits(value: DateValue, low: Any, high: Any) -> bool:
    """Compare the instants of the resource with those of the question."""
    if value.prefix == "eq":
        return bool(value.low <= low and high <= value.high)
    if value.prefix == "ne":
        return not (value.low <= low and high <= value.high)
    if value.prefix == "gt":
        return bool(high > value.high)
    if value.prefix == "lt":
        return bool(low < value.low)
    if value.prefix == "ge":
        return bool(high > value.high or (value.low <= low and high <= value.high))
    if value.prefix == "le":
        return bool(low < value.low or (value.low <= low and high <= value.high))
    if value.prefix == "sa":
        return bool(low >= value.high)
    if value.prefix == "eb":
        return bool(high <= value.low)
    return bool(low < value.high and high > value.low)


def _token(value: TokenValue, row: tuple[Any, ...], modifier: str) -> bool:
    system, code = row
    return value.system in (None, system) and value.code in (None, code)


def _text(value: TextValue, row: tuple[Any, ...], modifier: str) -> bool:
    folded, written = row
    if modifier == "exact":
        return bool(written == value.written)
    return value.folded in folded if modifier == "contains" else bool(folded.startswith(value.folded))


def _date(value: DateValue, row: tuple[Any, ...], modifier: str) -> bool:
    return date_fits(value, row[0], row[1])


def _quantity(value: QuantityValue, row: tuple[Any, ...], modifier: str) -> bool:
    number, system, code, unit = row
    if value.system is not None and value.system != system:
        return False
    if value.unit is not None and value.unit not in ((code,) if value.system is not None else (code, unit)):
        return False
    inside = value.low <= number < value.high
    outcomes = {
        "eq": inside, "ap": value.low <= number <= value.high, "ne": not inside, "gt": number > value.number,
        "sa": number > value.number, "lt": number < value.number, "eb": number < value.number,
        "ge": number >= value.number, "le": number <= value.number,
    }  # fmt: skip
    return bool(outcomes[value.prefix])


def _link(value: LinkValue, row: tuple[Any, ...], modifier: str) -> bool:
    kind, target = row
    if value.types is not None and kind not in value.types:
        return False
    return bool(target == value.id or any(target.startswith(value.id + sign) for sign in value.below))


_TABLES: Final = {
    "token": "tokens", "string": "texts", "date": "dates", "quantity": "quantities", "number": "quantities",
    "reference": "links", "uri": "links",
}  # fmt: skip
# Where the columns of a kind stand in a row of parts.
_PART_COLUMNS: Final = {
    "token": (2, 3), "string": (6, 7), "date": (8, 9), "quantity": (5, 2, 3, 4), "number": (5, 2, 3, 4),
    "reference": (10, 11), "uri": (10, 11),
}  # fmt: skip
_TESTS: Final[dict[str, Callable[[Any, tuple[Any, ...], str], bool]]] = {
    "token": _token, "string": _text, "date": _date, "quantity": _quantity, "number": _quantity,
    "reference": _link, "uri": _link,
}  # fmt: skip
