"""Groups records into persons as they arrive: best match first, at most one record of a member per person.

Two records of one member join only through the same insurance number (a duplicate at that desk); persons
with different insurance numbers never join. A record that matches two persons joins them if nothing speaks
against it. Below: `score`. Above: `trust/linkage`, which keeps the result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from mihub.core.linkage.score import Candidate, RecordKey, match_weight


class Clusters:
    """Persons and their records in memory. A person is an opaque id; `new_person` makes one never used
    before."""

    def __init__(self, new_person: Callable[[], str]) -> None:
        self._new_person = new_person
        self._records: dict[RecordKey, Candidate] = {}
        self._person: dict[RecordKey, str] = {}
        self._keys: defaultdict[str, set[RecordKey]] = defaultdict(set)
        self._index: defaultdict[str, set[RecordKey]] = defaultdict(set)
        self.merged: dict[str, str] = {}  # person that ended -> person it became part of

    def load(self, record: Candidate, person: str) -> None:
        """A record whose person is already decided."""
        self._forget(record.key)
        self._records[record.key], self._person[record.key] = record, person
        self._keys[person].add(record.key)
        for code in _codes(record):
            self._index[code].add(record.key)

    def add(self, record: Candidate) -> str:
        """Decide the person of a new or changed record."""
        before = self._person.get(record.key)
        self._forget(record.key)
        matches = self._matching_persons(record)
        # A corrected record that stood alone keeps its person when it still matches nobody.
        alone = before is not None and not self._keys[before]
        person = matches[0] if matches else before if before is not None and alone else self._new_person()
        self.load(record, person)
        if alone and before is not None and person != before:
            self.merged[before] = person
        for other in matches[1:]:
            self._join(person, other)
        return person

    def remove(self, key: RecordKey) -> None:
        """Forget a record."""
        self._forget(key)

    def persons(self) -> dict[RecordKey, str]:
        """Every record's person."""
        return dict(self._person)

    def _matching_persons(self, record: Candidate) -> list[str]:
        best: dict[str, float] = {}
        for key in {key for code in _codes(record) for key in self._index[code]}:
            weight = match_weight(record, self._records[key])
            person = self._person[key]
            if weight > best.get(person, 0.0) and self._fits([record], person):
                best[person] = weight
        return sorted(best, key=lambda person: (-best[person], person))

    def _fits(self, records: Iterable[Candidate], person: str) -> bool:
        there = [self._records[key] for key in self._keys[person]]
        return not any(_contradict(one, other) for one in records for other in there)

    def _join(self, person: str, other: str) -> None:
        if not self._fits([self._records[key] for key in self._keys[other]], person):
            return
        for key in self._keys.pop(other):
            self._person[key] = person
            self._keys[person].add(key)
        self.merged[other] = person

    def _forget(self, key: RecordKey) -> None:
        record = self._records.pop(key, None)
        if record is None:
            return
        self._keys[self._person.pop(key)].discard(key)
        for code in _codes(record):
            self._index[code].discard(key)


def _codes(record: Candidate) -> Iterable[str]:
    yield from record.blocks
    if record.insurance:
        yield "insurance|" + record.insurance


def _contradict(one: Candidate, other: Candidate) -> bool:
    both = bool(one.insurance and other.insurance)
    if both and one.insurance != other.insurance:
        return True
    return one.key.member == other.key.member and not both
