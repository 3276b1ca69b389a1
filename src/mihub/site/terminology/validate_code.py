"""$validate-code on a value set or a code system: is this code good here, and what is there to say about it?

One coding, one CodeableConcept or single parameters in, the ecosystem's Parameters out. Source:
https://hl7.org/fhir/R4/valueset-operation-validate-code.html, https://hl7.org/fhir/R4/codesystem-operation-validate-code.html.
Above: `terminology`. Below: `membership_check`, `display_check`, `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mihub.core.fhir import Json, Resource
from mihub.site.terminology import display_check, preparation
from mihub.site.terminology.answers import Answer
from mihub.site.terminology.asked import Asked
from mihub.site.terminology.canonical_status import reference_issue
from mihub.site.terminology.coded import Coded
from mihub.site.terminology.coding_report import Coding
from mihub.site.terminology.displays import Displays
from mihub.site.terminology.entries import stored
from mihub.site.terminology.issues import Issue, Refused, issue, refused
from mihub.site.terminology.membership_check import MembershipCheck
from mihub.site.terminology.protocol import CodeSystemProvider
from mihub.site.terminology.sources import Sources
from mihub.site.terminology.versions import join, newest


def validate(
    sources: Sources, asked: Asked, value_set: Resource, coded: Coded, *, internal: bool = False
) -> Resource:
    """The answer. `internal`: the value set is only all of a code system, and is not named. Raises `Refused`."""
    required = [*asked.supplements, *preparation.required_supplements(value_set)]
    sources = sources.with_supplements(required)
    preparation.check_supplements(required, sources)
    validation = Validation(sources, asked, value_set, coded, internal)
    preparation.check(value_set, validation.membership.value_set, validation.missing_import)
    return validation.run()


@dataclass
class Validation:
    """One request. `verdict`: True, False, or None when it can not be known."""

    sources: Sources
    asked: Asked
    value_set: Resource
    coded: Coded
    internal: bool
    membership: MembershipCheck = field(init=False)
    verdict: bool | None = False
    good: Coding | None = None
    first: Coding | None = None

    def __post_init__(self) -> None:
        self.membership = MembershipCheck(self.sources, self.asked)

    def missing_import(self, address: str) -> Refused:
        """An imported value set that nobody knows: a negative answer, not a failed request."""
        named = self.membership.ruled_address(address)
        found = refused("not-found", "not-found", "Unable_to_resolve_value_Set_", value_set=named)
        return Refused(found.found, as_result=True)

    @property
    def name(self) -> str:
        """How the value set is called in sentences."""
        return preparation.canonical(self.value_set)

    def run(self) -> Resource:
        """All codings, then the summary."""
        found = reference_issue(self.value_set, "ValueSet", self.value_set)
        if found is not None:
            self.membership.report.issues.add(found, message=False)
        seen = [self._coding(position, raw) for position, raw in enumerate(self.coded.codings)]
        if self.verdict is False and not (self.internal and self.membership.report.issues.errors):
            self._not_in_value_set([one for one in seen if one is not None])
        return Answer(self).parameters()

    def _coding(self, position: int, raw: Json) -> Coding | None:
        path = self.coded.path(position)
        issues = self.membership.report.issues
        if not raw.get("code"):
            text = "Coding has no code and cannot be validated"
            issues.add(Issue("warning", "invalid", "invalid-data", "", text, path))
            return None
        coding = Coding(
            path, raw.get("system", ""), raw.get("version", ""), raw["code"], raw.get("display", "")
        )
        verdict = self._verdict(coding)
        self.first = self.first or coding
        if self.verdict is not True and verdict is not False:
            self.verdict = verdict
        if verdict is True:
            self._is_in(coding)
        else:
            if verdict is False and not self.internal and self.coded.mode == "codeableConcept":
                self._not_this_one(position, coding)
            self._is_not_in(coding, raw)
        return coding

    def _verdict(self, coding: Coding) -> bool | None:
        if coding.system:
            return self.membership(self.value_set, coding)
        if not self.asked.infer_system or self.coded.mode != "code":
            message = "Coding_has_no_system__cannot_validate"
            self.membership.report.issues.add(
                issue("warning", "invalid", "invalid-data", message, coding.path)
            )
            return False
        return self._inferred(coding)

    def _inferred(self, coding: Coding) -> bool | None:
        systems = self._systems_with(coding.code)
        if len(systems) == 1:
            coding.system = systems[0]
            return self.membership(self.value_set, coding)
        message = "UNABLE_TO_INFER_CODESYSTEM"
        if systems:
            message = "Unable_to_resolve_system__value_set_has_multiple_matches"
        facts = {"code": coding.code, "value_set": self.name, "systems": ", ".join(systems)}
        self.membership.report.issues.add(
            issue("error", "not-found", "cannot-infer", message, "code", **facts)
        )
        return False

    def _systems_with(self, code: str) -> list[str]:
        """The code systems under which the value set has this code."""
        candidates = _systems(self.value_set, self.membership)
        quiet = MembershipCheck(self.sources, self.asked)
        return [one for one in candidates if quiet(self.value_set, Coding("", one, "", code)) is True]

    def _is_in(self, coding: Coding) -> None:
        self.good = self.good or coding
        if coding.display and coding.displays.said:
            found = display_check.check(coding, self.asked)
            if found is not None:
                self.membership.report.issues.add(found, message=found.kind != "display-comment")

    def _not_this_one(self, position: int, coding: Coding) -> None:
        message = "None_of_the_provided_codes_are_in_the_value_set_one"
        facts = {"coding": f"'{_written(coding)}'", "value_set": self.name}
        where = f"{self.coded.root}.coding[{position}].code"
        found = issue("information", "code-invalid", "this-code-not-in-vs", message, where, **facts)
        self.membership.report.issues.add(found, message=False)

    def _is_not_in(self, coding: Coding, raw: Json) -> None:
        """Why: the system is wrong or unknown, or the code is; the value set may have said nothing about that."""
        if self.asked.membership_only or not coding.system:
            return
        issues = self.membership.report.issues
        if not _absolute(coding.system):
            message = "Terminology_TX_System_Relative"
            issues.add(issue("error", "invalid", "invalid-data", message, coding.at("system")))
        version = coding.version or self._pinned(coding.system)
        system = self.membership.find(coding.system, version)
        if system is None:
            self._no_such_system(coding, version)
        elif system.normal(coding.code) is None:
            self._no_such_code(system, coding)
        else:
            self._known_elsewhere(system, coding, raw)

    def _pinned(self, system: str) -> str:
        includes = (self.value_set.get("compose") or {}).get("include") or []
        return newest(
            one["version"] for one in includes if one.get("system") == system and one.get("version")
        )

    def _no_such_system(self, coding: Coding, version: str) -> None:
        issues, where = self.membership.report.issues, coding.at("system")
        if self.sources.value_set(coding.system) is not None:
            message = "Terminology_TX_System_ValueSet2"
            issues.add(issue("error", "invalid", "invalid-data", message, where, system=coding.system))
            return
        other = self.sources.any_code_system(coding.system, version)
        if other is not None and other.metadata.content == "supplement":
            name = join(other.metadata.url, other.metadata.version)
            issues.add(
                issue("error", "invalid", "invalid-data", "CODESYSTEM_CS_NO_SUPPLEMENT", where, system=name)
            )
            return
        self.membership.report.unknown_system(coding, version)

    def _no_such_code(self, system: CodeSystemProvider, coding: Coding) -> None:
        self._note_version(system, coding)
        self.membership.report.unknown_code(system, coding)

    def _known_elsewhere(self, system: CodeSystemProvider, coding: Coding, raw: Json) -> None:
        concept = system.concept(system.normal(coding.code) or "")
        if concept is None:
            return
        if self.coded.mode == "codeableConcept" and not raw.get("version") and system.metadata.version:
            raw["version"] = system.metadata.version
        self._note_version(system, coding)
        coding.language = system.metadata.language or "en"
        if not coding.displays.said:
            coding.displays = Displays.of(concept, system.metadata)
        if concept.inactive:
            self.membership.report.status.note(concept, coding.path, coding.code)
        if coding.display and coding.displays.said:
            found = display_check.check_outside(coding, self.asked)
            if found is not None:
                self.membership.report.issues.add(found)

    def _note_version(self, system: CodeSystemProvider, coding: Coding) -> None:
        found = reference_issue(system.metadata.resource, "CodeSystem", self.value_set)
        if found is not None:
            self.membership.report.issues.add(found, message=False)
        coding.used_version = coding.used_version or system.metadata.version

    def _not_in_value_set(self, seen: list[Coding]) -> None:
        issues = self.membership.report.issues
        if self.coded.mode == "codeableConcept":
            message = "TX_GENERAL_CC_ERROR_MESSAGE"
            issues.add(issue("error", "code-invalid", "not-in-vs", message, value_set=self.name))
            return
        message = "None_of_the_provided_codes_are_in_the_value_set_one"
        codings = ", ".join(f"'{_written(one)}'" for one in seen)
        where = f"{self.coded.root}.code" if self.coded.root else "code"
        found = issue(
            "error", "code-invalid", "not-in-vs", message, where, coding=codings, value_set=self.name
        )
        issues.add(found)


def _systems(value_set: Resource, membership: MembershipCheck) -> list[str]:
    """Every code system a value set draws from, through its imports."""
    found: dict[str, None] = {}
    seen: set[int] = set()
    waiting = [value_set]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        for include in (one.get("compose") or {}).get("include") or []:
            found |= dict.fromkeys([include["system"]] if include.get("system") else [])
            imports = (membership.value_set(address, one) for address in include.get("valueSet") or [])
            waiting.extend(other for other in imports if other is not None)
        found |= dict.fromkeys(entry.system for entry in stored(one) if entry.system)
    return list(found)


def _written(coding: Coding) -> str:
    """`system|version#code ('display')`, as sentences name a coding."""
    text = f"{join(coding.system, coding.version)}#{coding.code}"
    return f"{text} ('{coding.display}')" if coding.display else text


def _absolute(system: str) -> bool:
    return bool(urlsplit(system).scheme)
