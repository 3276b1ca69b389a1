"""The answer of $validate-code as Parameters: the result, what it is about, why, and all issues.

Source: the terminology ecosystem's answers, parameter by parameter. Above: `validate_code`. Below: `issues`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mihub.core.fhir import Json, Resource
from mihub.site.terminology.issues import Issues, Refused, issue

if TYPE_CHECKING:
    from mihub.site.terminology.coded import Coded
    from mihub.site.terminology.coding_report import Coding
    from mihub.site.terminology.sources import Sources
    from mihub.site.terminology.validate_code import Validation


def parameter(name: str, kind: str, value: Any) -> Json:
    """One entry: `kind` is the type as in `value[x]`."""
    return {"name": name, f"value{kind}": value}


class Answer:
    """Writes the answer of one finished validation."""

    def __init__(self, validation: Validation) -> None:
        self._validation = validation
        self._report = validation.membership.report
        self._concept_mode = validation.coded.mode == "codeableConcept"

    @property
    def _about(self) -> Coding | None:
        """The coding the single parameters describe; a concept none of whose codings is good describes nothing."""
        good = self._validation.good
        return good or (None if self._concept_mode else self._validation.first)

    def parameters(self) -> Resource:
        """The whole answer."""
        self._say_status()
        issues = self._report.issues
        valid = self._validation.verdict is True and not issues.errors
        out = [parameter("result", "Boolean", valid), *self._coding(), *self._unknown(valid), *self._status()]
        if issues.messages:
            out.append(parameter("message", "String", "; ".join(sorted(issues.messages))))
        if self._concept_mode:
            out.append(parameter("codeableConcept", "CodeableConcept", self._validation.coded.concept))
        if issues.found:
            out.append({"name": "issues", "resource": issues.outcome()})
        return {"resourceType": "Parameters", "parameter": out}

    def _coding(self) -> list[Json]:
        about = self._about
        if about is None:
            return []
        languages = self._validation.asked.shown_languages
        shown = about.displays.preferred(languages) or about.displays.preferred(None)
        version = about.used_version or ("" if self._validation.good else about.version)
        found = [
            ("system", "Uri", about.system),
            ("code", "Code", about.code),
            ("version", "String", version),
            ("display", "String", shown.value if shown else ""),
            ("normalized-code", "Code", self._report.status.normal),
        ]
        return [parameter(name, kind, value) for name, kind, value in found if value]

    def _unknown(self, valid: bool) -> list[Json]:
        name = "x-unknown-system" if self._validation.verdict is False else "x-caused-by-unknown-system"
        return [] if valid else [parameter(name, "Canonical", one) for one in self._report.unknown]

    def _status(self) -> list[Json]:
        status, about = self._report.status, self._about
        found: list[Json] = []
        if status.inactive and (not self._concept_mode or (about is not None and about.path == status.where)):
            found.append(parameter("inactive", "Boolean", True))
            if status.status and status.status != "inactive":
                found.append(parameter("status", "Code", status.status))
        elif not status.inactive and status.status.lower() == "deprecated":
            found.append(parameter("status", "Code", "deprecated"))
        return found

    def _say_status(self) -> None:
        status = self._report.status
        if status.inactive:
            word = status.status or "inactive"
            word = word if word == "inactive" else f"{word} and inactive"
            facts = {"code": status.code, "status": word}
            where = status.where or "code"
            found = issue(
                "warning", "business-rule", "code-comment", "INACTIVE_CONCEPT_FOUND", where, **facts
            )
            self._report.issues.add(found)
        elif status.status.lower() == "deprecated":
            root = self._validation.coded.root or "code"
            facts = {"code": status.code}
            found = issue(
                "warning", "business-rule", "code-comment", "DEPRECATED_CONCEPT_FOUND", root, **facts
            )
            self._report.issues.add(found)


def refused_answer(error: Refused, came_in: list[Json]) -> Resource:
    """A refusal as a negative answer: what came in, the reason, and `result` false."""
    issues = Issues()
    issues.add(error.found)
    out = [
        parameter("result", "Boolean", False),
        *came_in,
        parameter("message", "String", error.found.text),
        {"name": "issues", "resource": issues.outcome()},
    ]
    if error.unknown_system:
        out.append(parameter("x-caused-by-unknown-system", "Canonical", error.unknown_system))
    return {"resourceType": "Parameters", "parameter": out}


def coded_entries(coded: Coded, sources: Sources) -> list[Json]:
    """What came in, as entries of a negative answer."""
    if coded.mode == "codeableConcept":
        return [parameter("codeableConcept", "CodeableConcept", coded.concept)]
    coding = coded.codings[0] if coded.codings else {}
    system, version = coding.get("system", ""), coding.get("version", "")
    if system and not version:
        provider = sources.code_system(system)
        version = provider.metadata.version if provider is not None else ""
    found = [
        ("system", "Uri", system),
        ("version", "String", version),
        ("code", "Code", coding.get("code", "")),
    ]
    return [parameter(name, kind, value) for name, kind, value in found if value]
