"""A finding as a sentence for a person: what is wrong, and what to do. German and English, from `content/findings`.

Never shows a value of the resource: a finding's facts come from the profile alone. A rule word with a colon
(`invariant:obs-6`) is told by the part before it, the part behind fills `{key}`. Above: `site.api`, portals, `apps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from mihub.site.validate.finding import Finding

LANGUAGES: Final = ("de", "en")


@dataclass(frozen=True, slots=True)
class Told:
    """One finding told: `wrong` is what is wrong, `do` what to do next."""

    wrong: str
    do: str


class _Facts(dict[str, str]):
    """A fact that a rule did not give is shown as a dash, so that a sentence never fails."""

    def __missing__(self, key: str) -> str:
        return "–"


@cache
def sentences(language: str) -> Mapping[str, Told]:
    """Rule word -> its two sentences with `{fact}` places. An unknown language is told in English."""
    name = language if language in LANGUAGES else "en"
    packed = resources.files("mihub.content").joinpath(f"findings/{name}.yaml").read_text("utf-8")
    rows: dict[str, Any] = yaml.load(packed, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return {rule: Told(str(row["wrong"]), str(row["do"])) for rule, row in rows.items()}


def told(finding: Finding, language: str = "de") -> Told:
    """What is wrong and what to do, as two sentences. A language tag (`de-DE`) counts by its first part."""
    word, _, key = finding.rule.partition(":")
    table = sentences(language.partition("-")[0].lower())
    row = table.get(word) or table["other"]
    facts = _Facts(
        {"key": key, "rule": finding.rule, "profile": finding.profile, "location": finding.location}
    )
    facts.update(finding.facts)
    return Told(row.wrong.format_map(facts), row.do.format_map(facts))


def sentence(finding: Finding, language: str = "de") -> str:
    """What is wrong and what to do, in one line."""
    parts = told(finding, language)
    return f"{parts.wrong} {parts.do}"
