"""Is a code in a value set, thousands of times a second: each value set is compiled once into sets and questions.

For the validator; says why in a word, never in a sentence. What is compiled is kept until the definitions change, bounded,
readable from any thread. Source: R4 ValueSet.compose. Above: `service`, `site.validate`. Below: `sources`, `external_answers`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.errors import MihubError
from mihub.site.terminology.displays import Displays
from mihub.site.terminology.external_answers import ExternalAnswers
from mihub.site.terminology.preparation import operator
from mihub.site.terminology.protocol import CodeSystemProvider, Fallback, Membership
from mihub.site.terminology.sources import Shelf, Sources
from mihub.site.terminology.versions import matches

_KEPT_SETS: Final = 5_000
_LOOK_SECONDS: Final = 0.2
_KEPT_ANSWERS: Final = 100_000
# A value set up to this size becomes one set of codes; a larger one is asked part by part.
LISTED: Final = 20_000

Pair = tuple[str, str]
_YES: Final = Membership("yes")
_NO: Final = Membership("no", "not-in-value-set")


@dataclass(frozen=True, slots=True)
class _Part:
    """One include or exclude of one code system. `codes`: all it holds, None when they are asked one by one."""

    system: str
    version: str = ""
    codes: frozenset[str] | None = None
    holds: Callable[[str], bool] | None = None
    # A word when codes that are not found may still be in it: content is missing here.
    doubt: str = ""
    folds: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class _Joined:
    """An include's parts: a code must be in one of `system_parts` (when given) and in every import."""

    system_parts: tuple[_Part, ...]
    imports: tuple[_Compiled, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A value set ready to be asked. `listed`: everything, when that is known and small."""

    includes: tuple[_Joined, ...] = ()
    excludes: tuple[_Joined, ...] = ()
    listed: frozenset[Pair] | None = None
    bare: frozenset[str] = frozenset()
    trouble: Membership | None = None


@dataclass(slots=True)
class _Memory:
    """What is known under one generation of the definitions."""

    generation: tuple[int, int]
    sources: Sources
    sets: OrderedDict[str, _Compiled] = field(default_factory=OrderedDict)
    answers: dict[tuple[str, str, str, str], Membership] = field(default_factory=dict)


class Members:
    """The fast door to membership. Safe to use from any thread."""

    def __init__(self, shelf: Shelf, fallback: Fallback | None = None) -> None:
        self._shelf = shelf
        self._external = ExternalAnswers(fallback) if fallback is not None else None
        self._lock = threading.RLock()
        self._memory: _Memory | None = None
        self._look_again_at = 0.0

    def member(
        self, value_set: str, system: str, code: str, *, version: str = "", display: str = ""
    ) -> Membership:
        """Whether the value set (a canonical) holds the code; `system` "" for a bare code."""
        memory = self._current()
        compiled = memory.sets.get(value_set) or self._compile(value_set, memory)
        if compiled.listed is not None and not version and not display:
            found = (system, code) in compiled.listed if system else code in compiled.bare
            return _YES if found else _NO
        answer = self._answer(memory, compiled, value_set, (system, code, version))
        if answer.verdict == "yes" and display and system:
            return self._display(system, version, code, display)
        return answer

    def codes_of(self, value_set: str) -> frozenset[Pair] | None:
        """All codes of a small value set, None for a large one or one that can not be listed here."""
        memory = self._current()
        return (memory.sets.get(value_set) or self._compile(value_set, memory)).listed

    def in_system(self, system: str, code: str, *, version: str = "", display: str = "") -> Membership:
        """Whether the code is in its code system at all."""
        provider = self._sources.any_code_system(system, version) or self._sources.any_code_system(system)
        if provider is None:
            return Membership("unknown", "unknown-system", {"system": system})
        if provider.normal(code) is not None:
            return self._display(system, version, code, display)
        if provider.metadata.content == "complete":
            return Membership("no", "unknown-code", {"system": system})
        return Membership("unknown", "not-enumerable", {"system": system})

    def _current(self) -> _Memory:
        """What is compiled; looks a few times a second whether it still holds, for looking costs more than an answer."""
        memory, now = self._memory, time.monotonic()
        if memory is not None and now < self._look_again_at:
            return memory
        generation = self._shelf.generation
        if memory is None or memory.generation != generation:
            memory = self._memory = _Memory(generation, Sources(self._shelf))
        self._look_again_at = now + _LOOK_SECONDS
        return memory

    @property
    def _sources(self) -> Sources:
        return self._current().sources

    def _answer(
        self, memory: _Memory, compiled: _Compiled, value_set: str, asked: tuple[str, str, str]
    ) -> Membership:
        key = (value_set, *asked)
        kept = memory.answers.get(key)
        if kept is not None:
            return kept
        answer = compiled.trouble or _ask(compiled, *asked)
        if answer.verdict == "unknown" and self._external is not None:
            answer = self._external.member(value_set, *asked, known_trouble=answer)
            if answer.why == "external-failed":
                return answer
        if len(memory.answers) >= _KEPT_ANSWERS:
            memory.answers.clear()
        memory.answers[key] = answer
        return answer

    def _display(self, system: str, version: str, code: str, display: str) -> Membership:
        provider = self._sources.code_system(system, version) or self._sources.code_system(system)
        concept = provider.concept(provider.normal(code) or "") if provider is not None else None
        if provider is None or concept is None:
            return _YES
        displays = Displays.of(concept, provider.metadata)
        if display and displays.said and displays.accepts(display, None) != "same":
            return Membership("yes", "display-differs", {"system": system})
        return Membership("yes", "inactive", {"system": system}) if concept.inactive else _YES

    def _compile(self, value_set: str, memory: _Memory) -> _Compiled:
        with self._lock:
            kept = memory.sets.get(value_set)
            if kept is not None:
                return kept
            compiled = self._compiled(value_set, ())
            memory.sets[value_set] = compiled
            while len(memory.sets) > _KEPT_SETS:
                memory.sets.popitem(last=False)
            return compiled

    def _compiled(self, value_set: str, chain: tuple[str, ...], within: Resource | None = None) -> _Compiled:
        facts = {"value_set": value_set}
        if value_set in chain:
            return _Compiled(trouble=Membership("unknown", "invalid-value-set", facts))
        resource = self._sources.value_set(value_set, within)
        if resource is None:
            return _Compiled(trouble=Membership("unknown", "unknown-value-set", facts))
        try:
            return self._of_definition(resource, (*chain, value_set))
        except MihubError:
            return _Compiled(trouble=Membership("unknown", "invalid-value-set", facts))

    def _of_definition(self, resource: Resource, chain: tuple[str, ...]) -> _Compiled:
        compose = resource.get("compose") or {}
        includes = tuple(self._joined(part, resource, chain) for part in compose.get("include") or [])
        excludes = tuple(self._joined(part, resource, chain) for part in compose.get("exclude") or [])
        compiled = _Compiled(includes, excludes)
        trouble = next(_troubles((*includes, *excludes)), None)
        stored = _stored(resource)
        if stored is not None and (trouble is not None or not compose or _doubted(compiled)):
            return _Compiled(listed=stored, bare=frozenset(code for _, code in stored))
        listed = _listed(compiled) if trouble is None else None
        bare = frozenset(code for _, code in listed) if listed is not None else frozenset()
        return _Compiled(includes, excludes, listed, bare, trouble)

    def _joined(self, part: Json, resource: Resource, chain: tuple[str, ...]) -> _Joined:
        imports = tuple(self._compiled(one, chain, resource) for one in part.get("valueSet") or [])
        return _Joined((self._part(part),) if part.get("system") else (), imports)

    def _part(self, part: Json) -> _Part:
        system, version = part["system"], part.get("version", "")
        provider = self._sources.any_code_system(system, version)
        listed = [one["code"] for one in part.get("concept") or [] if isinstance(one.get("code"), str)]
        if provider is None or provider.metadata.content == "not-present":
            # A list of codes is a statement of its own; a filter without its system is none.
            if listed:
                return _Part(system, version, frozenset(listed))
            return _Part(
                system, version, frozenset(), doubt="unknown-system" if provider is None else "not-enumerable"
            )
        complete = provider.metadata.content == "complete"
        folds = None if provider.metadata.case_sensitive else provider.normal
        doubt = "" if complete else "not-enumerable"
        if listed:
            known = frozenset(one for one in listed if not complete or provider.normal(one) is not None)
            return _Part(system, version, known, folds=folds)
        filters = [
            (one.get("property", ""), operator(one), one.get("value", "")) for one in part.get("filter") or []
        ]
        return _asked_part(provider, filters, version, doubt, folds)


def _asked_part(
    provider: CodeSystemProvider,
    filters: list[tuple[str, str, str]],
    version: str,
    doubt: str,
    folds: Callable[[str], str | None] | None,
) -> _Part:
    """The codes of a system that pass the filters: as a set where the system is small, else as a question."""
    size, url = provider.metadata.size, provider.metadata.url
    if size is not None and size <= LISTED:
        codes = provider.filter(*filters[0]) if filters else provider.codes()
        found = frozenset(c for c in codes if all(provider.matches(c, *one) for one in filters[1:]))
        return _Part(url, version, found, doubt=doubt, folds=folds)

    def holds(code: str) -> bool:
        normal = provider.normal(code)
        return normal is not None and all(provider.matches(normal, *one) for one in filters)

    return _Part(url, version, None, holds, doubt)


def _ask(compiled: _Compiled, system: str, code: str, version: str) -> Membership:
    if compiled.trouble is not None:
        return compiled.trouble
    if compiled.listed is not None and not version:
        found = (system, code) in compiled.listed if system else code in compiled.bare
        return _YES if found else _NO
    inside = _best(_in_joined(one, system, code, version) for one in compiled.includes)
    if inside.verdict == "no":
        return _NO
    outside = _best(_in_joined(one, system, code, version) for one in compiled.excludes)
    if outside.verdict == "yes":
        return _NO
    return outside if outside.verdict == "unknown" else inside


def _best(answers: Iterable[Membership]) -> Membership:
    """Yes before unknown before no."""
    best = _NO
    for one in answers:
        if one.verdict == "yes":
            return one
        if one.verdict == "unknown":
            best = one
    return best


def _in_joined(joined: _Joined, system: str, code: str, version: str) -> Membership:
    answers = [_in_part(part, system, code, version) for part in joined.system_parts]
    answers += [_ask(one, system, code, version) for one in joined.imports]
    if any(one.verdict == "no" for one in answers) or not answers:
        return _NO
    return next((one for one in answers if one.verdict == "unknown"), _YES)


def _in_part(part: _Part, system: str, code: str, version: str) -> Membership:
    if system and part.system != system:
        return _NO
    if version and part.version and not matches(part.version, version):
        return _NO
    if part.holds is not None:
        found = part.holds(code)
    else:
        codes = part.codes or frozenset()
        found = code in codes or (part.folds is not None and part.folds(code) in codes)
    if found:
        return _YES
    return Membership("unknown", part.doubt, {"system": part.system}) if part.doubt else _NO


def _parts(joined: tuple[_Joined, ...]) -> Iterator[_Part]:
    for one in joined:
        yield from one.system_parts


def _troubles(joined: tuple[_Joined, ...]) -> Iterator[Membership]:
    """A ring or an unknown import makes the whole value set unsure."""
    for one in joined:
        yield from (inner.trouble for inner in one.imports if inner.trouble is not None)


def _doubted(compiled: _Compiled) -> bool:
    joined = (*compiled.includes, *compiled.excludes)
    return any(part.doubt for part in _parts(joined)) or any(
        _doubted(i) for one in joined for i in one.imports
    )


def _listed(compiled: _Compiled) -> frozenset[Pair] | None:
    """Everything as pairs, or None when it can not be listed, is unsure, or is large."""
    inside = _pairs(compiled.includes)
    outside = _pairs(compiled.excludes)
    if inside is None or outside is None or len(inside) > LISTED:
        return None
    return frozenset(inside - outside)


def _pairs(joined: tuple[_Joined, ...]) -> set[Pair] | None:
    found: set[Pair] = set()
    for one in joined:
        sets: list[frozenset[Pair]] = []
        for part in one.system_parts:
            if part.codes is None or part.doubt or part.folds is not None:
                return None
            sets.append(frozenset((part.system, code) for code in part.codes))
        for inner in one.imports:
            if inner.listed is None:
                return None
            sets.append(inner.listed)
        if sets:
            found |= frozenset.intersection(*sets)
    return found


def _stored(resource: Resource) -> frozenset[Pair] | None:
    """The codes of an expansion that came with the value set, when it says it has all of them."""
    expansion = resource.get("expansion") or {}
    found: set[Pair] = set()
    stack = list(expansion.get("contains") or [])
    while stack:
        one = stack.pop()
        stack.extend(one.get("contains") or [])
        if one.get("code") and not one.get("abstract"):
            found.add((one.get("system", ""), one["code"]))
    total = expansion.get("total")
    unclosed = any(
        str(one.get("url", "")).endswith("valueset-unclosed") for one in expansion.get("extension") or []
    )
    complete = not unclosed and not (isinstance(total, int) and total > len(found))
    return frozenset(found) if found and complete else None
