"""What a site knows of canonical terminology, without any request's own: packages, lists, grammars; providers kept for reuse.

Built from the definitions of the moment, again when they or the lists change; bounded. Above: `sources`, `members`.
Below: `in_memory`, `core.fhir.definitions`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from mihub.core.fhir import Resource
from mihub.core.fhir.definitions.canonical import version_key
from mihub.core.fhir.definitions.protocol import Definitions, Known
from mihub.site.terminology import shape
from mihub.site.terminology.in_memory import InMemoryCodeSystem
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.versions import join, split

_KEPT_PROVIDERS: Final = 400

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
        """The content of what is known. Raises `InvalidInput` when it is not built as FHIR builds it."""
        found = self.definitions.find(join(known.url, known.version), known.resource_type)
        return shape.check(found.resource) if found else None

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


def _only_languages(resource: Resource) -> bool:
    """Whether a supplement adds nothing but designations."""
    stack = list(resource.get("concept") or [])
    while stack:
        one = stack.pop()
        if one.get("property"):
            return False
        stack.extend(one.get("concept") or [])
    return not resource.get("property")
