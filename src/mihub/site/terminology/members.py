"""Is a code in a value set, thousands of times a second: each value set is compiled once into sets and questions.

For the validator; says why in a word, never in a sentence. What is compiled is kept until the definitions change, bounded,
readable from any thread. Source: R4 ValueSet.compose. Above: `terminology`, the validator. Below: `sources`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.errors import MihubError
from mihub.site.terminology.compiled_set import (
    NO,
    YES,
    Compiled,
    Joined,
    Pair,
    Part,
    ask,
    asked_part,
    doubted,
    listed_pairs,
    narrowed,
    stored_pairs,
    troubles,
)
from mihub.site.terminology.displays import Displays
from mihub.site.terminology.external_answers import ExternalAnswers
from mihub.site.terminology.preparation import operator
from mihub.site.terminology.protocol import CodeSystemProvider, FilterRefused, Membership
from mihub.site.terminology.shelf import Shelf
from mihub.site.terminology.sources import Sources

_DEEPEST: Final = 64
_EVERYWHERE: Final = frozenset(
    [
        "concept",
        "code",
        "display",
        "definition",
        "designation",
        "parent",
        "child",
        "status",
        "inactive",
        "notSelectable",
    ]
)
_KEPT_SETS: Final = 5_000
_LOOK_SECONDS: Final = 0.2
_KEPT_ANSWERS: Final = 100_000


@dataclass(slots=True)
class _Memory:
    """What is known under one generation of the definitions."""

    generation: tuple[int, int]
    sources: Sources
    sets: OrderedDict[str, Compiled] = field(default_factory=OrderedDict)
    answers: dict[tuple[str, str, str, str], Membership] = field(default_factory=dict)


class Members:
    """The fast door to membership. Safe to use from any thread."""

    def __init__(self, shelf: Shelf, external: ExternalAnswers | None = None) -> None:
        self._shelf = shelf
        self._external = external
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
            return YES if found else NO
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
        try:
            return self._in_system(system, code, version, display)
        except MihubError:
            return Membership("unknown", "invalid-code-system", {"system": system})

    def _in_system(self, system: str, code: str, version: str, display: str) -> Membership:
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
        self, memory: _Memory, compiled: Compiled, value_set: str, asked: tuple[str, str, str]
    ) -> Membership:
        key = (value_set, *asked)
        kept = memory.answers.get(key)
        if kept is not None:
            return kept
        answer = compiled.trouble or ask(compiled, *asked)
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
            return YES
        displays = Displays.of(concept, provider.metadata)
        if display and displays.said and displays.accepts(display, None) != "same":
            return Membership("yes", "display-differs", {"system": system})
        return Membership("yes", "inactive", {"system": system}) if concept.inactive else YES

    def _compile(self, value_set: str, memory: _Memory) -> Compiled:
        with self._lock:
            kept = memory.sets.get(value_set)
            if kept is not None:
                return kept
            compiled = self._compiled(value_set, ())
            self._keep(value_set, compiled)
            return compiled

    def _keep(self, value_set: str, compiled: Compiled) -> None:
        sets = self._current().sets
        sets[value_set] = compiled
        while len(sets) > _KEPT_SETS:
            sets.popitem(last=False)

    def _compiled(self, value_set: str, chain: tuple[str, ...], within: Resource | None = None) -> Compiled:
        facts = {"value_set": value_set}
        if value_set in chain or len(chain) > _DEEPEST:
            return Compiled(trouble=Membership("unknown", "invalid-value-set", facts))
        kept = self._current().sets.get(value_set) if not value_set.startswith("#") else None
        if kept is not None:
            return kept
        try:
            resource = self._sources.value_set(value_set, within)
            if resource is None:
                return Compiled(trouble=Membership("unknown", "unknown-value-set", facts))
            compiled = self._of_definition(resource, (*chain, value_set))
            if not value_set.startswith("#"):
                self._keep(value_set, compiled)
            return compiled
        except MihubError:
            return Compiled(trouble=Membership("unknown", "invalid-value-set", facts))

    def _of_definition(self, resource: Resource, chain: tuple[str, ...]) -> Compiled:
        compose = resource.get("compose") or {}
        active = compose.get("inactive") is False
        includes = tuple(self._joined(one, resource, chain, active) for one in compose.get("include") or [])
        excludes = tuple(self._joined(part, resource, chain) for part in compose.get("exclude") or [])
        compiled = Compiled(includes, excludes)
        trouble = next(troubles((*includes, *excludes)), None)
        stored = stored_pairs(resource)
        doubtful = doubted((*includes, *excludes))
        if stored is not None and (trouble is not None or not compose or doubtful):
            return Compiled(listed=stored, bare=frozenset(code for _, code in stored))
        listed = listed_pairs(compiled) if trouble is None else None
        bare = frozenset(code for _, code in listed) if listed is not None else frozenset()
        return Compiled(includes, excludes, listed, bare, trouble, doubtful)

    def _joined(
        self, part: Json, resource: Resource, chain: tuple[str, ...], active_only: bool = False
    ) -> Joined:
        imports = tuple(self._compiled(one, chain, resource) for one in part.get("valueSet") or [])
        return Joined((self._part(part, active_only),) if part.get("system") else (), imports)

    def _part(self, part: Json, active_only: bool) -> Part:
        system, version = part["system"], part.get("version", "")
        provider = self._sources.any_code_system(system, version)
        listed = [one["code"] for one in part.get("concept") or [] if isinstance(one.get("code"), str)]
        if provider is None or provider.metadata.content == "not-present":
            # A list of codes is a statement of its own; a filter without its system is none.
            if listed:
                return Part(system, version, frozenset(listed))
            return Part(
                system, version, frozenset(), doubt="unknown-system" if provider is None else "not-enumerable"
            )
        complete = provider.metadata.content == "complete"
        folds = None if provider.metadata.case_sensitive else provider.normal
        doubt = "" if complete else "not-enumerable"
        if listed:
            found = {one: provider.normal(one) for one in listed}
            known = frozenset(
                normal or one for one, normal in found.items() if normal is not None or not complete
            )
            return narrowed(
                Part(system, version, known, folds=folds), provider, active_only, selectable_only=False
            )
        filters = [
            (one.get("property", ""), operator(one), one.get("value", "")) for one in part.get("filter") or []
        ]
        whole = asked_part(provider, filters, version, doubt, folds)
        if whole.codes == frozenset() and not all(_declares(provider, name) for name, _, _ in filters):
            # The value set's author asks for what the code system does not have: that is not the sender's mistake.
            raise FilterRefused(
                "A filter names a property that its code system does not have.", rule="filter property"
            )
        return narrowed(whole, provider, active_only, selectable_only=True)


def _declares(provider: CodeSystemProvider, name: str) -> bool:
    """Whether the code system has the property: one that every system has, or one of its own, by code or address."""
    return name in _EVERYWHERE or any(name in (one.code, one.uri) for one in provider.metadata.properties)
