"""A question as SQL: each condition becomes one EXISTS over one index table, the restriction is one more.

Values travel as parameters, never in the text. `matching` says in Python what each line here must mean.
Above: `postgres`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.site.search.postgres_values import Sql, all_sql, among, any_sql, date_sql, merged, value_sql
from mihub.site.search.question import (
    AllOf,
    AnyOf,
    Chain,
    Condition,
    Has,
    IdIn,
    Match,
    Missing,
    OfPatient,
    SortKey,
    Together,
    TypeIn,
    Updated,
)

TABLES: Final = {
    "token": "index_token", "string": "index_text", "date": "index_date", "quantity": "index_quantity",
    "number": "index_quantity", "reference": "index_link", "uri": "index_link",
}  # fmt: skip
_SORT_COLUMNS: Final = {
    "token": "code", "string": "folded", "date": "low", "quantity": "value", "number": "value", "reference": "id",
    "uri": "id",
}  # fmt: skip
# Whether it is one parameter -> its comparison.
_PARAM: Final = {True: "x.param = %s", False: "x.param = ANY(%s)"}


def condition_sql(condition: Condition, alias: str, within: Restriction) -> Sql:
    """The condition on the resource `alias`."""
    if isinstance(condition, IdIn):
        return f"{alias}.id = ANY(%s)", [list(condition.ids)]
    if isinstance(condition, OfPatient):
        mine = f"SELECT 1 FROM compartment p WHERE p.rid = {alias}.rid AND p.patient = %s"
        return f"EXISTS ({mine})", [condition.patient_id]
    if isinstance(condition, Updated):
        return any_sql(
            [
                date_sql(v, f"{alias}.last_updated", f"({alias}.last_updated + interval '1 ms')")
                for v in condition.values
            ]
        )
    if isinstance(condition, Missing):
        return _missing(condition, alias)
    if isinstance(condition, Match):
        return _match(condition, alias)
    if isinstance(condition, TypeIn):
        return among(f"{alias}.type", condition.types)
    if isinstance(condition, Together):
        return _together(condition, alias)
    if isinstance(condition, AnyOf):
        return any_sql([condition_sql(one, alias, within) for one in condition.conditions])
    if isinstance(condition, AllOf):
        return all_sql([condition_sql(one, alias, within) for one in condition.conditions])
    if isinstance(condition, Chain):
        return _chain(condition, alias, within)
    return _has(condition, alias, within)


def restriction_sql(within: Restriction, alias: str) -> Sql:
    """What the access may see, as a condition on the resource `alias`."""
    if within == EVERYTHING:
        return "true", []
    kinds = f"{alias}.type = ANY(%s)"
    shown = (
        ""
        if within.sees_withheld
        else f" AND NOT EXISTS (SELECT 1 FROM withheld w WHERE w.rid = {alias}.rid)"
    )
    if within.patient_id is None or not within.patient_types:
        return kinds + shown, [sorted(within.open_types)]
    mine = f"EXISTS (SELECT 1 FROM compartment m WHERE m.rid = {alias}.rid AND m.patient = %s)"
    return (
        f"({kinds} OR ({kinds} AND {mine})){shown}",
        [sorted(within.open_types), sorted(within.patient_types), within.patient_id],
    )


def sort_columns(sort: Sequence[SortKey], alias: str) -> Sql:
    """The sort values as columns s0, s1, ... with a leading comma."""
    texts, values = [], []
    for number, key in enumerate(sort):
        if key.kind in ("id", "updated"):
            texts.append(f", {alias}.{'id' if key.kind == 'id' else 'last_updated'} AS s{number}")
            continue
        best = "max" if key.descending else "min"
        texts.append(
            f", (SELECT {best}(x.{_SORT_COLUMNS[key.kind]}) FROM {TABLES[key.kind]} x"
            f" WHERE x.rid = {alias}.rid AND {_PARAM[len(key.indexes) == 1]}) AS s{number}"
        )
        values.append(_of(key.indexes))
    return "".join(texts), values


def order_by(sort: Sequence[SortKey]) -> str:
    """ORDER BY over the columns of `sort_columns`: missing values last, then the order of creation."""
    keys = [f"s{number} {'DESC' if key.descending else 'ASC'} NULLS LAST" for number, key in enumerate(sort)]
    return ", ".join([*keys, "rid"])


def after_sql(sort: Sequence[SortKey], after: tuple[Any, ...]) -> Sql:
    """Everything that comes after the last resource of the page before."""
    choices: list[str] = []
    values: list[Any] = []
    equal: list[str] = []
    equal_values: list[Any] = []
    for number, (key, value) in enumerate(zip(sort, after, strict=False)):
        column = f"s{number}"
        if value is not None:
            sign = "<" if key.descending else ">"
            choices.append(" AND ".join([*equal, f"({column} {sign} %s OR {column} IS NULL)"]))
            values += [*equal_values, value]
            equal, equal_values = [*equal, f"{column} = %s"], [*equal_values, value]
        else:
            equal = [*equal, f"{column} IS NULL"]
    choices.append(" AND ".join([*equal, "rid > %s"]))
    values += [*equal_values, after[-1]]
    return "(" + " OR ".join(f"({choice})" for choice in choices) + ")", values


def _missing(condition: Missing, alias: str) -> Sql:
    word = "NOT EXISTS" if condition.missing else "EXISTS"
    kinds, values = (" AND x.type = ANY(%s)", [sorted(condition.types)]) if condition.types else ("", [])
    found = f"SELECT 1 FROM {TABLES[condition.kind]} x WHERE x.rid = {alias}.rid"
    param = _PARAM[len(condition.indexes) == 1]
    return f"{word} ({found} AND {param}{kinds})", [_of(condition.indexes), *values]


def _of(indexes: tuple[int, ...]) -> int | list[int]:
    """The value for `_PARAM`: one number keeps the plan of an equality."""
    return indexes[0] if len(indexes) == 1 else list(indexes)


def _match(match: Match, alias: str) -> Sql:
    text, values = any_sql([value_sql(value, match.modifier) for value in merged(match.values)])
    word = "NOT EXISTS" if match.modifier == "not" else "EXISTS"
    param = _PARAM[len(match.indexes) == 1]
    return (
        f"{word} (SELECT 1 FROM {TABLES[match.kind]} x WHERE x.rid = {alias}.rid AND {param} AND {text})",
        [_of(match.indexes), *values],
    )


def _together(condition: Together, alias: str) -> Sql:
    """One join of the rows of one element, so that the planner may begin with the rarest part."""
    tables, pieces = [], list[Sql]()
    for number, match in enumerate(condition.matches):
        name = f"x{number}"
        same = f" ON {name}.rid = x0.rid AND {name}.part = x0.part" if number else ""
        tables.append(f"index_part {name}{same}")
        fits, values = any_sql([value_sql(value, match.modifier) for value in merged(match.values)])
        fits = f"{_PARAM[len(match.indexes) == 1]} AND {fits}".replace("x.", f"{name}.")
        pieces.append((fits, [_of(match.indexes), *values]))
    where, values = all_sql(pieces)
    return f"EXISTS (SELECT 1 FROM {' JOIN '.join(tables)} WHERE x0.rid = {alias}.rid AND {where})", values


def _chain(chain: Chain, alias: str, within: Restriction) -> Sql:
    inner, following = [], f"{alias}c"
    for types, condition in chain.inner:
        text, values = condition_sql(condition, following, within)
        kind, kind_values = among(f"{following}.type", types)
        inner.append((f"{kind} AND {text}", [*kind_values, *values]))
    found, values = any_sql(inner)
    allowed, allowed_values = restriction_sql(within, following)
    return (
        f"EXISTS (SELECT 1 FROM index_link x JOIN resource {following}"
        f" ON {following}.type = x.type AND {following}.id = x.id AND {following}.digest IS NOT NULL"
        f" WHERE x.rid = {alias}.rid AND {_PARAM[len(chain.indexes) == 1]} AND {found} AND {allowed})",
        [_of(chain.indexes), *values, *allowed_values],
    )


def _has(has: Has, alias: str, within: Restriction) -> Sql:
    other = f"{alias}h"
    text, values = condition_sql(has.inner, other, within)
    allowed, allowed_values = restriction_sql(within, other)
    return (
        f"EXISTS (SELECT 1 FROM index_link x JOIN resource {other} ON {other}.rid = x.rid"
        f" WHERE x.param = %s AND x.type = {alias}.type AND x.id = {alias}.id AND {other}.type = %s"
        f" AND {other}.digest IS NOT NULL AND {text} AND {allowed})",
        [has.index, has.resource_type, *values, *allowed_values],
    )
