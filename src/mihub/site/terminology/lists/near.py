"""Widens a search that found little: words that contain a typed part, the parts of a typed compound, slips of the keyboard.

Works on the distinct words of one index, which are few, and gives a query for its texts; "" when nothing is near.
Above: `search`. Below: the tables `word` and `part_N` that `loading` fills.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

_MOST_WORDS: Final = 40
_MOST_LOOKED_AT: Final = 250
_MOST_LIKELY: Final = 12
_PART_FROM: Final = 4
_COMPOUND_FROM: Final = 8
_SHORTEST_HALF: Final = 4
_MOST_SPLITS: Final = 3
_SLIP_FROM: Final = 4
_TWO_SLIPS_FROM: Final = 8
_HEAD: Final = 3
# Between the halves of a German compound (folded).
_LINKS: Final = ("", "en", "es", "er", "n", "s", "e")


def term(word: str) -> str:
    """A word as the index is asked for it: its beginning, or a single sign as it stands."""
    return f'"{word}"*' if len(word) > 1 else f'"{word}"'


def parts(connection: sqlite3.Connection, search: int, typed: Iterable[str]) -> str:
    """Texts in which each typed word begins a word or, from four letters, stands inside one."""
    groups, widened = [], False
    for word in typed:
        inside = _containing(connection, search, word) if len(word) >= _PART_FROM else []
        widened = widened or bool(inside)
        groups.append([term(word), *(f'"{one}"' for one in inside)])
    return _joined(groups) if widened else ""


def compounds(connection: sqlite3.Connection, search: int, typed: Iterable[str]) -> str:
    """Texts with the halves of a compound as words of their own: Lungenkarzinom, Karzinom der Lunge."""
    groups, split = [], False
    for word in typed:
        halves = list(_halves(connection, search, word)) if len(word) >= _COMPOUND_FROM else []
        split = split or bool(halves)
        groups.append([_both(connection, search, *pair) for pair in halves[:_MOST_SPLITS]] or [term(word)])
    return _joined(groups) if split else ""


def slips(connection: sqlite3.Connection, search: int, typed: Iterable[str]) -> str:
    """Texts with words that differ from the typed ones by a slip or two."""
    groups, mended = [], False
    for word in typed:
        likely = _likely(connection, search, word) if len(word) >= _SLIP_FROM else []
        mended = mended or bool(likely)
        groups.append([f'"{one}"' for one in likely] or [term(word)])
    return _joined(groups) if mended else ""


def _both(connection: sqlite3.Connection, search: int, left: str, right: str) -> str:
    inside = [f'"{one}"' for one in _containing(connection, search, right)]
    return f"({term(left)} AND ({' OR '.join([term(right), *inside])}))"


def _joined(groups: Iterable[list[str]]) -> str:
    return " AND ".join(f"({' OR '.join(group)})" for group in groups)


def _containing(connection: sqlite3.Connection, search: int, part: str) -> list[str]:
    """Words with this part inside, not at their beginning."""
    return [word for word in _with_pieces(connection, search, part, _MOST_WORDS) if part in word[1:]]


def _with_pieces(connection: sqlite3.Connection, search: int, part: str, most: int) -> Iterator[str]:
    """Words that have every three letters of a part; nearly always the part itself."""
    pieces = {part[at : at + 3] for at in range(len(part) - 2)}
    if pieces:
        asked = " AND ".join(f'"{piece}"' for piece in sorted(pieces))
        query = f"SELECT word FROM part_{search} WHERE part_{search} MATCH ? LIMIT ?"
        yield from (word for (word,) in connection.execute(query, (asked, most)))


def _begins(connection: sqlite3.Connection, search: int, word: str) -> bool:
    query = "SELECT 1 FROM word WHERE list = ? AND word >= ? AND word < ? LIMIT 1"
    return connection.execute(query, (search, word, _after(word))).fetchone() is not None


def _after(word: str) -> str:
    return word[:-1] + chr(ord(word[-1]) + 1)


def _halves(connection: sqlite3.Connection, search: int, word: str) -> Iterator[tuple[str, str]]:
    for at in range(_SHORTEST_HALF, len(word) - _SHORTEST_HALF + 2):
        left, right = word[:at], word[at:]
        if not _begins(connection, search, right):
            continue
        for link in _LINKS:
            stem = left.removesuffix(link) if link else left
            if left.endswith(link) and len(stem) >= _SHORTEST_HALF and _begins(connection, search, stem):
                yield stem, right
                break


def _likely(connection: sqlite3.Connection, search: int, word: str) -> list[str]:
    """Words within the allowed distance, nearest first. A slip lies behind the first letters, or in them."""
    allowed = 2 if len(word) >= _TWO_SLIPS_FROM else 1
    pairs = _pairs(word)
    # A slip spoils at most three pairs of neighbours: most words fall out by this count alone.
    needed = len(pairs) - 3 * allowed
    ranked = sorted(
        (apart, len(one), one)
        for one in _candidates(connection, search, word, allowed)
        if len(pairs & _pairs(one)) >= needed and (apart := distance(word, one, allowed)) <= allowed
    )
    return [one for _, _, one in ranked[:_MOST_LIKELY]]


def _candidates(connection: sqlite3.Connection, search: int, word: str, allowed: int) -> set[str]:
    long = len(word) >= _TWO_SLIPS_FROM
    head = word[: _HEAD + long]
    swapped = head[:-2] + head[-1] + head[-2]
    query = f"SELECT word FROM word WHERE list = ? AND word >= ? AND word < ? AND length(word) >= ? LIMIT {_MOST_LOOKED_AT}"
    found = {
        one
        for start in {head, swapped}
        for (one,) in connection.execute(query, (search, start, _after(start), len(word) - allowed))
    }
    tail = word[_HEAD + 2 * long :]
    if len(tail) >= _HEAD:
        found.update(_with_pieces(connection, search, tail, _MOST_LOOKED_AT))
    return found


def _pairs(word: str) -> set[str]:
    return {word[at : at + 2] for at in range(len(word) - 1)}


@lru_cache(maxsize=4096)
def distance(typed: str, word: str, most: int) -> int:
    """How many slips (a letter more, less, other, or two swapped) lie between what was typed and a beginning of a word."""
    word = word[: len(typed) + most]
    before: list[int] = []
    row = list(range(len(word) + 1))
    for at, sign in enumerate(typed, 1):
        last, before_last = row, before
        row = [at]
        for place, letter in enumerate(word, 1):
            cost = min(last[place] + 1, row[place - 1] + 1, last[place - 1] + (sign != letter))
            if at > 1 and place > 1 and sign == word[place - 2] and typed[at - 2] == letter:
                cost = min(cost, before_last[place - 2] + 1)
            row.append(cost)
        before = last
        if min(row) > most:
            return most + 1
    return min(row)
