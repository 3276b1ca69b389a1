"""The code systems and value sets an expansion draws from: found under the request's version rules, and noted for the answer.

Above: `compose`. Below: `sources`, `version_rules`.
"""

from __future__ import annotations

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.asked import Asked
from mihub.site.terminology.canonical_status import word_for
from mihub.site.terminology.entries import Notes
from mihub.site.terminology.issues import Refused, issue
from mihub.site.terminology.preparation import canonical
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.version_rules import broken_check, rule_used, ruled
from mihub.site.terminology.versions import join, listed, split


class Used:
    """Finds for one request, and notes what it found."""

    def __init__(self, sources: Sources, asked: Asked, notes: Notes) -> None:
        self._sources = sources
        self._asked = asked
        self._notes = notes

    def resolve(self, address: str, within: Resource) -> Resource | None:
        """An imported value set under the request's version rules."""
        url, version = split(address)
        if rule_used(self._asked, url, version) is not None:
            self._note_rule(url, version)
        return self._sources.value_set(join(url, ruled(self._asked, url, version)), within)

    def provider_or_list(self, value_set: Resource, include: Json) -> CodeSystemProvider | None:
        """None where the code system is not here but the value set lists the codes itself: then its list counts."""
        url, pinned = include["system"], include.get("version", "")
        if include.get("concept") and not include.get("filter"):
            version = ruled(self._asked, url, pinned)
            if self._sources.code_system(url, version) is None:
                shell = self._sources.any_code_system(url, version)
                if not self._sources.versions(url) or (shell and shell.metadata.content == "not-present"):
                    self._notes.add("unknown-codesystem", join(url, version))
                    return None
        return self.provider(value_set, include)

    def provider(self, value_set: Resource, part: Json) -> CodeSystemProvider:
        url, pinned = part["system"], part.get("version", "")
        version = ruled(self._asked, url, pinned)
        self._note_rule(url, pinned)
        provider = self._sources.code_system(url, version)
        if provider is None:
            raise self._unknown(url, version)
        meta = provider.metadata
        broken = broken_check(self._asked, url, meta.version)
        if broken is not None:
            raise Refused(broken, status=400)
        name = join(meta.url, meta.version)
        self._notes.add("used-codesystem", name)
        if meta.content != "complete":
            self._notes.add(f"used-{meta.content}", name)
            self._notes.unclosed.add(meta.url)
        for supplement in getattr(provider, "supplements", ()):
            self._notes.add("used-supplement", supplement)
        self.note_status(meta.resource, value_set)
        return provider

    def _note_rule(self, url: str, pinned: str) -> None:
        used = rule_used(self._asked, url, pinned)
        if used is not None:
            self._notes.add(*used)

    def note_status(self, resource: Resource, source: Resource) -> None:
        word = word_for(resource, source)
        if word:
            self._notes.add(f"warning-{word}", canonical(resource))

    def _unknown(self, url: str, version: str) -> Refused:
        versions = self._sources.versions(url)
        message = "UNKNOWN_CODESYSTEM_EXP"
        if version:
            message = "UNKNOWN_CODESYSTEM_VERSION_EXP" if versions else "UNKNOWN_CODESYSTEM_VERSION_EXP_NONE"
        facts = {"system": url, "version": version, "versions": listed(versions)}
        found = issue("error", "not-found", "not-found", message, **facts)
        return Refused(found, unknown_system=join(url, version))
