"""Filters over one kept list: what `compose.include.filter` of a value set may ask of it.

`concept`: is-a, descendent-of, is-not-a, generalizes, child-of, descendent-leaf, in (codes, or a reference set of SNOMED CT),
=, not-in, regex; `code`, `display`, `parent`, `child`, `ancestor` and every property: =, in, not-in, regex, exists. Patterns run
with a time limit. Source: https://hl7.org/fhir/R4/valueset-filter-operator.html. Above: `provider`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import regex

from mihub.site.terminology.protocol import FilterRefused

PATTERN_SECONDS: Final = 0.5
_MEMBER: Final = "memberOf"
_HIERARCHY: Final = frozenset(
    {"is-a", "descendent-of", "is-not-a", "generalizes", "child-of", "descendent-leaf"}
)
_VALUES: Final = frozenset({"=", "in", "not-in", "regex", "exists"})
_TRUE: Final = frozenset({"true", "1"})
_BELOW: Final = (
    "SELECT below.{column}, below.place FROM concept AS below WHERE below.list = {list} AND below.place BETWEEN {low} AND {last}"
    " UNION ALL SELECT below.{column}, below.place FROM span JOIN concept AS below ON below.list = {list}"
    " AND below.place BETWEEN span.low AND span.high WHERE span.concept = {concept}"
)
_ABOVE: Final = (
    "WITH RECURSIVE up(id) AS (SELECT {concept} UNION SELECT edge.parent FROM edge JOIN up ON edge.child = up.id)"
    " SELECT concept.code, concept.place FROM up JOIN concept ON concept.id = up.id ORDER BY concept.place"
)


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of one list. `kinds`: numbers of its properties by code."""

    list_id: int
    kinds: dict[str, int]

    def codes(self, connection: sqlite3.Connection, name: str, op: str, value: str) -> list[str]:
        """The codes that hold it, in the list's order. Raises `FilterRefused`."""
        if op in _HIERARCHY:
            if name not in {"concept", "code"}:
                raise self._refused(name, op)
            return self._hierarchy(connection, op, value)
        if op not in _VALUES:
            raise self._refused(name, op)
        if name in {"parent", "child", "ancestor"}:
            return self._related(connection, name, op, value)
        return self._valued(connection, name, op, value)

    def holds(self, connection: sqlite3.Connection, code: str, name: str, op: str, value: str) -> bool:
        """Whether one code holds it. Raises `FilterRefused`."""
        if op in _HIERARCHY or name in {"parent", "child", "ancestor"}:
            return code in self.codes(connection, name, op, value)
        return bool(self._valued(connection, name, op, value, only=code))

    def _refused(self, name: str, op: str) -> FilterRefused:
        known = ", ".join(["concept", "code", "display", "parent", "child", "ancestor", *self.kinds])
        return FilterRefused(
            f"The code system has no filter {name!r} with the operator {op!r}.",
            rule=f"properties {known}",
            next_step="Use one of them; is-a, descendent-of and their like go with concept.",
        )

    def _place(self, connection: sqlite3.Connection, code: str) -> Any:
        query = "SELECT id, place, last FROM concept WHERE list = ? AND code = ?"
        return connection.execute(query, (self.list_id, code)).fetchone()

    def _hierarchy(self, connection: sqlite3.Connection, op: str, value: str) -> list[str]:
        found = self._place(connection, value)
        if found is None:
            if op == "is-not-a":
                return self._all(connection)
            return []
        number, low, last = found
        if op == "generalizes":
            return [code for code, _ in connection.execute(_ABOVE.format(concept=number))]
        if op == "child-of":
            return self._related(connection, "parent", "=", value)
        below = _BELOW.format(column="code", list=self.list_id, low=low, last=last, concept=number)
        codes = [code for code, _ in connection.execute(f"{below} ORDER BY 2")]
        if op == "is-not-a":
            inside = set(codes)
            return [code for code in self._all(connection) if code not in inside]
        if op == "descendent-leaf":
            return self._leaves(connection, low, last, number, value)
        return [code for code in codes if code != value] if op == "descendent-of" else codes

    def _leaves(
        self, connection: sqlite3.Connection, low: int, last: int, number: int, value: str
    ) -> list[str]:
        below = _BELOW.format(column="id", list=self.list_id, low=low, last=last, concept=number)
        query = (
            f"SELECT concept.code FROM ({below}) AS found JOIN concept ON concept.id = found.id"
            " WHERE NOT EXISTS (SELECT 1 FROM edge WHERE edge.parent = concept.id) ORDER BY concept.place"
        )
        return [code for (code,) in connection.execute(query) if code != value]

    def _all(self, connection: sqlite3.Connection) -> list[str]:
        query = "SELECT code FROM concept WHERE list = ? ORDER BY place"
        return [code for (code,) in connection.execute(query, (self.list_id,))]

    def _related(self, connection: sqlite3.Connection, name: str, op: str, value: str) -> list[str]:
        if op == "exists":
            side = "parent" if name == "child" else "child"
            sign = "" if value.lower() in _TRUE else "NOT "
            query = (
                f"SELECT code FROM concept WHERE list = ? AND {sign}EXISTS"
                f" (SELECT 1 FROM edge WHERE edge.{side} = concept.id) ORDER BY place"
            )
            return [code for (code,) in connection.execute(query, (self.list_id,))]
        if op not in {"=", "in"}:
            raise self._refused(name, op)
        values = _listed(value) if op == "in" else [value]
        if name == "ancestor":
            return list(
                dict.fromkeys(
                    code for one in values for code in self._hierarchy(connection, "descendent-of", one)
                )
            )
        near, far = ("parent", "child") if name == "parent" else ("child", "parent")
        query = (
            f"SELECT other.code FROM concept JOIN edge ON edge.{near} = concept.id JOIN concept AS other ON other.id = edge.{far}"
            " WHERE concept.list = ? AND concept.code = ? ORDER BY other.place"
        )
        return list(
            dict.fromkeys(
                code for one in values for (code,) in connection.execute(query, (self.list_id, one))
            )
        )

    def _valued(
        self, connection: sqlite3.Connection, name: str, op: str, value: str, only: str = ""
    ) -> list[str]:
        if name in {"concept", "code"}:
            column = "concept.code"
            if op == "in" and _MEMBER in self.kinds and "," not in value:
                return self._of_property(connection, _MEMBER, "=", value, only)
        elif name == "display":
            column = "concept.display"
        elif name in {"inactive", "abstract"} and name not in self.kinds:
            column = f"CASE concept.{name} WHEN 1 THEN 'true' ELSE 'false' END"
        elif name in {"status", "definition"} and name not in self.kinds:
            column = f"concept.{name}"
        elif name in self.kinds:
            return self._of_property(connection, name, op, value, only)
        else:
            raise self._refused(name, op)
        return self._compared(connection, column, "concept", op, value, only)

    def _of_property(
        self, connection: sqlite3.Connection, name: str, op: str, value: str, only: str
    ) -> list[str]:
        kind = self.kinds[name]
        if op == "not-in" or (op == "exists" and value.lower() not in _TRUE):
            wanted = "in" if op == "not-in" else "exists"
            holding = set(
                self._of_property(connection, name, wanted, value if op == "not-in" else "true", only)
            )
            return [code for code in ([only] if only else self._all(connection)) if code not in holding]
        source = f"property JOIN concept ON concept.id = property.concept AND property.kind = {kind}"
        return self._compared(connection, "property.value", source, op, value, only)

    def _compared(
        self, connection: sqlite3.Connection, column: str, source: str, op: str, value: str, only: str
    ) -> list[str]:
        clause, values = _clause(column, op, value)
        query = f"SELECT DISTINCT concept.code, {column} FROM {source} WHERE concept.list = ? AND {clause}"
        query += " AND concept.code = ?" if only else ""
        rows = connection.execute(
            f"{query} ORDER BY concept.place", (self.list_id, *values, *([only] if only else []))
        )
        keep = _pattern(value) if op == "regex" else None
        return list(dict.fromkeys(code for code, said in rows if keep is None or keep(said or "")))


def _clause(column: str, op: str, value: str) -> tuple[str, Iterable[str]]:
    if op == "=":
        return f"{column} = ?", [value]
    if op in {"in", "not-in"}:
        listed = _listed(value)
        return f"{column} {'NOT ' if op == 'not-in' else ''}IN ({','.join('?' * len(listed))})", listed
    if op == "exists":
        return (f"{column} <> ''" if value.lower() in _TRUE else f"{column} = ''"), []
    return "1", []


def _listed(value: str) -> list[str]:
    return [one.strip() for one in value.split(",") if one.strip()]


def _pattern(value: str) -> Callable[[str], bool]:
    try:
        compiled = regex.compile(value)
    except regex.error as error:
        raise FilterRefused(
            "The pattern of a filter can not be read.",
            rule=f"a regular expression: {error}",
            next_step="Mend the value set.",
        ) from error

    def matches(text: str) -> bool:
        try:
            return compiled.fullmatch(text, timeout=PATTERN_SECONDS) is not None
        except TimeoutError as error:
            raise FilterRefused(
                "The pattern of a filter takes too long.",
                rule=f"at most {PATTERN_SECONDS:g} s",
                next_step="Mend the value set.",
            ) from error

    return matches
