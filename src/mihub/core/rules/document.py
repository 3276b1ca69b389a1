"""A rule document: thresholds, citations and words of one rule in one version, parsed from a data file.

An unknown or missing key is refused: a rule that is half read would rule wrongly. Source of the files:
`mihub/content/rules`. Neighbours: `receipt` (what is worded here), `lung_screening` (reads thresholds).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from mihub.core.rules.receipt import Step, StepValue
from mihub.errors import InvalidInput, Unprocessable

LANGUAGES = ("de", "en")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the content comes from, so that a reader can look it up."""

    title: str
    section: str
    url: str
    retrieved: date | None


@dataclass(frozen=True, slots=True)
class Approval:
    """Who answers for the content here. `verified` needs an approver; without one it is shown as not
    verified.
    """

    approver: str
    approved_on: date | None
    verified: bool


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One thing that must be done and recorded; its words are the sentence `check.<id>`."""

    id: str
    citation: str


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """One rule in one version."""

    id: str
    version: str
    status: str
    valid_from: date
    title: Mapping[str, str]
    source: Source
    approval: Approval
    thresholds: Mapping[str, int]
    citations: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    checklist: tuple[CheckItem, ...] = ()

    def sentence(self, key: str, values: Mapping[str, StepValue], language: str) -> str:
        """The sentence of that key in `language`, filled. Raises `KeyError` for a sentence that the document
        lacks.
        """
        words = self.words[language if language in self.words else "de"]
        return words[key].format(**{name: shown(value, language) for name, value in values.items()})

    def step(self, step: Step, language: str) -> str:
        """One step of a receipt in words."""
        return self.sentence(step.key, step.values, language)


def parse_rule(data: Mapping[str, Any]) -> RuleDocument:
    """The document in `data` (a parsed YAML file). Raises `InvalidInput` naming the key that is missing or
    wrong.
    """
    try:
        return RuleDocument(
            id=str(data["id"]),
            version=str(data["version"]),
            status=str(data["status"]),
            valid_from=_day(data["valid_from"]),
            title=_texts(data["title"]),
            source=parse_source(data["source"]),
            approval=parse_approval(data),
            thresholds={str(key): int(value) for key, value in data["thresholds"].items()},
            citations={str(key): str(value) for key, value in data["citations"].items()},
            words={language: dict(data["words"][language]) for language in LANGUAGES},
            checklist=tuple(
                CheckItem(str(item["id"]), str(data["citations"][item["citation"]]))
                for item in data.get("checklist", ())
            ),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise malformed("rule document", error) from error


def parse_source(data: Mapping[str, Any]) -> Source:
    """Raises `KeyError` when the title is missing."""
    retrieved = data.get("retrieved")
    return Source(
        title=str(data["title"]),
        section=str(data.get("section", "")),
        url=str(data.get("url", "")),
        retrieved=_day(retrieved) if retrieved else None,
    )


def parse_approval(data: Mapping[str, Any]) -> Approval:
    """Content counts as verified only with an approver and a day; a file that claims otherwise is refused."""
    approver, approved_on = str(data.get("approver") or ""), data.get("approved_on")
    verified = bool(data["verified"])
    if verified and not (approver and approved_on):
        raise ValueError("verified needs approver and approved_on")
    return Approval(approver, _day(approved_on) if approved_on else None, verified)


def in_force(document: RuleDocument, today: date) -> RuleDocument:
    """The document itself. Raises `Unprocessable` before its first day or after it was withdrawn."""
    if document.status != "in-force" or today < document.valid_from:
        raise Unprocessable(
            "This rule is not in force on that day.",
            rule=f"{document.id} {document.version}",
            next_step="Choose the version that was in force, or ask the content owner.",
        )
    return document


def shown(value: StepValue, language: str) -> str:
    """A value as people of that language write it: day, or number with at most two decimals."""
    if isinstance(value, date):
        return value.strftime("%d.%m.%Y") if language == "de" else value.strftime("%d/%m/%Y")
    if isinstance(value, Fraction):
        text = f"{_rounded_down(value):.2f}".rstrip("0").rstrip(".")
        return text.replace(".", ",") if language == "de" else text
    return str(value)


def malformed(what: str, error: Exception) -> InvalidInput:
    """The error for a content file that cannot be read; content files hold no patient value."""
    return InvalidInput(
        f"The {what} cannot be read: {type(error).__name__} {error}.",
        rule="content files name id, version, status, source, approver and verified",
        next_step="Correct the file in mihub/content and start again.",
    )


def _rounded_down(value: Fraction) -> float:
    # Rounding up could print 25 years where 24.999 were counted and refused.
    return int(value * 100) / 100


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    return {language: str(data[language]) for language in LANGUAGES}


def _day(value: object) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))
