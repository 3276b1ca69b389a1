"""Findings as FHIR issues and as rows for a page: a sentence in the reader's language, the place, the rule.

Never a value of a resource: sentences are filled from the profile. Source: https://hl7.org/fhir/R4/operationoutcome.html.
Above: `site.api`, `apps`. Below: `site.validate.sentences`, `door`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from mihub.core.fhir import Json, Resource
from mihub.core.fhir.outcome import operation_outcome
from mihub.errors import MihubError
from mihub.site.quarantine.door import NotConformant
from mihub.site.validate.finding import Finding
from mihub.site.validate.sentences import LANGUAGES, Told
from mihub.site.validate.sentences import told as told_by_validator

ALL_OK: Final = "All OK"


@cache
def _own(language: str) -> Mapping[str, Told]:
    """The sentences of what not the validator says but its use."""
    name = language if language in LANGUAGES else "en"
    text = resources.files("mihub.content").joinpath(f"quarantine/findings.{name}.yaml").read_text("utf-8")
    return {rule: Told(str(said["wrong"]), str(said["do"])) for rule, said in yaml.safe_load(text).items()}


def told(found: Finding, language: str) -> Told:
    """What is wrong and what to do, as two sentences."""
    own = _own(language).get(found.rule)
    if own is None:
        return told_by_validator(found, language)
    return Told(own.wrong.format_map(found.facts), own.do.format_map(found.facts))


def sentence(found: Finding, language: str) -> str:
    """Both in one line."""
    parts = told(found, language)
    return f"{parts.wrong} {parts.do}".strip()


def language_of(accept: str) -> str:
    """The best of the languages we speak for a header `Accept-Language`; English when it names none of them."""
    weighted: list[tuple[float, int, str]] = []
    for position, part in enumerate(accept.split(",")):
        tag, _, parameters = part.strip().partition(";")
        name = tag.strip().partition("-")[0].lower()
        quality = _quality(parameters)
        if name in LANGUAGES and quality > 0:
            weighted.append((-quality, position, name))
    return min(weighted)[2] if weighted else "en"


def _quality(parameters: str) -> float:
    text = parameters.strip().removeprefix("q=").strip()
    if not text:
        return 1.0
    return float(text) if text.replace(".", "", 1).isdecimal() else 0.0


def placed(location: str, prefix: str) -> str:
    """The place of a finding in a bundle: `Patient.name[0]` at `Bundle.entry[2].resource`."""
    if not prefix:
        return location
    _, dot, rest = location.partition(".")
    return f"{prefix}{dot}{rest}"


def issue(found: Finding, language: str, prefix: str = "") -> Json:
    """One finding as an issue of an OperationOutcome."""
    place = placed(found.location, prefix)
    made: Json = {
        "severity": found.severity,
        "code": found.code,
        "details": {"text": sentence(found, language)},
        "diagnostics": f"Rule: {found.rule}." + (f" Profile: {found.profile}." if found.profile else ""),
    }
    if place:
        made["expression"] = [place]
    return made


def outcome(found: Iterable[tuple[str, Finding]], language: str) -> Resource:
    """All findings, each with the place of its resource; `All OK` when there is none."""
    issues = [issue(one, language, prefix) for prefix, one in found]
    if not issues:
        issues = [{"severity": "information", "code": "informational", "details": {"text": ALL_OK}}]
    return {"resourceType": "OperationOutcome", "issue": issues}


def outcome_of(error: MihubError, language: str) -> Resource:
    """The outcome of a refusal: every finding when validation refused, else the one sentence."""
    if isinstance(error, NotConformant):
        return outcome(error.located(), language)
    return operation_outcome(error)


def row(found: Finding, language: str) -> dict[str, Any]:
    """A finding for a page or a JSON document."""
    parts = told(found, language)
    return {
        "severity": found.severity,
        "code": found.code,
        "expression": found.location,
        "rule": found.rule,
        "profile": found.profile,
        "text": sentence(found, language),
        "wrong": parts.wrong,
        "do": parts.do,
    }


def to_json(found: Finding) -> dict[str, Any]:
    """A finding as it is kept."""
    return {
        "severity": found.severity, "code": found.code, "location": found.location, "rule": found.rule,
        "profile": found.profile, "facts": dict(found.facts),
    }  # fmt: skip


def from_json(kept: Mapping[str, Any]) -> Finding:
    """A finding that was kept."""
    return Finding(
        kept["severity"], kept["code"], kept["location"], kept["rule"], kept["profile"], dict(kept["facts"])
    )
