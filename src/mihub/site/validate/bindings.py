"""Is a code in the value set its element is bound to? By strength: required refuses, extensible warns, the rest is silent.

Small value sets become a set once; large and unlisted ones ask terminology each time, through a small memory. What
nobody can decide is a warning that says what to load. Source: https://hl7.org/fhir/R4/terminologies.html#strength;
severities as HL7's Java validator. Below: `codes`. Above: `base`, `profile`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mihub.core.fhir import Json
from mihub.site.validate.codes import Answer, Codes
from mihub.site.validate.finding import Severity
from mihub.site.validate.names import shown_address
from mihub.site.validate.run import Run, Where
from mihub.site.validate.shapes import Check

_MAX_VALUE_SET: Final = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_UCUM: Final = "http://unitsofmeasure.org"
CODED: Final = frozenset(
    {"code", "Coding", "CodeableConcept", "Quantity", "string", "uri", "CodeableReference"}
)
_MAX_KEPT: Final = 10_000
# A terminology server that did not answer this time.
PASSING: Final = "external-failed"
_MIMETYPES: Final = "http://hl7.org/fhir/ValueSet/mimetypes"
# What CapabilityStatement.format says beside media types.
_FORMATS: Final = frozenset({"json", "xml", "ttl"})


@dataclass(frozen=True, slots=True)
class Binding:
    """A value set, how much it binds, and the outer limit some bindings have."""

    strength: str
    value_set: str
    limit: str = ""


def binding_of(definition: Json) -> Binding | None:
    """The binding of an element definition that can be checked."""
    row = definition.get("binding")
    if not isinstance(row, dict):
        return None
    limit = next(
        (e.get("valueCanonical") or e.get("valueUri") or "" for e in row.get("extension") or ()
         if e.get("url") == _MAX_VALUE_SET),
        "",
    )  # fmt: skip
    value_set = row.get("valueSet")
    if not isinstance(value_set, str):
        value_set = ""
    return Binding(str(row.get("strength", "")), value_set, limit) if value_set or limit else None


def listed_codes(binding: Binding | None, codes: Codes) -> frozenset[str] | None:
    """All codes of a required binding of a `code`, where they can be listed: what needs no further look."""
    if binding is None or binding.strength != "required" or not binding.value_set:
        return None
    found = codes.codes_of(binding.value_set)
    return None if found is None else frozenset(code for _, code in found)


def bound(binding: Binding, type_name: str, codes: Codes, profile: str = "") -> Check | None:
    """The check for elements of a coded type; None where the binding demands nothing."""
    if type_name not in CODED:
        return None
    checks: list[Check] = []
    if binding.strength in ("required", "extensible") and binding.value_set:
        severity: Severity = "error" if binding.strength == "required" else "warning"
        if binding.strength == "extensible" and binding.limit:
            checks.append(_check(type_name, binding.limit, "binding-max", "error", codes, profile))
        else:
            rule = f"binding-{binding.strength}"
            checks.append(_check(type_name, binding.value_set, rule, severity, codes, profile))
    elif binding.limit:
        checks.append(
            _check(type_name, binding.limit, "binding-max", "error", codes, profile, no_code_is_fine=True)
        )
    return checks[0] if checks else None


class _Set:
    """One value set as this check asks it."""

    __slots__ = ("_answers", "_codes", "_known", "_members", "profile", "rule", "severity", "url")

    def __init__(self, url: str, rule: str, severity: Severity, codes: Codes, profile: str) -> None:
        self.url, self.rule, self.severity, self.profile = url, rule, severity, profile
        self._codes = codes
        self._members: frozenset[tuple[str, str]] | None = None
        self._known = False
        self._answers: dict[tuple[str, str, str], Answer] = {}

    def members(self) -> frozenset[tuple[str, str]] | None:
        """All codes, listed at the first question."""
        if not self._known:
            self._members = self._codes.codes_of(self.url)
            self._known = True
        return self._members

    def ask(self, system: str, code: str, version: str) -> Answer:
        """What terminology says of a code that is not plainly listed; kept, but for what may be known later."""
        key = system, code, version
        answer = self._answers.get(key)
        if answer is None:
            answer = self._codes.member(self.url, system, code, version=version)
            if answer.why != PASSING:
                if len(self._answers) >= _MAX_KEPT:
                    self._answers.clear()
                self._answers[key] = answer
        return answer

    def refuse(self, where: Where, run: Run, **facts: str) -> None:
        """The code is not in it."""
        run.add(self.rule, where, self.severity, self.profile, value_set=self.url, **facts)

    def doubt(self, answer: Answer, where: Where, run: Run) -> None:
        """Nobody can tell."""
        system = _address(answer.facts.get("system"))
        facts = {"value_set": self.url, "system": system, "why": answer.why}
        run.add("binding-unchecked", where, "warning", self.profile, **facts)


def _check(
    type_name: str,
    url: str,
    rule: str,
    severity: Severity,
    codes: Codes,
    profile: str,
    *,
    no_code_is_fine: bool = False,
) -> Check:
    """`no_code_is_fine`: a preference with an outer limit; the limit is one of codes, text alone keeps it."""
    value_set = _Set(url, rule, severity, codes, profile)
    if type_name == "CodeableConcept":
        return _concept(value_set, no_code_is_fine)
    if type_name in ("Coding", "Quantity"):
        return _coding(value_set)
    return _code(value_set)


def _code(value_set: _Set) -> Check:
    listed: frozenset[str] | None = None
    mimetypes = value_set.url.partition("|")[0] == _MIMETYPES

    def check(value: Any, where: Where, run: Run) -> None:
        nonlocal listed
        if listed is None:
            members = value_set.members()
            listed = frozenset(code for _, code in members) if members is not None else frozenset()
        if value.__class__ is not str or value in listed or (value in _FORMATS and mimetypes):
            return
        if value_set.members() is not None:
            value_set.refuse(where, run)
            return
        answer = value_set.ask("", value, "")
        if answer.verdict == "no":
            value_set.refuse(where, run)
        elif answer.verdict == "unknown":
            value_set.doubt(answer, where, run)

    return check


def _verdict(value_set: _Set, coding: Any) -> Answer | bool | None:
    """True: in it; False: not in it; None: no code; an answer: nobody can tell."""
    if coding.__class__ is not dict:
        return None
    code, system = coding.get("code"), coding.get("system")
    if code.__class__ is not str:
        return None
    system = system if system.__class__ is str else ""
    members = value_set.members()
    if members is not None:
        return (system, code) in members
    version = coding.get("version")
    answer = value_set.ask(system, code, version if version.__class__ is str else "")
    if answer.verdict == "unknown":
        return answer
    return answer.verdict == "yes"


def _coding(value_set: _Set) -> Check:
    def check(value: Any, where: Where, run: Run) -> None:
        verdict = _verdict(value_set, value)
        if verdict is True or verdict is None:
            return
        if verdict is False:
            value_set.refuse(where, run, system=_system(value))
        else:
            value_set.doubt(verdict, where, run)

    return check


def _system(coding: Any) -> str:
    """The code system's address, as a fact."""
    return _address(coding.get("system"))


def _address(text: Any) -> str:
    """An address; a text that is none is not shown."""
    return shown_address(text).replace("?", "")


def _concept(value_set: _Set, no_code_is_fine: bool) -> Check:
    def check(value: Any, where: Where, run: Run) -> None:
        codings = value.get("coding")
        doubt: Answer | None = None
        some = False
        for coding in codings if codings.__class__ is list else ():
            verdict = _verdict(value_set, coding)
            if verdict is True:
                return
            if verdict is not None:
                some = True
                if verdict is not False:
                    doubt = verdict
        if not some and no_code_is_fine:
            return
        if not some:
            run.add("binding-no-code", where, value_set.severity, value_set.profile, value_set=value_set.url)
        elif doubt is not None:
            value_set.doubt(doubt, where, run)
        else:
            value_set.refuse(where, run)

    return check
