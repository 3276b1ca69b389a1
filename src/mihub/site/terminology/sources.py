"""Where code systems, value sets and concept maps come from, for one request: its own resources, then packages, then lists.

Of one canonical the version that was asked for counts, else the newest; of one version the most complete content. Providers of
packages are built once and kept while the definitions do not change. Above: every operation. Below: `in_memory`, `versions`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.canonical import version_key
from mihub.core.fhir.definitions.protocol import Definitions, Known
from mihub.site.terminology.concepts import extension_value
from mihub.site.terminology.in_memory import InMemoryCodeSystem
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.versions import join, matches, newest, split

_KEPT_PROVIDERS: Final = 400
_SUPPLEMENT_TYPE: Final = "http://hl7.org/fhir/StructureDefinition/codesystem-supplement-type"
_RANK: Final = {"complete": 3, "fragment": 2, "example": 1}


Index = Mapping[tuple[str, str], Sequence[Known]]


@runtime_checkable
class Listing(Protocol):
    """Lists that come and go while the site runs."""

    @property
    def generation(self) -> int:
        """Grows when a list comes or goes."""
        ...

    def __iter__(self) -> Iterator[CodeSystemProvider]: ...


class Shelf:
    """What a site knows, without any request's own resources. Safe to use from any thread."""

    def __init__(
        self,
        definitions: Definitions,
        lists: Iterable[CodeSystemProvider] = (),
        built_in: Sequence[CodeSystemProvider] = (),
    ) -> None:
        self.definitions = definitions
        # Kept as it was given: a site's lists change while it runs, each iteration gives those of the moment.
        self._lists = lists if isinstance(lists, Listing) else tuple(lists)
        self._built_in = tuple(built_in)
        self._lock = threading.Lock()
        self._index: tuple[tuple[int, int], Index] | None = None
        self._packs: tuple[Index, dict[str, list[Resource]]] | None = None
        self._providers: OrderedDict[tuple[str, ...], InMemoryCodeSystem] = OrderedDict()

    @property
    def generation(self) -> tuple[int, int]:
        """Changes whenever anything that is known changes."""
        lists = self._lists.generation if isinstance(self._lists, Listing) else 0
        return self.definitions.generation, lists

    def current(self) -> Index:
        """What is known now, by type and address; looks once whether that changed."""
        generation = self.generation
        index = self._index
        if index is not None and index[0] == generation:
            return index[1]
        built: dict[tuple[str, str], list[Known]] = {}
        for resource_type in ("CodeSystem", "ValueSet", "ConceptMap"):
            for known in self.definitions.all(resource_type):
                built.setdefault((resource_type, known.url), []).append(known)
        with self._lock:
            self._index = (generation, built)
            self._providers.clear()
        return built

    def resource(self, known: Known) -> Resource | None:
        """The content of what is known."""
        found = self.definitions.find(join(known.url, known.version), known.resource_type)
        return found.resource if found else None

    def language_packs(self, index: Index, url: str) -> Sequence[Resource]:
        """Supplements of packages that only say a code system's concepts in other languages: used without being asked for."""
        packs = self._packs
        if packs is None or packs[0] is not index:
            found: dict[str, list[Resource]] = {}
            for (kind, _), versions in index.items():
                # Which system a supplement belongs to stands inside it; only what is called one is opened.
                if kind == "CodeSystem" and "suppl" in f"{versions[0].url} {versions[0].name}".casefold():
                    self._note_pack(max(versions, key=lambda one: version_key(one.version)), found)
            packs = self._packs = (index, found)
        return packs[1].get(url, ())

    def _note_pack(self, known: Known, found: dict[str, list[Resource]]) -> None:
        resource = self.resource(known)
        if resource is not None and resource.get("content") == "supplement" and _only_languages(resource):
            found.setdefault(split(resource.get("supplements", ""))[0], []).append(resource)

    def lists(self, url: str) -> Iterator[CodeSystemProvider]:
        """Providers of publishers' lists and grammars for one code system."""
        return (one for one in (*self._lists, *self._built_in) if one.metadata.url == url)

    def systems(self) -> Iterator[str]:
        """The addresses of all code systems."""
        yield from dict.fromkeys(one.metadata.url for one in (*self._lists, *self._built_in))
        yield from (url for kind, url in self.current() if kind == "CodeSystem")

    def provider(self, known: Known, supplements: Sequence[Resource] = ()) -> InMemoryCodeSystem | None:
        """A provider over a CodeSystem of a package, kept for the next request."""
        key = (
            known.url,
            known.version,
            known.package,
            *(join(s["url"], s.get("version", "")) for s in supplements),
        )
        with self._lock:
            kept = self._providers.get(key)
            if kept is not None:
                self._providers.move_to_end(key)
                return kept
        resource = self.resource(known)
        if resource is None:
            return None
        built = InMemoryCodeSystem(resource, supplements, known.package)
        with self._lock:
            self._providers[key] = built
            while len(self._providers) > _KEPT_PROVIDERS:
                self._providers.popitem(last=False)
        return built


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
        self._own = tuple(one for one in own if isinstance(one.get("url"), str))
        self._stated = tuple(supplements)
        self._built: dict[int, InMemoryCodeSystem] = {}

    def with_supplements(self, supplements: Iterable[str]) -> Sources:
        """The same, with supplements that are to be used."""
        return Sources(self.shelf, self._own, (*self._stated, *supplements), self._index)

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
        return next((self.shelf.resource(one) for one in known if one.version == latest), None)

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


def _only_languages(resource: Resource) -> bool:
    """Whether a supplement adds nothing but designations."""
    stack = list(resource.get("concept") or [])
    while stack:
        one = stack.pop()
        if one.get("property"):
            return False
        stack.extend(one.get("concept") or [])
    return not resource.get("property")


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
