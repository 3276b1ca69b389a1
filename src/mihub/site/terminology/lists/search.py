"""Finds codes as people type them: a code or its beginning, words and beginnings of words, parts of compounds, slips.

Over the newest version of every list at once. Words of Alpha-ID and of the alphabetical indexes lead to the code they stand for.
Rank: the code itself, codes that begin so, the text itself, texts that begin so, texts with all words, parts, slips;
then the system's rank and the shorter text. Above: `shelf`, `provider`. Below: `database`, `fold`, `near`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from mihub.site.terminology.lists import near
from mihub.site.terminology.lists.database import Database, faults
from mihub.site.terminology.lists.fold import MAX_WORDS, plain, squashed, words
from mihub.site.terminology.lists.indexing import SHARED_SEARCH
from mihub.site.terminology.lists.inventory import ListInfo, lists

MAX_CHARACTERS: Final = 200
_PER_LIST: Final = 30
_PARTS_UP_TO_WORDS: Final = 4
_SLIPS_UP_TO_WORDS: Final = 3
_ENOUGH_GUESSES: Final = 5
_PATH_STEPS: Final = 16
# How a hit was found, best first.
CODE, CODE_BEGINS, TEXT, TEXT_BEGINS, WORDS, PART, SLIP = range(7)


@dataclass(frozen=True, slots=True)
class Hit:
    """One code that was found. `matched`: the text that was found; `path`: (code, display) from the top to its parent."""

    system: str
    version: str
    code: str
    display: str
    matched: str
    how: int
    list_title: str
    abstract: bool
    path: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A wording that fits, before it is known which code it leads to. `target`: (list, code) of another list, or None."""

    info: ListInfo
    concept: int
    code: str
    display: str
    text: str
    how: int
    abstract: bool
    lead: str

    @property
    def order(self) -> tuple[int, int, int, str]:
        return self.how, self.info.rank, len(self.text), self.code


class Search:
    """Searches in the file. Cheap to make; keeps nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(
        self, text: str, *, systems: Collection[str] = (), limit: int = 20, every_version: bool = False
    ) -> list[Hit]:
        """The best hits, best first. `systems`: only codes of these addresses; empty means all."""
        if not self._database.exists or not text.strip():
            return []
        connection = self._database.reading()
        with faults(self._database.path):
            known = lists(connection)
            searched = known if every_version else _newest(known)
            wanted = [one for one in searched if not systems or one.url in systems or one.leads_to in systems]
            return _Run(connection, known, text[:MAX_CHARACTERS], limit, frozenset(systems)).hits(wanted)

    def in_list(self, info: ListInfo, text: str, limit: int) -> list[Hit]:
        """All hits of one list, up to a limit; words that lead to its codes count when they are of the same version."""
        connection = self._database.reading()
        with faults(self._database.path):
            leading = [
                one for one in lists(connection) if one.leads_to == info.url and one.version == info.version
            ]
            run = _Run(connection, (info, *leading), text[:MAX_CHARACTERS], limit, frozenset({info.url}))
            return run.hits([info, *leading], with_path=False)


def _newest(known: Iterable[ListInfo]) -> list[ListInfo]:
    first: dict[tuple[str, str, str], ListInfo] = {}
    for one in known:
        first.setdefault((one.key, one.url, one.kind), one)
    return list(first.values())


class _Run:
    """One search."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        known: Iterable[ListInfo],
        text: str,
        limit: int,
        systems: frozenset[str],
    ) -> None:
        self._connection, self._limit, self._systems = connection, limit, systems
        self._known = tuple(known)
        self._by_id = {one.id: one for one in self._known}
        self._plain = plain(text)
        self._folded = " ".join(words(text)[:MAX_WORDS])
        self._words = list(dict.fromkeys(words(text)))[:MAX_WORDS]
        self._code = squashed(text)
        self._is_code = len(text.split()) == 1 and (any(sign.isdigit() for sign in text) or len(text) <= 2)
        self._per_list = max(_PER_LIST, limit)

    def hits(self, searched: list[ListInfo], *, with_path: bool = True) -> list[Hit]:
        found = [*self._codes(searched), *self._said(searched, [[one] for one in self._words], None)]
        if len(found) < self._limit and len(self._words) <= _PARTS_UP_TO_WORDS:
            found += self._said(searched, None, PART)
        if not found and len(self._words) <= _SLIPS_UP_TO_WORDS:
            found += self._said(searched, None, SLIP)
        best: dict[tuple[str, str, str], Hit] = {}
        for one in sorted(found, key=lambda one: one.order):
            hit = self._resolved(one)
            if hit is not None and (not self._systems or hit.system in self._systems):
                best.setdefault((hit.system, hit.version, hit.code), hit)
            if len(best) >= self._limit:
                break
        return [self._with_path(hit) for hit in best.values()] if with_path else list(best.values())

    def _codes(self, searched: list[ListInfo]) -> Iterator[_Found]:
        if not self._is_code or not self._code:
            return
        query = (
            "SELECT concept.id, code, display, abstract, squashed FROM concept"
            " WHERE list = ? AND squashed >= ? AND squashed < ? AND inactive = 0 ORDER BY squashed LIMIT ?"
        )
        for info in searched:
            if info.kind == "codes":
                after = self._code[:-1] + chr(ord(self._code[-1]) + 1)
                for number, code, display, abstract, own in self._connection.execute(
                    query, (info.id, self._code, after, self._limit)
                ):
                    how = CODE if own == self._code else CODE_BEGINS
                    yield _Found(info, number, code, display, code, how, bool(abstract), "")

    def _said(
        self, searched: list[ListInfo], choices: list[list[str]] | None, how: int | None
    ) -> Iterator[_Found]:
        if not self._words:
            return
        told = 0
        for search, infos in _by_index(searched).items():
            asked = _query(choices) if choices is not None else self._widened(search, how)
            if asked:
                limit = self._per_list if search != SHARED_SEARCH else self._per_list * 8
                for found in self._rows(search, infos, asked, limit, how):
                    told += 1
                    yield found
            # A guess that the first lists answer need not be made in the others.
            if how == SLIP and told >= _ENOUGH_GUESSES:
                return

    def _widened(self, search: int, how: int | None) -> str:
        if how == PART:
            return near.parts(self._connection, search, self._words)
        return near.compounds(self._connection, search, self._words) or near.slips(
            self._connection, search, self._words
        )

    def _rows(
        self, search: int, infos: dict[int, ListInfo], asked: str, limit: int, how: int | None
    ) -> Iterator[_Found]:
        query = (
            "SELECT concept.list, concept.id, concept.code, concept.display, wording.text, concept.abstract, lead.code"
            f" FROM (SELECT rowid AS number FROM said_{search} WHERE said_{search} MATCH ? ORDER BY rowid LIMIT ?) AS found"
            " JOIN wording ON wording.id = found.number JOIN concept ON concept.id = wording.concept"
            " LEFT JOIN lead ON lead.concept = concept.id"
        )
        for list_id, number, code, display, text, abstract, lead in self._connection.execute(
            query, (asked, limit)
        ):
            info = infos.get(list_id)
            if info is not None:
                rank = how if how is not None else self._how(text)
                yield _Found(info, number, code, display, text, rank, bool(abstract), lead or "")

    def _how(self, text: str) -> int:
        if plain(text) == self._plain:
            return TEXT
        # Folded: "Carcinom" begins like "Karzinom".
        return TEXT_BEGINS if " ".join(words(text)).startswith(self._folded) else WORDS

    def _resolved(self, found: _Found) -> Hit | None:
        """The hit a wording stands for: of its own list, or of the list its words lead to."""
        info = found.info
        own = info.url in self._systems and info.kind != "synonyms"
        if not info.leads_to or own or found.how in (CODE, CODE_BEGINS):
            return Hit(
                info.url,
                info.version,
                found.code,
                found.display,
                found.text,
                found.how,
                info.title,
                found.abstract,
            )
        if not found.lead:
            return None if info.kind == "synonyms" else self._as_itself(found)
        target = self._target(info)
        row: Any = None
        if target is not None:
            query = "SELECT display, abstract FROM concept WHERE list = ? AND code = ?"
            row = self._connection.execute(query, (target.id, found.lead)).fetchone()
        if target is None or row is None:
            # The list it leads to is not loaded, or is of another year.
            return Hit(
                info.leads_to, info.version, found.lead, found.text, found.text, found.how, info.title, False
            )
        return Hit(
            target.url, target.version, found.lead, row[0], found.text, found.how, target.title, bool(row[1])
        )

    @staticmethod
    def _as_itself(found: _Found) -> Hit:
        info = found.info
        return Hit(
            info.url,
            info.version,
            found.code,
            found.display,
            found.text,
            found.how,
            info.title,
            found.abstract,
        )

    def _target(self, info: ListInfo) -> ListInfo | None:
        """The list of the same version, else the newest."""
        fitting = [one for one in self._known if one.url == info.leads_to and one.kind == "codes"]
        return next((one for one in fitting if one.version == info.version), fitting[0] if fitting else None)

    def _with_path(self, hit: Hit) -> Hit:
        target = next(
            (
                one
                for one in self._known
                if (one.url, one.version) == (hit.system, hit.version) and one.kind != "synonyms"
            ),
            None,
        )
        if target is None:
            return hit
        row = self._connection.execute(
            "SELECT id FROM concept WHERE list = ? AND code = ?", (target.id, hit.code)
        ).fetchone()
        path: list[tuple[str, str]] = []
        query = (
            "SELECT concept.id, concept.code, concept.display FROM edge JOIN concept ON concept.id = edge.parent"
            " WHERE edge.child = ? ORDER BY concept.place LIMIT 1"
        )
        while row is not None and len(path) < _PATH_STEPS:
            row = self._connection.execute(query, (row[0],)).fetchone()
            if row is not None:
                path.append((row[1], row[2]))
        return replace(hit, path=tuple(reversed(path)))


def _by_index(searched: Iterable[ListInfo]) -> dict[int, dict[int, ListInfo]]:
    found: dict[int, dict[int, ListInfo]] = {}
    for one in searched:
        found.setdefault(one.search, {})[one.id] = one
    return found


def _query(choices: list[list[str]]) -> str:
    return " AND ".join(f"({' OR '.join(map(near.term, group))})" for group in choices if group)
