"""A code system out of a CodeSystem resource: the reference engine behind `CodeSystemProvider`.

Hierarchy comes from nesting and from the properties `parent` and `child`. Supplements add designations, properties and
extensions, never codes. A ring in the hierarchy is cut, not followed for ever. Source: https://hl7.org/fhir/R4/codesystem.html.
Above: `sources`. Below: `concepts`, `filters`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from mihub.core.fhir import Json, Resource
from mihub.site.terminology import filters
from mihub.site.terminology.concepts import CONCEPT_PROPERTIES, concept_of, property_value
from mihub.site.terminology.protocol import Concept, Content, Metadata, PropertyDefinition
from mihub.site.terminology.versions import join

_CONTENTS: dict[str, Content] = {
    "complete": "complete",
    "fragment": "fragment",
    "example": "example",
    "not-present": "not-present",
    "supplement": "supplement",
}


class InMemoryCodeSystem:
    """One version of one code system, all in memory; everything is built once and only read afterwards."""

    def __init__(self, resource: Resource, supplements: Sequence[Resource] = (), package: str = "") -> None:
        self._resource = resource
        self._package = package
        self.supplements = tuple(join(one.get("url", ""), one.get("version", "")) for one in supplements)
        self._raw: dict[str, Json] = {}
        self._parents: dict[str, list[str]] = {}
        self._children: dict[str, list[str]] = {}
        self._nest(resource.get("concept") or [])
        self._link_by_properties()
        self._added: dict[str, list[tuple[str, Json]]] = {}
        for supplement, source in zip(supplements, self.supplements, strict=True):
            self._supplement(supplement.get("concept") or [], source)
        self._added_uris = {
            one.get("code", ""): one.get("uri", "") for s in supplements for one in s.get("property") or []
        }
        self._folded = {} if self._sensitive else {code.lower(): code for code in self._raw}
        self._concepts: dict[str, Concept] = {}

    def _nest(self, top: list[Json]) -> None:
        stack: list[tuple[Json, str]] = [(one, "") for one in reversed(top)]
        while stack:
            raw, parent = stack.pop()
            code = raw.get("code")
            if not isinstance(code, str):
                continue
            self._raw.setdefault(code, raw)
            self._parents.setdefault(code, [])
            if parent:
                self._link(parent, code)
            stack.extend((child, code) for child in reversed(raw.get("concept") or []))

    def _link_by_properties(self) -> None:
        codes = self._relation_codes()
        for code, raw in self._raw.items():
            for one in raw.get("property") or []:
                relation = codes.get(one.get("code", ""))
                other = property_value(one)[0] if relation else None
                if relation and isinstance(other, str) and other in self._raw:
                    self._link(other, code) if relation == "parent" else self._link(code, other)

    def _relation_codes(self) -> dict[str, str]:
        codes = {"parent": "parent", "child": "child"}
        for one in self._resource.get("property") or []:
            for relation in ("parent", "child"):
                if one.get("uri") == CONCEPT_PROPERTIES + relation:
                    codes[one.get("code", "")] = relation
        return codes

    def _link(self, parent: str, child: str) -> None:
        if parent != child and parent not in self._parents.setdefault(child, []):
            self._parents[child].append(parent)
            self._children.setdefault(parent, []).append(child)

    def _supplement(self, concepts: list[Json], source: str) -> None:
        stack = list(reversed(concepts))
        while stack:
            raw = stack.pop()
            if raw.get("code") in self._raw:
                self._added.setdefault(raw["code"], []).append((source, raw))
            stack.extend(reversed(raw.get("concept") or []))

    @property
    def _sensitive(self) -> bool:
        return self._resource.get("caseSensitive") is not False

    @cached_property
    def metadata(self) -> Metadata:
        resource = self._resource
        return Metadata(
            url=resource.get("url", ""),
            version=resource.get("version", ""),
            name=resource.get("name", ""),
            title=resource.get("title", ""),
            language=resource.get("language", ""),
            content=_CONTENTS.get(resource.get("content", ""), "not-present"),
            status=resource.get("status", ""),
            case_sensitive=self._sensitive,
            hierarchy=resource.get("hierarchyMeaning", ""),
            size=len(self._raw),
            properties=tuple(_definition(one) for one in resource.get("property") or []),
            value_set=resource.get("valueSet", ""),
            package=self._package,
            resource=resource,
        )

    def normal(self, code: str) -> str | None:
        if code in self._raw:
            return code
        return self._folded.get(code.lower())

    def concept(self, code: str) -> Concept | None:
        found = self._concepts.get(code)
        if found is None and code in self._raw:
            found = concept_of(self._raw[code], self._added.get(code, ()), self.metadata, self._added_uris)
            self._concepts[code] = found
        return found

    def parents(self, code: str) -> Sequence[str]:
        return self._parents.get(code, ())

    def children(self, code: str) -> Sequence[str]:
        return self._children.get(code, ())

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        return tuple(code for code in self._raw if not self._parents[code])

    def roots(self) -> Sequence[str]:
        return self._roots

    def codes(self) -> Iterator[str]:
        return iter(self._order)

    @cached_property
    def _order(self) -> tuple[str, ...]:
        """Parents before children; what only a ring reaches comes last, in the resource's order."""
        seen: dict[str, None] = {}
        stack = list(reversed(self._roots))
        while stack:
            code = stack.pop()
            if code not in seen:
                seen[code] = None
                stack.extend(reversed(self._children.get(code, ())))
        return (*seen, *(code for code in self._raw if code not in seen))

    def subsumes(self, ancestor: str, descendant: str) -> bool:
        return ancestor == descendant or ancestor in self.ancestors(descendant)

    def ancestors(self, code: str) -> set[str]:
        """Everything above, without the code itself (unless a ring leads back)."""
        return _reach(code, self._parents)

    def descendants(self, code: str) -> set[str]:
        """Everything below, without the code itself (unless a ring leads back)."""
        return _reach(code, self._children)

    def filter(self, name: str, op: str, value: str) -> Iterable[str]:
        test = filters.test(self, name, op, value)
        return (code for code in self._order if test(code))

    def matches(self, code: str, name: str, op: str, value: str) -> bool:
        return code in self._raw and filters.test(self, name, op, value)(code)

    def search(self, text: str) -> Iterable[str]:
        words = text.casefold().split()
        return (code for code in self._order if any(_has(one, words) for one in self._texts(code)))

    def _texts(self, code: str) -> Iterator[str]:
        """Everything a concept is called, from the resource as it is: reading every concept takes longer."""
        yield code
        for raw in (self._raw[code], *(more for _, more in self._added.get(code, ()))):
            yield raw.get("display") or ""
            yield from (one.get("value") or "" for one in raw.get("designation") or [])


def _reach(start: str, edges: dict[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    stack = list(edges.get(start, ()))
    while stack:
        code = stack.pop()
        if code not in seen:
            seen.add(code)
            stack.extend(edges.get(code, ()))
    return seen


def _has(text: str, words: Sequence[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)


def _definition(raw: Json) -> PropertyDefinition:
    return PropertyDefinition(
        raw.get("code", ""), raw.get("type", "code"), raw.get("uri", ""), raw.get("description", "")
    )
