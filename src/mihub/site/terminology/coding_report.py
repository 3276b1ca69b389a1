"""What there is to say about a coding while a value set is examined: versions, unknown codes, status, spelling.

The sentences of $validate-code as they come up; `answers` puts them together. Above: `membership_check`, `validate_code`.
Below: `issues`, `displays`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.asked import Asked
from mihub.site.terminology.canonical_status import reference_issue
from mihub.site.terminology.concepts import STANDARDS_STATUS, extension_value
from mihub.site.terminology.displays import Displays
from mihub.site.terminology.issues import Issues, issue
from mihub.site.terminology.protocol import CodeSystemProvider, Concept
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.versions import join, listed

_DEPRECATED_HERE: Final = "http://hl7.org/fhir/StructureDefinition/valueset-deprecated"


@dataclass(slots=True)
class Status:
    """What is known of the concept's state, over all codings of one concept."""

    inactive: bool = False
    status: str = ""
    where: str = ""
    code: str = ""
    normal: str = ""

    def note(self, concept: Concept, where: str, code: str) -> None:
        """The first inactive coding counts."""
        if not self.inactive:
            self.inactive, self.where, self.code = concept.inactive, where, code
            self.status = concept.status


@dataclass(slots=True)
class Coding:
    """One coding under examination, and what was learned of it."""

    path: str
    system: str
    version: str
    code: str
    display: str = ""
    used_version: str = ""
    content: str = ""
    language: str = ""
    displays: Displays = field(default_factory=Displays)

    def at(self, name: str) -> str:
        """The place of one of its elements."""
        return f"{self.path}.{name}" if self.path else name


class CodingReport:
    """Collects issues; `unknown`: code systems nobody knows; `status`: the state of the first inactive coding."""

    def __init__(self, sources: Sources, asked: Asked) -> None:
        self._sources = sources
        self._asked = asked
        self.issues = Issues()
        self.unknown: dict[str, None] = {}
        self.status = Status()

    def unknown_system(self, coding: Coding, version: str) -> None:
        """Nobody knows this code system (in this version)."""
        versions = self._sources.versions(coding.system)
        key = join(coding.system, version) if version and versions else coding.system
        facts = {"system": coding.system, "version": version, "versions": listed(versions)}
        message = "UNKNOWN_CODESYSTEM"
        if version:
            message = "UNKNOWN_CODESYSTEM_VERSION" if versions else "UNKNOWN_CODESYSTEM_VERSION_NONE"
        if key not in self.unknown:
            self.unknown[key] = None
            self.issues.add(issue("error", "not-found", "not-found", message, coding.at("system"), **facts))

    def version_differs(self, pinned: str, version: str, used: str, coding: Coding) -> None:
        facts = {"system": coding.system, "given": coding.version, "original": pinned}
        if not version:
            message, severity, facts["version"] = "VALUESET_VALUE_MISMATCH_DEFAULT", "warning", used
        elif version != pinned:
            message, severity, facts["version"] = "VALUESET_VALUE_MISMATCH_CHANGED", "error", version
        else:
            message, severity, facts["version"] = "VALUESET_VALUE_MISMATCH", "error", pinned
        found = issue(severity, "invalid", "vs-invalid", message, coding.at("version"), **facts)
        self.issues.add(found, message=severity == "error")
        if self._sources.code_system(coding.system, coding.version) is None:
            self.unknown_system(coding, coding.version)

    def unknown_code(self, system: CodeSystemProvider, coding: Coding) -> bool:
        """The code system does not have the code; True when it may still be good, because not all is known."""
        meta = system.metadata
        facts = {"code": coding.code, "system": meta.url, "version": meta.version}
        where = coding.at("code")
        if meta.content != "complete":
            found = issue(
                "warning", "code-invalid", "invalid-code", "UNKNOWN_CODE_IN_FRAGMENT", where, **facts
            )
            self.issues.add(found, message=False)
            coding.used_version = meta.version
            return True
        message = "Unknown_Code_in_Version" if meta.version else "Unknown_Code_in"
        self.issues.add(issue("error", "code-invalid", "invalid-code", message, where, **facts))
        return False

    def refuse_abstract(self, system: CodeSystemProvider, coding: Coding) -> bool:
        if not self._asked.membership_only:
            facts = {"system": system.metadata.url, "code": coding.code}
            where = coding.at("code")
            self.issues.add(
                issue("error", "business-rule", "code-rule", "ABSTRACT_CODE_NOT_ALLOWED", where, **facts)
            )
        return False

    def refuse_inactive(self, concept: Concept, coding: Coding, *, talk: bool) -> bool:
        if talk:
            where = coding.at("code")
            self.issues.add(
                issue(
                    "error", "business-rule", "code-rule", "STATUS_CODE_WARNING_CODE", where, code=coding.code
                )
            )
        if not self._asked.membership_only:
            self.status.note(concept, coding.path, coding.code)
        return False

    def note_spelling(self, system: CodeSystemProvider, code: str, coding: Coding) -> None:
        if code != coding.code:
            meta = system.metadata
            facts = {"code": coding.code, "normal": code, "system": join(meta.url, meta.version)}
            where = coding.at("code")
            found = issue("information", "business-rule", "code-rule", "CODE_CASE_DIFFERENCE", where, **facts)
            self.issues.add(found, message=False)
            self.status.normal = code

    def note_deprecated_here(
        self, value_set: Resource, system: CodeSystemProvider, reference: Json, coding: Coding
    ) -> None:
        status = extension_value(reference, STANDARDS_STATUS)
        if extension_value(reference, _DEPRECATED_HERE) in (True, "true"):
            status = status or "deprecated"
        if status in ("withdrawn", "deprecated"):
            facts = {"system": system.metadata.url, "code": coding.code, "status": status}
            facts["value_set"] = join(value_set.get("url", ""), value_set.get("version", ""))
            found = issue(
                "warning",
                "business-rule",
                "code-comment",
                "CONCEPT_DEPRECATED_IN_VALUESET",
                coding.at("code"),
                **facts,
            )
            self.issues.add(found, message=False)

    def note_reference(self, resource: Resource, resource_type: str, source: Resource) -> None:
        found = reference_issue(resource, resource_type, source)
        if found is not None:
            self.issues.add(found, message=False)
