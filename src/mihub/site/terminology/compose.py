"""The codes of a value set, as its definition says, in order: includes, excludes, imports, filters, text.

Only codes are listed here; what is known of them is looked up for the page that is shown. Nothing is listed without a bound.
Source: https://hl7.org/fhir/R4/valueset.html#compositions. Above: `expand`. Below: `sources`, `preparation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from mihub.core.fhir import Json, Resource
from mihub.errors import TooLarge
from mihub.site.terminology.asked import Asked
from mihub.site.terminology.displays import Displays
from mihub.site.terminology.entries import (
    Entry,
    Key,
    Notes,
    as_listed,
    missing_import,
    newest_first,
    no_value,
    stored,
    too_costly,
)
from mihub.site.terminology.preparation import canonical, operator
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.used_systems import Used


class Composer:
    """Lists one value set for one request. `most`: no more codes than this are looked at."""

    def __init__(self, sources: Sources, asked: Asked, most: int, outer: Composer | None = None) -> None:
        self._sources = sources
        self._asked = asked
        self._most = most
        self._looked_at = 0
        # What was imported once is not composed again, however many ways lead to it.
        self._composed: dict[int, tuple[list[Entry], Notes]] = outer._composed if outer is not None else {}
        self._active_only = False
        self.notes = Notes()
        self.used = Used(sources, asked, self.notes)

    def entries(self, value_set: Resource) -> Iterator[Entry]:
        """Every code once. Raises `Refused`."""
        compose = value_set.get("compose")
        if not compose:
            yield from stored(value_set)
            return
        tells = self._tells_versions(compose)
        # Several versions of one code system are different codes, unless the request or the value set says they are the same.
        versioned = tells and not self._versions_match(compose)
        self._active_only = bool(self._asked.active_only) or compose.get("inactive") is False
        excluded = [self._exclusion(value_set, part, versioned) for part in compose.get("exclude") or []]
        seen: set[Key] = set()
        for include in newest_first(compose.get("include") or []):
            for entry in self._included(value_set, include):
                key = (entry.system, entry.version if versioned else "", entry.code)
                if key in seen:
                    self.notes.nested = False
                elif not any(test(entry) for test in excluded):
                    seen.add(key)
                    entry.tells_version = tells
                    self._count(value_set)
                    yield entry

    def size(self, value_set: Resource) -> int | None:
        """How many there are, where that is known without listing them: all of one code system."""
        compose = value_set.get("compose") or {}
        includes = compose.get("include") or []
        asked = self._asked
        narrowed = asked.text or asked.active_only or asked.exclude_not_for_ui or asked.excluded_systems
        if len(includes) != 1 or compose.get("exclude") or compose.get("inactive") is False or narrowed:
            return None
        if set(includes[0]) - {"system", "version", "id", "extension"} or not includes[0].get("system"):
            return None
        return self.used.provider(value_set, includes[0]).metadata.size

    def _tells_versions(self, compose: Json) -> bool:
        """Whether one code system comes in several versions."""
        versions: dict[str, set[str]] = {}
        for part in (*(compose.get("include") or []), *(compose.get("exclude") or [])):
            if part.get("system"):
                versions.setdefault(part["system"], set()).add(part.get("version", ""))
        return any(len(found) > 1 for found in versions.values())

    def _versions_match(self, compose: Json) -> bool:
        """Excluding one version of what another version includes means the codes, whatever the version."""
        matching = self._asked.versions_match
        if matching is None:
            inside, outside = compose.get("include") or [], compose.get("exclude") or []
            versions = [{one.get("version", "") for one in part} for part in (inside, outside)]
            matching = (
                len({one.get("system", "") for one in (*inside, *outside)}) == 1
                and all(versions)
                and not versions[0] & versions[1]
                and "" not in versions[0] | versions[1]
            )
        self.notes.versions_match |= matching
        return matching

    def _count(self, value_set: Resource) -> None:
        self._looked_at += 1
        if self._looked_at > self._most:
            raise too_costly(value_set, self._most)

    def _included(self, value_set: Resource, include: Json) -> Iterator[Entry]:
        imports = [self._imported(value_set, one) for one in include.get("valueSet") or []]
        if include.get("system") in self._asked.excluded_systems:
            return
        if include.get("valueSet") or include.get("concept") or len(include.get("filter") or []) > 1:
            self.notes.nested = False
        if not include.get("system"):
            others = [{(one.system, one.code) for one in more} for more in imports[1:]]
            for entry in imports[0] if imports else ():
                if all((entry.system, entry.code) in other for other in others):
                    entry.above = None
                    yield entry
            return
        provider = self.used.provider_or_list(value_set, include)
        members = [{(one.system, one.code) for one in more} for more in imports]
        listed_codes = (
            self._of_system(value_set, include, provider) if provider else as_listed(value_set, include)
        )
        for entry in listed_codes:
            if all((entry.system, entry.code) in other for other in members):
                yield entry

    def _imported(self, value_set: Resource, address: str) -> list[Entry]:
        other = self.used.resolve(address, value_set)
        if other is None:
            raise missing_import(self._asked, address)
        if id(other) not in self._composed:
            inner = Composer(self._sources, self._asked, self._most, self)
            self._composed[id(other)] = (list(inner.entries(other)), inner.notes)
        found, notes = self._composed[id(other)]
        self.notes.parameters |= notes.parameters
        self.notes.unclosed |= notes.unclosed
        if not address.startswith("#"):
            self.notes.add("used-valueset", canonical(other))
            self.used.note_status(other, value_set)
        return found

    def _of_system(self, value_set: Resource, include: Json, provider: CodeSystemProvider) -> Iterator[Entry]:
        if include.get("concept"):
            yield from self._of_list(value_set, include["concept"], provider)
        elif include.get("filter"):
            codes = self._filtered(value_set, include["filter"], provider)
            yield from self._hung(provider, self._with_text(provider, codes))
        elif self._asked.text:
            self.notes.nested = False
            yield from self._hung(provider, provider.search(self._asked.text))
        else:
            yield from self._hung(provider, self._all_codes(value_set, provider))

    def _all_codes(self, value_set: Resource, provider: CodeSystemProvider) -> Iterable[str]:
        try:
            return provider.codes()
        except TooLarge as error:
            return self._common(value_set, provider, error)

    def _common(self, value_set: Resource, provider: CodeSystemProvider, error: TooLarge) -> Sequence[str]:
        """Of a grammar, whose codes nobody can list: those that are known by name, and a word that they are not all."""
        common: Sequence[str] = getattr(provider, "common", ())
        if not common:
            raise too_costly(value_set, self._most) from error
        self.notes.unclosed.add(provider.metadata.url)
        return common

    def _of_list(
        self, value_set: Resource, concepts: Sequence[Json], provider: CodeSystemProvider
    ) -> Iterator[Entry]:
        meta, language = provider.metadata, value_set.get("language", "")
        for reference in concepts:
            code = provider.normal(reference.get("code", ""))
            if code is None or not self._wanted(provider, code):
                continue
            if self._asked.text and not self._says(provider, code, reference):
                continue
            yield Entry(meta.url, meta.version, reference["code"], provider, reference, language)

    def _says(self, provider: CodeSystemProvider, code: str, reference: Json) -> bool:
        concept = provider.concept(code)
        displays = Displays.of(concept, provider.metadata) if concept else Displays()
        displays.add_reference(reference, "")
        words = self._asked.text.casefold().split()
        texts = [code.casefold(), *(one.value.casefold() for one in displays.said)]
        return any(all(word in text for word in words) for text in texts)

    def _filtered(
        self, value_set: Resource, filters: Sequence[Json], provider: CodeSystemProvider
    ) -> Iterator[str]:
        for position, one in enumerate(filters):
            if not one.get("value"):
                raise no_value(provider.metadata.url, one, f"ValueSet.compose.include[0].filter[{position}]")
        first, *others = [(one.get("property", ""), operator(one), one["value"]) for one in filters]
        try:
            codes = provider.filter(*first)
        except TooLarge as error:
            codes = (one for one in self._common(value_set, provider, error) if provider.matches(one, *first))
        yield from (code for code in codes if all(provider.matches(code, *other) for other in others))

    def _with_text(self, provider: CodeSystemProvider, codes: Iterable[str]) -> Iterable[str]:
        if not self._asked.text:
            return codes
        found = set(provider.search(self._asked.text))
        return (code for code in codes if code in found)

    def _wanted(self, provider: CodeSystemProvider, code: str) -> bool:
        """Active only, where that is asked or the value set says so."""
        if not self._active_only:
            return True
        concept = provider.concept(code)
        return concept is None or not concept.inactive

    def _hung(self, provider: CodeSystemProvider, codes: Iterable[str]) -> Iterator[Entry]:
        """Each code under its parent, as far as that is listed too."""
        meta = provider.metadata
        placed: dict[str, Entry] = {}
        # A page that does not hold everything is flat: beyond it nobody needs to know what hangs where.
        hanging = not self._asked.exclude_nested and not self._asked.offset
        for code in codes:
            hanging = hanging and (self._asked.count is None or len(placed) <= self._asked.count)
            if not self._wanted(provider, code) or self._not_for_ui(provider, code):
                continue
            parents = provider.parents(code) if hanging else ()
            above = next((placed[one] for one in parents if one in placed), None)
            if len(parents) > 1:
                # What stands in two places can not be shown as a tree.
                self.notes.nested = False
            placed[code] = Entry(meta.url, meta.version, code, provider, above=above)
            yield placed[code]

    def _not_for_ui(self, provider: CodeSystemProvider, code: str) -> bool:
        if not self._asked.exclude_not_for_ui:
            return False
        concept = provider.concept(code)
        return concept is not None and concept.abstract

    def _exclusion(self, value_set: Resource, part: Json, versioned: bool) -> Callable[[Entry], bool]:
        if part.get("valueSet") or part.get("concept") or len(part.get("filter") or []) > 1:
            self.notes.nested = False
        imports = [
            {(e.system, e.code) for e in self._imported(value_set, one)} for one in part.get("valueSet") or []
        ]
        url = part.get("system")
        if not url:
            return lambda entry: bool(imports) and all((entry.system, entry.code) in one for one in imports)
        provider = self.used.provider(value_set, part)
        codes = {one.get("code") for one in part.get("concept") or []}
        filters = [
            (one.get("property", ""), operator(one), one.get("value", "")) for one in part.get("filter") or []
        ]
        version = provider.metadata.version if versioned and part.get("version") else ""

        def excluded(entry: Entry) -> bool:
            return (
                entry.system == url
                and (not version or entry.version == version)
                and (entry.code in codes if codes else provider.normal(entry.code) is not None)
                and all(provider.matches(entry.code, *one) for one in filters)
                and all((entry.system, entry.code) in one for one in imports)
            )

        return excluded
