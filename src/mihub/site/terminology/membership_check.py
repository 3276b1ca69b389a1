"""Is this coding in this value set, and what is there to say about it: compose, imports, versions, status.

The slow and talkative way, for $validate-code; the validator uses `members`. Rings of value sets are refused by
`preparation`, which runs before. Source: R4 ValueSet.compose and the terminology ecosystem's tests. Above: `validate_code`.
"""

from __future__ import annotations

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.asked import Asked
from mihub.site.terminology.coding_report import Coding, CodingReport
from mihub.site.terminology.displays import Displays
from mihub.site.terminology.issues import issue
from mihub.site.terminology.preparation import operator
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.version_rules import broken_check, ruled
from mihub.site.terminology.versions import join, matches, newest, split


class MembershipCheck:
    """One request's examination; `report` collects what is to be said at the end."""

    def __init__(self, sources: Sources, asked: Asked) -> None:
        self._sources = sources
        self._asked = asked
        self.report = CodingReport(sources, asked)
        # A value set that is reached by many ways is examined once for a coding.
        self._examined: dict[tuple[int, int], bool | None] = {}

    def find(self, system: str, version: str) -> CodeSystemProvider | None:
        """The code system under the request's version rules."""
        return self._sources.code_system(system, ruled(self._asked, system, version))

    def __call__(self, value_set: Resource, coding: Coding) -> bool | None:
        """True: in it; False: not; None: can not be known, an issue says why."""
        key = (id(value_set), id(coding))
        if key not in self._examined:
            self._examined[key] = self._examine(value_set, coding)
        return self._examined[key]

    def _examine(self, value_set: Resource, coding: Coding) -> bool | None:
        compose = value_set.get("compose")
        if not compose:
            return self._in_expansion(value_set, coding)
        result: bool | None = False
        for include in self._considered(compose.get("include") or [], coding):
            result = self._included(value_set, include, coding)
            if result is None or result:
                break
        if result is True and any(
            self._excluded(value_set, one, coding) for one in compose.get("exclude") or []
        ):
            return False
        return result

    def _considered(self, includes: list[Json], coding: Coding) -> list[Json]:
        """The includes that can hold the coding, the newest version of its system first."""
        ours = [one for one in includes if one.get("system") == coding.system]
        pinned = {one["version"] for one in ours if one.get("version")}
        if coding.version and coding.version in pinned:
            ours = [one for one in ours if one.get("version") == coding.version]
        elif not coding.version and len(pinned) > 1:
            chosen = self._version_that_has(pinned, coding)
            ours = [one for one in ours if chosen in ("", one.get("version"))]
        kept = [one for one in includes if not one.get("system") or any(one is own for own in ours)]
        rank = {version: place for place, version in enumerate(_newest_first(pinned))}
        return sorted(kept, key=lambda one: rank.get(one.get("version", ""), -1))

    def _version_that_has(self, versions: set[str], coding: Coding) -> str:
        """Where a value set lists several versions: the newest that has the code (and the display), "" when all have."""
        having = [version for version in versions if self._has(version, coding)]
        if len(having) == len(versions):
            return ""
        return newest(having or versions)

    def _has(self, version: str, coding: Coding) -> bool:
        system = self.find(coding.system, version)
        concept = system.concept(coding.code) if system else None
        if system is None or concept is None:
            return False
        said = [one.value for one in Displays.of(concept, system.metadata).said]
        return not coding.display or coding.display in said

    def _included(self, value_set: Resource, include: Json, coding: Coding) -> bool | None:
        result: bool | None = True
        if include.get("system"):
            result = self._in_system(value_set, include, coding)
        for canonical in include.get("valueSet") or []:
            other = self.value_set(canonical, value_set)
            if other is not None:
                self.report.note_reference(other, "ValueSet", value_set)
            if result is True:
                result = self(other, coding) if other is not None else False
        return result

    def value_set(self, canonical: str, within: Resource) -> Resource | None:
        """An imported value set under the request's version rules."""
        return self._sources.value_set(self.ruled_address(canonical), within)

    def ruled_address(self, canonical: str) -> str:
        """A value set's address with the version that the request's rules say."""
        url, version = split(canonical)
        return join(url, ruled(self._asked, url, version))

    def _in_system(self, value_set: Resource, include: Json, coding: Coding) -> bool | None:
        pinned = include.get("version", "")
        version = self._agree_on_version(pinned, coding)
        system = self.find(coding.system, version)
        if system is None:
            return self._unknown_system(coding, version)
        meta = system.metadata
        broken = broken_check(self._asked, meta.url, meta.version, coding.at("version"))
        if broken is not None:
            self.report.issues.add(broken)
        coding.language, coding.content = meta.language or "en", meta.content
        self.report.note_reference(meta.resource, "CodeSystem", value_set)
        if not self._holds(value_set, include, system, coding):
            return False
        coding.used_version = meta.version
        return True

    def _unknown_system(self, coding: Coding, version: str) -> bool | None:
        if self._asked.membership_only:
            return False
        self.report.unknown_system(coding, version)
        return None

    def _agree_on_version(self, pinned: str, coding: Coding) -> str:
        """The version to look into; says so when the coding's version is another one."""
        version = ruled(self._asked, coding.system, pinned)
        given = coding.version
        if not given:
            return version
        known = self._sources.versions(coding.system)
        if version and version != given and matches(version, given):
            version = given
        if not version and any(matches(given, one) for one in known):
            version = given
        system = self.find(coding.system, version)
        if system is not None and not matches(given, system.metadata.version):
            self.report.version_differs(pinned, version, system.metadata.version, coding)
        elif system is None and version != given:
            facts = {"system": coding.system, "version": version, "given": given}
            self.report.issues.add(
                issue(
                    "error", "invalid", "vs-invalid", "VALUESET_VALUE_MISMATCH", coding.at("version"), **facts
                )
            )
        return version

    def _excluded(self, value_set: Resource, exclude: Json, coding: Coding) -> bool:
        excluded = True
        if exclude.get("system"):
            system = self.find(exclude["system"], exclude.get("version", ""))
            excluded = (
                system is not None
                and exclude["system"] == coding.system
                and self._holds(value_set, exclude, system, coding, role="exclude")
            )
        for canonical in exclude.get("valueSet") or []:
            other = self.value_set(canonical, value_set)
            excluded = excluded and other is not None and self._quietly(other, coding)
        return excluded

    def _quietly(self, value_set: Resource, coding: Coding) -> bool:
        """Membership without saying anything: an excluded value set is nobody's business."""
        other = MembershipCheck(self._sources, self._asked)
        return other(value_set, Coding(coding.path, coding.system, coding.version, coding.code)) is True

    def _holds(
        self,
        value_set: Resource,
        part: Json,
        system: CodeSystemProvider,
        coding: Coding,
        role: str = "include",
    ) -> bool:
        """Whether an include or exclude, its imports aside, holds the code."""
        code = system.normal(coding.code)
        listed = part.get("concept")
        filters = part.get("filter")
        if not listed and not filters:
            return self._in_whole_system(value_set, system, code, coding, role)
        if code is None:
            return False
        if listed:
            reference = next((one for one in listed if one.get("code") in (coding.code, code)), None)
            if reference is None:
                return False
            return self._accepts(value_set, system, code, coding, role, reference)
        if not all(
            system.matches(code, one.get("property", ""), operator(one), one.get("value", ""))
            for one in filters or []
        ):
            return False
        return self._accepts(value_set, system, code, coding, role)

    def _in_whole_system(
        self, value_set: Resource, system: CodeSystemProvider, code: str | None, coding: Coding, role: str
    ) -> bool:
        if code is not None:
            return self._accepts(value_set, system, code, coding, role)
        if role == "exclude" or self._asked.membership_only:
            return False
        return self.report.unknown_code(system, coding)

    def _accepts(
        self,
        value_set: Resource,
        system: CodeSystemProvider,
        code: str,
        coding: Coding,
        role: str,
        reference: Json | None = None,
    ) -> bool:
        """The code is there; is it for use here (not abstract, not inactive), and how is it said?"""
        concept = system.concept(code)
        if concept is None:
            return False
        if role == "exclude":
            return True
        self.report.note_spelling(system, code, coding)
        coding.displays = Displays.of(concept, system.metadata)
        if reference is not None:
            coding.displays.add_reference(reference, value_set.get("language", ""))
        if concept.abstract and self._asked.abstract is False:
            return self.report.refuse_abstract(system, coding)
        if concept.inactive and self._refuses_inactive(value_set):
            return self.report.refuse_inactive(concept, coding, talk=reference is None)
        if reference is not None:
            self.report.note_deprecated_here(value_set, system, reference, coding)
        self.report.status.note(concept, coding.path, coding.code)
        return True

    def _refuses_inactive(self, value_set: Resource) -> bool:
        return (value_set.get("compose") or {}).get("inactive") is False or bool(self._asked.active_only)

    def _in_expansion(self, value_set: Resource, coding: Coding) -> bool | None:
        """Where there is no definition the stored expansion counts."""
        stack = list((value_set.get("expansion") or {}).get("contains") or [])
        while stack:
            one = stack.pop()
            stack.extend(one.get("contains") or [])
            if one.get("system") == coding.system and one.get("code") == coding.code:
                version = one.get("version", "")
                if not coding.version or not version or matches(coding.version, version):
                    return self._listed_in_expansion(value_set, one, version or coding.version, coding)
        return False

    def _listed_in_expansion(
        self, value_set: Resource, one: Json, version: str, coding: Coding
    ) -> bool | None:
        system = self.find(coding.system, version)
        if system is not None and system.normal(coding.code) is not None:
            coding.language, coding.content = system.metadata.language or "en", system.metadata.content
            coding.used_version = system.metadata.version
            return self._accepts(value_set, system, system.normal(coding.code) or "", coding, "include")
        # Nobody here has the code system; whoever expanded the value set had it.
        coding.used_version, coding.content = version, "complete"
        coding.displays.add_reference(one, value_set.get("language", ""))
        return not (one.get("abstract") and self._asked.abstract is False)


def _newest_first(versions: set[str]) -> list[str]:
    ordered: list[str] = []
    rest = set(versions)
    while rest:
        ordered.append(newest(rest))
        rest.discard(ordered[-1])
    return ordered
