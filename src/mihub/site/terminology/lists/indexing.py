"""The words of kept lists, for searches: one full-text index a list, its distinct words, and their three-letter pieces.

The index keeps folded words only; the texts stand in `wording`. Above: `loading`, `definitions`. Below: `database`, `fold`.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from mihub.site.terminology.lists.database import bounds
from mihub.site.terminology.lists.fold import folded

# The index that the code systems of packages share.
SHARED_SEARCH: Final = 0


def drop_index(connection: sqlite3.Connection, search: int) -> None:
    """Forget the words of a search index."""
    connection.execute(f"DROP TABLE IF EXISTS said_{search}")
    connection.execute(f"DROP TABLE IF EXISTS part_{search}")
    connection.execute("DELETE FROM word WHERE list = ?", (search,))


def index_list(connection: sqlite3.Connection, list_id: int) -> None:
    """The words of a list. What is no longer in force is looked up by its code, not by its words."""
    create_index(connection, list_id)
    rows = connection.execute(
        "SELECT wording.id, wording.text FROM wording JOIN concept ON concept.id = wording.concept"
        " WHERE wording.id BETWEEN ? AND ? AND concept.inactive = 0 ORDER BY wording.id",
        bounds(list_id),
    )
    connection.executemany(
        f"INSERT INTO said_{list_id} (rowid, words) VALUES (?, ?)",
        ((number, folded(text)) for number, text in rows),
    )
    index_words(connection, list_id)


def create_index(connection: sqlite3.Connection, search: int) -> None:
    """An empty index of words: `said` holds the folded words of wordings, `part` the three-letter pieces of all words."""
    connection.execute(
        f"CREATE VIRTUAL TABLE said_{search} USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii',"
        " prefix='2 3 4 5 6')"
    )
    connection.execute(
        f"CREATE VIRTUAL TABLE part_{search} USING fts5(word, detail=none, columnsize=0, tokenize='trigram')"
    )


def index_words(connection: sqlite3.Connection, search: int) -> None:
    """List the distinct words of an index, for parts of compounds and slips of the keyboard."""
    connection.execute(f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, said_{search}, row)")
    connection.execute(
        "INSERT INTO word SELECT ?, term FROM vocabulary WHERE length(term) BETWEEN 3 AND 40", (search,)
    )
    connection.execute(
        f"INSERT INTO part_{search} (word) SELECT term FROM vocabulary WHERE length(term) BETWEEN 5 AND 40"
    )
    connection.execute("DROP TABLE temp.vocabulary")
