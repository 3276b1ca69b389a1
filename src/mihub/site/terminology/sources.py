"""Where code systems, value sets and concept maps come from, for one request: its own resources, then packages, then lists.

Of one canonical the version that was asked for counts, else the newest; of one version the most complete content.
Above: every operation. Below: `shelf`, `in_memory`, `versions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.protocol import Known
from mihub.site.terminology import shape
from mihub.site.terminology.concepts import extension_value
from mihub.site.terminology.implicit import implicit
from mihub.site.terminology.in_memory import InMemoryCodeSystem
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.shelf import Index, Shelf
from mihub.site.terminology.versions import join, matches, newest, split

_SUPPLEMENT_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/codesystem-supplement-type"
_RANK: Final = {"complete": 3, "fragment": 2, "example": 1}


class Sources:
    """The shelf and, before it, the resources that came with one request."""

    def __init__(
        self,
        shelf: Shelf,
        own: Sequence[Resource] = (),
        supplements: Iterable[str] = (),
        index: Index | None = None,
    ) -> None:
        self.shelf = shelf
        self._index = index if index is not None else shelf.current()
        self._own = tuple(shape.check(one) for one in own if isinstance(one.get("url"), str))
        self._stated = tuple(supplements)
        self._built: dict[int, InMemoryCodeSystem] = {}

    def with_supplements(self, supplements: Iterable[str]) -> Sources:
        """The same, with supplements that are to be used."""
        more = Sources(self.shelf, (), (*self._stated, *supplements), self._index)
        more._own = self._own
        return more

    def code_system(self, url: str, version: str = "") -> CodeSystemProvider | None:
        """A code system that has codes, or None."""
        found = self.any_code_system(url, version)
        return found if found is not None and found.metadata.content in _RANK else None

    def any_code_system(self, url: str, version: str = "") -> CodeSystemProvider | None:
        """The same, also when it is a supplement or says only that it exists."""
        own = self._newest_own("CodeSystem", url, version)
        if own is not None and own.get("content") == "complete":
            return self._own_provider(own)
        best: CodeSystemProvider | None = None
        for candidate in self._candidates(url, version):
            if best is None or _better(candidate, best):
                best = candidate
        if own is not None and (best is None or _RANK.get(own.get("content", ""), 0) >= _rank(best)):
            return self._own_provider(own)
        return best

    def _known(self, resource_type: str, url: str) -> Sequence[Known]:
        return self._index.get((resource_type, url), ())

    def _candidates(self, url: str, version: str) -> Iterator[CodeSystemProvider]:
        for listed in self.shelf.lists(url):
            if matches(version, listed.metadata.version):
                yield listed
        known = [one for one in self._known("CodeSystem", url) if matches(version, one.version)]
        if known:
            latest = newest(one.version for one in known)
            for one in known:
                # Older ones count only where the newest is an empty shell; that is decided by content.
                if one.version == latest or len(known) < 8:
                    provider = self.shelf.provider(one, self._supplements(url, one.version))
                    if provider is not None:
                        yield provider

    def _own_provider(self, resource: Resource) -> InMemoryCodeSystem:
        key = id(resource)
        if key not in self._built:
            supplements = self._supplements(resource["url"], resource.get("version", ""))
            self._built[key] = InMemoryCodeSystem(resource, supplements)
        return self._built[key]

    def _supplements(self, url: str, version: str) -> list[Resource]:
        stated = (self._supplement(canonical) for canonical in self._stated)
        packs = (one for one in self._own if extension_value(one, _SUPPLEMENT_TYPE) == "lang-pack")
        found: dict[str, Resource] = {}
        for one in (*stated, *packs, *self.shelf.language_packs(self._index, url)):
            if one is not None and _supplements(one, url, version):
                found.setdefault(join(one["url"], one.get("version", "")), one)
        return list(found.values())

    def _supplement(self, canonical: str) -> Resource | None:
        url, version = split(canonical)
        own = self._newest_own("CodeSystem", url, version)
        if own is not None:
            return own
        known = [one for one in self._known("CodeSystem", url) if matches(version, one.version)]
        latest = newest(one.version for one in known)
        return next((self.shelf.resource(one) for one in known if one.version == latest), None)

    def has_supplement(self, canonical: str) -> bool:
        """Whether a supplement that must be used is known at all."""
        found = self._supplement(canonical)
        return found is not None and found.get("content") == "supplement"

    def versions(self, url: str) -> list[str]:
        """Every version of a code system that is known, sorted."""
        found = {one.get("version", "") for one in self._own if one["url"] == url}
        found |= {one.metadata.version for one in self.shelf.lists(url)}
        found |= {one.version for one in self._known("CodeSystem", url)}
        return sorted(found - {""})

    def value_set(self, canonical: str, within: Resource | None = None) -> Resource | None:
        """A value set, also one contained in `within` when the canonical is `#id`; or None."""
        if canonical.startswith("#"):
            contained = (within or {}).get("contained") or []
            return next((one for one in contained if one.get("id") == canonical[1:]), None)
        url, version = split(canonical)
        own = self._newest_own("ValueSet", url, version)
        if own is not None:
            return own
        known = [one for one in self._known("ValueSet", url) if matches(version, one.version)]
        latest = newest(one.version for one in known)
        return next((self.shelf.resource(one) for one in known if one.version == latest), None) or implicit(
            url, version
        )

    def concept_maps(self) -> Iterator[Resource]:
        """Every concept map, the request's own first."""
        yield from (one for one in self._own if one.get("resourceType") == "ConceptMap")
        maps = (one for (kind, _), known in self._index.items() if kind == "ConceptMap" for one in known)
        for known in maps:
            found = self.shelf.resource(known)
            if found is not None:
                yield found

    def _newest_own(self, resource_type: str, url: str, version: str) -> Resource | None:
        found = [
            one
            for one in self._own
            if one["url"] == url
            and one.get("resourceType") == resource_type
            and matches(version, one.get("version", ""))
        ]
        latest = newest(one.get("version", "") for one in found)
        return next((one for one in found if one.get("version", "") == latest), None)


def _rank(provider: CodeSystemProvider) -> int:
    return _RANK.get(provider.metadata.content, 0)


def _better(one: CodeSystemProvider, other: CodeSystemProvider) -> bool:
    """More content wins; of equal content the newer version, of equal versions the one found first."""
    if _rank(one) != _rank(other):
        return _rank(one) > _rank(other)
    a, b = one.metadata.version, other.metadata.version
    return a != b and newest((a, b)) == a


def _supplements(resource: Resource, url: str, version: str) -> bool:
    base, wanted = split(resource.get("supplements", ""))
    return base == url and (not wanted or not version or matches(wanted, version))
