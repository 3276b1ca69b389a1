"""Makes the small code systems of packages searchable beside the loaded lists; what they mean is answered from the packages.

They share one index, which is built anew when the packages changed. Above: `shelf`. Below: `loading`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Definitions, Known
from mihub.errors import MihubError
from mihub.site.terminology.lists.database import Database
from mihub.site.terminology.lists.entry import USES, CodeList, Entry, Head, Problems, Wording
from mihub.site.terminology.lists.fold import folded
from mihub.site.terminology.lists.indexing import SHARED_SEARCH, create_index, drop_index, index_words
from mihub.site.terminology.lists.inventory import version_order
from mihub.site.terminology.lists.loading import remove_list, write

MAX_CONCEPTS: Final = 5_000
_MAX_DEPTH: Final = 50
_CONTENTS: Final = frozenset({"complete", "fragment", "example"})
_KIND: Final = "definitions"


def index(database: Database, known: Definitions) -> int:
    """How many code systems of packages are searchable now. Only the newest version of each is."""
    newest = _newest(known)
    if database.exists and _kept(database) == set(newest):
        return len(newest)
    with database.writing() as connection:
        for (list_id,) in connection.execute("SELECT id FROM list WHERE kind = ?", (_KIND,)).fetchall():
            remove_list(connection, list_id, own_search=False)
        drop_index(connection, SHARED_SEARCH)
        for one in newest.values():
            _keep(connection, one, known)
        create_index(connection, SHARED_SEARCH)
        _index(connection)
        index_words(connection, SHARED_SEARCH)
    return len(newest)


def _newest(known: Definitions) -> dict[tuple[str, str, str], Known]:
    found: dict[str, Known] = {}
    for one in known.all("CodeSystem"):
        other = found.get(one.url)
        if one.url and (other is None or version_order(one.version) > version_order(other.version)):
            found[one.url] = one
    return {(one.url, one.version, one.package): one for one in found.values()}


def _kept(database: Database) -> set[tuple[str, str, str]]:
    query = "SELECT url, version, files FROM list WHERE kind = ?"
    return {tuple(row) for row in database.reading().execute(query, (_KIND,))}


def _keep(connection: sqlite3.Connection, one: Known, known: Definitions) -> None:
    """A system too large or without content is noted as looked at, with no concepts."""
    found = known.find(f"{one.url}|{one.version}" if one.version else one.url, "CodeSystem")
    resource = found.resource if found is not None else {}
    head = Head(
        url=one.url,
        version=one.version,
        title=str(resource.get("title") or resource.get("name") or one.name or one.url),
        language=str(resource.get("language", "")),
        kind="definitions",
        files=one.package,
    )
    try:
        write(connection, CodeList(head, _entries(resource), Problems()), only=False)
    except MihubError:
        # No concepts: the row of the list stays, so that it is not looked at again.
        connection.execute(
            "UPDATE list SET search = ? WHERE kind = ? AND url = ?", (SHARED_SEARCH, _KIND, one.url)
        )


def _entries(resource: Resource) -> Iterator[Entry]:
    concepts = resource.get("concept")
    if (
        resource.get("content") not in _CONTENTS
        or not isinstance(concepts, list)
        or _count(concepts) > MAX_CONCEPTS
    ):
        return
    yield from _below(concepts, (), 0)


def _count(concepts: list[Any]) -> int:
    total, waiting = 0, list(concepts)
    while waiting and total <= MAX_CONCEPTS:
        one = waiting.pop()
        total += 1
        if isinstance(one, dict) and isinstance(one.get("concept"), list):
            waiting.extend(one["concept"])
    return total


def _below(concepts: list[Any], parents: tuple[str, ...], depth: int) -> Iterator[Entry]:
    for one in concepts:
        if not isinstance(one, dict) or not isinstance(one.get("code"), str) or depth > _MAX_DEPTH:
            continue
        code = one["code"]
        named = [
            item
            for item in _list(one.get("designation"))
            if isinstance(item, dict) and isinstance(item.get("value"), str)
        ]
        yield Entry(
            code=code,
            display=str(one.get("display") or code),
            parents=parents,
            wordings=tuple(
                Wording(item["value"], "synonym", str(item.get("language", ""))) for item in named
            ),
            definition=str(one.get("definition", "")),
        )
        if isinstance(one.get("concept"), list):
            yield from _below(one["concept"], (code,), depth + 1)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _index(connection: sqlite3.Connection) -> None:
    query = (
        "SELECT wording.id, wording.text, wording.use, concept.code FROM wording JOIN concept ON concept.id = wording.concept"
        " JOIN list ON list.id = concept.list WHERE list.kind = ? AND concept.inactive = 0 ORDER BY wording.id"
    )
    display = USES.index("display")
    rows = (
        (number, folded(f"{text} {code}" if use == display else text))
        for number, text, use, code in connection.execute(query, (_KIND,)).fetchall()
    )
    connection.executemany(f"INSERT INTO said_{SHARED_SEARCH} (rowid, words) VALUES (?, ?)", rows)
