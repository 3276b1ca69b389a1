"""The reference engine: goes through every record in memory and asks `matching`. Complete and slow on
purpose.

Above: tests that compare it with `postgres`. Below: `site.store.memory`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import cmp_to_key
from typing import Any

from mihub.core.policy.actor import Access
from mihub.core.policy.restriction import EVERYTHING, Restriction
from mihub.site.search import protocol
from mihub.site.search.catalogue import ANY_TYPE
from mihub.site.search.matching import date_fits, fits, rows_of, rows_of_all, together
from mihub.site.search.protocol import Page
from mihub.site.search.question import (
    AllOf,
    AnyOf,
    Chain,
    Condition,
    Has,
    IdIn,
    Include,
    Match,
    Missing,
    OfPatient,
    Question,
    SortKey,
    Together,
    TypeIn,
    Updated,
)
from mihub.site.store.memory import MemoryStore, Record
from mihub.site.store.noting import notes_of_search
from mihub.site.store.protocol import Version

_INSTANT = timedelta(milliseconds=1)


class MemorySearch:
    """A `Search` over a `MemoryStore`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def find(self, question: Question, access: Access, within: Restriction = EVERYTHING) -> Page:
        """See `Search.find`."""
        found = [
            record
            for record in self._visible(question.resource_type, within)
            if all(self._holds(condition, record, within) for condition in question.conditions)
        ]
        keyed = sorted(((_sort_values(question.sort, one), one) for one in found), key=_order(question.sort))
        page = _page(keyed, question)
        included = self._included(question, [record for _, record in page], within)
        shown = [record for _, record in page] + included
        patients = {patient for record in shown for patient in record.rows.patients}
        interaction = "count" if question.only_count else "search-type"
        allowed = question.resource_type == ANY_TYPE or within.names(question.resource_type)
        count = len(found) if question.only_count else len(page)
        self._store.note(
            notes_of_search(
                interaction, question.resource_type, patients, count, question.names, allowed=allowed
            ),
            access,
        )
        total = len(found) if question.total or question.only_count else None
        more = bool(page) and page[-1][1] is not keyed[-1][1]
        after = (*page[-1][0], page[-1][1].number) if more else None
        return Page(
            [one.versions[-1] for _, one in page], [one.versions[-1] for one in included], total, after
        )

    def ids(self, question: Question, within: Restriction = EVERYTHING) -> list[str]:
        """See `Search.ids`."""
        return [
            record.versions[-1].id
            for record in self._visible(question.resource_type, within)
            if all(self._holds(condition, record, within) for condition in question.conditions)
        ]

    def _visible(self, resource_type: str, within: Restriction) -> Iterator[Record]:
        for (kind, _), record in list(self._store.records.items()):
            if (
                resource_type in (kind, ANY_TYPE)
                and record.digest
                and within.allows(kind, record.rows.patients, withheld=record.rows.withheld)
            ):
                yield record

    def _holds(self, condition: Condition, record: Record, within: Restriction) -> bool:
        version = record.versions[-1]
        if isinstance(condition, IdIn):
            return version.id in condition.ids
        if isinstance(condition, OfPatient):
            return condition.patient_id in record.rows.patients
        if isinstance(condition, Updated):
            low = version.last_updated
            return any(date_fits(value, low, low + _INSTANT) for value in condition.values)
        if isinstance(condition, Missing):
            rows = rows_of_all(record.rows, condition.kind, condition.indexes)
            counted = [row for row in rows if not condition.types or row[0] in condition.types]
            return bool(counted) != condition.missing
        if isinstance(condition, Match):
            rows = rows_of_all(record.rows, condition.kind, condition.indexes)
            return any(fits(condition, row) for row in rows) != (condition.modifier == "not")
        if isinstance(condition, TypeIn):
            return version.resource_type in condition.types
        if isinstance(condition, Together):
            return together(condition.matches, record.rows.parts)
        if isinstance(condition, AnyOf):
            return any(self._holds(one, record, within) for one in condition.conditions)
        if isinstance(condition, AllOf):
            return all(self._holds(one, record, within) for one in condition.conditions)
        if isinstance(condition, Chain):
            return self._chained(condition, record, within)
        return self._has(condition, version, within)

    def _chained(self, chain: Chain, record: Record, within: Restriction) -> bool:
        for kind, target in rows_of_all(record.rows, "reference", chain.indexes):
            found = self._target(kind, target, within)
            inners = [inner for types, inner in chain.inner if kind in types]
            if found is not None and any(self._holds(inner, found, within) for inner in inners):
                return True
        return False

    def _target(self, kind: str, target: str, within: Restriction) -> Record | None:
        found = self._store.records.get((kind, target))
        if found is None or found.digest is None:
            return None
        rows = found.rows
        return found if within.allows(kind, rows.patients, withheld=rows.withheld) else None

    def _has(self, has: Has, version: Version, within: Restriction) -> bool:
        return any(
            (version.resource_type, version.id) in rows_of(other.rows, "reference", has.index)
            and self._holds(has.inner, other, within)
            for other in self._visible(has.resource_type, within)
        )

    def _included(self, question: Question, page: list[Record], within: Restriction) -> list[Record]:
        known = {record.number for record in page}
        found: dict[int, Record] = {}
        fresh, asked = page, question.includes
        while fresh and asked:
            led = {record.number: record for one in asked for record in self._led_to(one, fresh, within)}
            fresh = [record for number, record in led.items() if number not in known]
            known.update(led)
            found.update((record.number, record) for record in fresh)
            if len(found) > protocol.MOST_INCLUDED:
                raise protocol.too_many_included()
            asked = tuple(one for one in question.includes if one.iterate)
        return [found[number] for number in sorted(found)]

    def _led_to(self, include: Include, page: list[Record], within: Restriction) -> Iterator[Record]:
        if include.reverse:
            keys = {(one.versions[-1].resource_type, one.versions[-1].id) for one in page}
            keys = {key for key in keys if not include.targets or key[0] in include.targets}
            for record in self._visible(ANY_TYPE, within):
                if keys.intersection(rows_of_all(record.rows, "reference", include.indexes)):
                    yield record
            return
        for record in page:
            for kind, target in rows_of_all(record.rows, "reference", include.indexes):
                found = self._target(kind, target, within)
                if found is not None and (not include.targets or kind in include.targets):
                    yield found


_Keyed = tuple[tuple[Any, ...], Record]


def _sort_values(sort: tuple[SortKey, ...], record: Record) -> tuple[Any, ...]:
    return tuple(_sort_value(key, record) for key in sort)


def _sort_value(key: SortKey, record: Record) -> Any:
    version = record.versions[-1]
    if key.kind in ("id", "updated"):
        return version.id if key.kind == "id" else version.last_updated
    # Tokens sort by code, references by id, dates by their beginning.
    column = 1 if key.kind in ("token", "reference", "uri") else 0
    found = [row[column] for row in rows_of_all(record.rows, key.kind, key.indexes)]
    if not found:
        return None
    return max(found) if key.descending else min(found)


def _order(sort: tuple[SortKey, ...]) -> Any:
    def compare(left: _Keyed, right: _Keyed) -> int:
        return compare_keys(sort, (*left[0], left[1].number), (*right[0], right[1].number))

    return cmp_to_key(compare)


def compare_keys(sort: tuple[SortKey, ...], left: tuple[Any, ...], right: tuple[Any, ...]) -> int:
    """-1, 0 or 1: missing values last in either direction, the number of the resource last of all."""
    for key, a, b in zip(sort, left, right, strict=False):
        if a != b:
            if a is None or b is None:
                return 1 if a is None else -1
            return (1 if a > b else -1) * (-1 if key.descending else 1)
    return int(left[-1] > right[-1]) - int(left[-1] < right[-1])


def _page(keyed: list[_Keyed], question: Question) -> list[_Keyed]:
    if question.only_count:
        return []
    after = question.after
    if after is not None:
        keyed = [one for one in keyed if compare_keys(question.sort, (*one[0], one[1].number), after) > 0]
    return keyed[: question.count]
