"""One kept list as a code system: `SqliteCodeSystem` answers what `terminology.protocol.CodeSystemProvider` asks.

Reading only, one connection per thread. is-a is one comparison or one indexed look-up (`hierarchy`). German designations come
first. Above: the terminology operations, validation. Below: `database`, `inventory`, `search`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.site.terminology.lists.database import Database, faults
from mihub.site.terminology.lists.entry import HIDDEN_USES, USES
from mihub.site.terminology.lists.filters import Filters
from mihub.site.terminology.lists.inventory import ListInfo
from mihub.site.terminology.lists.search import Search
from mihub.site.terminology.protocol import Concept, Designation, Metadata, Property, PropertyDefinition

_SNOMED: Final = "http://snomed.info/sct"
_PREFERRED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra",
    "code": "preferredForLanguage",
    "display": "Preferred For Language",
}
_SNOMED_USES: Final = {
    "fully-specified": {"system": _SNOMED, "code": "900000000000003001", "display": "Fully specified name"},
    "synonym": {"system": _SNOMED, "code": "900000000000013009", "display": "Synonym"},
}
_MOST_FOUND: Final = 20_000
_SUBSUMES: Final = (
    "SELECT 1 FROM concept AS above JOIN concept AS below WHERE above.list = ? AND above.code = ? AND below.list = ?"
    " AND below.code = ? AND (below.place BETWEEN above.place AND above.last OR EXISTS (SELECT 1 FROM span"
    " WHERE span.concept = above.id AND span.low <= below.place AND span.high >= below.place))"
)
_COLUMNS: Final = "id, code, display, place, last, abstract, inactive, status, definition"


class SqliteCodeSystem:
    """One version of one list. `url` may be an alias, under which it then answers."""

    def __init__(self, database: Database, info: ListInfo, url: str = "") -> None:
        self._database, self._info = database, info
        self._url = url or info.url
        self._kinds = self._property_kinds()
        self._metadata = self._described()
        self._filters = Filters(info.id, {code: number for number, (code, _) in self._kinds.items()})

    def __repr__(self) -> str:
        return f"SqliteCodeSystem({self._url}|{self._info.version})"

    @property
    def metadata(self) -> Metadata:
        return self._metadata

    def _property_kinds(self) -> dict[int, tuple[str, str]]:
        query = "SELECT id, code, type FROM property_kind WHERE list = ? ORDER BY id"
        return {number: (code, kind) for number, code, kind in self._rows(query, self._info.id)}

    def _described(self) -> Metadata:
        info = self._info
        query = "SELECT code, type, description FROM property_kind WHERE list = ? ORDER BY id"
        resource: dict[str, Any] = {
            "resourceType": "CodeSystem", "url": self._url, "version": info.version, "name": info.key or "Codes",
            "title": info.title, "status": "active", "publisher": info.publisher, "copyright": info.notice,
            "caseSensitive": info.case_sensitive, "content": "complete", "count": info.size,
        }  # fmt: skip
        return Metadata(
            url=self._url,
            version=info.version,
            name=info.key,
            title=info.title,
            language=info.language,
            content="complete",
            status="active",
            case_sensitive=info.case_sensitive,
            hierarchy=info.hierarchy,
            size=info.size,
            properties=tuple(
                PropertyDefinition(code, kind, description=said)
                for code, kind, said in self._rows(query, info.id)
            ),
            value_set=f"{self._url}?fhir_vs" if info.url == _SNOMED else "",
            package=f"{info.key or info.title}#{info.version}",
            resource={name: value for name, value in resource.items() if value != ""},
        )

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with faults(self._database.path):
            return self._database.reading().execute(query, values).fetchall()

    def _row(self, code: str) -> Any:
        found = self._rows(f"SELECT {_COLUMNS} FROM concept WHERE list = ? AND code = ?", self._info.id, code)
        return found[0] if found else None

    def normal(self, code: str) -> str | None:
        if self._rows("SELECT 1 FROM concept WHERE list = ? AND code = ?", self._info.id, code):
            return code
        if self._info.case_sensitive:
            return None
        query = "SELECT code FROM concept WHERE list = ? AND code IN (?, ?)"
        found = self._rows(query, self._info.id, code.upper(), code.lower())
        return str(found[0][0]) if found else None

    def concept(self, code: str) -> Concept | None:
        row = self._row(code)
        if row is None:
            return None
        number, _, display, _, _, abstract, inactive, status, definition = row
        return Concept(
            code=code,
            display=display,
            definition=definition,
            designations=self._designations(number),
            properties=self._properties(number),
            abstract=bool(abstract),
            inactive=bool(inactive),
            status=status,
        )

    def _designations(self, number: int) -> tuple[Designation, ...]:
        query = "SELECT use, language, text FROM wording WHERE concept = ? AND use > 0 ORDER BY language <> 'de', use, id"
        return tuple(
            Designation(text, language or self._info.language, self._use(USES[use], language))
            for use, language, text in self._rows(query, number)
            if USES[use] not in HIDDEN_USES
        )

    def _use(self, use: str, language: str) -> Json | None:
        if use == "preferred":
            return _PREFERRED if language else None
        return _SNOMED_USES.get(use) if self._info.url == _SNOMED else None

    def _properties(self, number: int) -> tuple[Property, ...]:
        query = "SELECT kind, value FROM property WHERE concept = ? ORDER BY kind, value"
        found = []
        for kind, value in self._rows(query, number):
            code, type_ = self._kinds.get(kind, ("", ""))
            found.append(Property(code, value == "true" if type_ == "boolean" else value, type_))
        return tuple(found)

    def parents(self, code: str) -> Sequence[str]:
        query = (
            "SELECT above.code FROM concept JOIN edge ON edge.child = concept.id JOIN concept AS above ON above.id = edge.parent"
            " WHERE concept.list = ? AND concept.code = ? ORDER BY above.place"
        )
        return [found for (found,) in self._rows(query, self._info.id, code)]

    def children(self, code: str) -> Sequence[str]:
        query = (
            "SELECT below.code FROM concept JOIN edge ON edge.parent = concept.id JOIN concept AS below ON below.id = edge.child"
            " WHERE concept.list = ? AND concept.code = ? ORDER BY below.place"
        )
        return [found for (found,) in self._rows(query, self._info.id, code)]

    def roots(self) -> Sequence[str]:
        query = (
            "SELECT code FROM concept WHERE list = ? AND inactive = 0"
            " AND NOT EXISTS (SELECT 1 FROM edge WHERE edge.child = concept.id) ORDER BY place"
        )
        return [found for (found,) in self._rows(query, self._info.id)]

    def codes(self) -> Iterator[str]:
        query = "SELECT code, place FROM concept WHERE list = ? AND place > ? ORDER BY place LIMIT 5000"
        after = -1
        # In parts: a reader that stops early leaves no open statement behind.
        while rows := self._rows(query, self._info.id, after):
            yield from (code for code, _ in rows)
            after = rows[-1][1]

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        list_id = self._info.id
        return bool(self._rows(_SUBSUMES, list_id, ancestor, list_id, descendant))

    def filter(self, name: str, op: str, value: str) -> Iterable[str]:
        connection = self._database.reading()
        with faults(self._database.path):
            return self._filters.codes(connection, name, op, value)

    def matches(self, code: str, name: str, op: str, value: str) -> bool:
        if name in {"concept", "code"} and op in {"is-a", "descendent-of", "is-not-a"}:
            below = self.subsumes(value, code) and not (op == "descendent-of" and code == value)
            return below != (op == "is-not-a")
        connection = self._database.reading()
        with faults(self._database.path):
            return self._filters.holds(connection, code, name, op, value)

    def search(self, text: str) -> Iterable[str]:
        found = Search(self._database).in_list(self._info, text, _MOST_FOUND)
        # A word of Alpha-ID may lead to a code that this list does not have; then the hit bears the other list's title.
        return [hit.code for hit in found if hit.list_title == self._info.title or self._row(hit.code)]
