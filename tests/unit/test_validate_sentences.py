"""Every rule has its two sentences in both languages, and nothing is kept for a rule that nobody says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mihub.site.validate.finding import Finding
from mihub.site.validate.rules import RULES
from mihub.site.validate.sentences import LANGUAGES, sentence, sentences, told

_SOURCE = Path(__file__).parents[2] / "src" / "mihub" / "site" / "validate"
# What is said by the sentences themselves, by whoever shows them.
_ALWAYS = {"key", "rule", "profile", "location"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_is_told(language: str) -> None:
    assert set(sentences(language)) == {*RULES, "other"}
    for rule, row in sentences(language).items():
        assert row.wrong[-1] in ".…}", rule
        assert row.do[-1] in ".…", rule


def test_both_languages_use_the_same_facts() -> None:
    german, english = sentences("de"), sentences("en")
    differing = {
        rule
        for rule in german
        if _places(german[rule].wrong + german[rule].do) ^ _places(english[rule].wrong + english[rule].do)
    }
    assert differing == set()


def _places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_rule_word_in_the_code_is_known() -> None:
    code = "\n".join(path.read_text("utf-8") for path in _SOURCE.glob("*.py") if path.name != "rules.py")
    written = set(re.findall(r'run\.add\(\s*"([a-z0-9-]+)', code))
    assert written - set(RULES) == set()
    assert len(written) > 60


def test_a_condition_is_told_with_its_key() -> None:
    finding = Finding(
        "error", "invariant", "Observation", "invariant:obs-6", facts={"human": "kein Wert und Grund"}
    )
    assert sentence(finding, "de").startswith(
        "Die Bedingung obs-6 ist nicht erfüllt: „kein Wert und Grund“. "
    )
    assert "obs-6" in sentence(finding, "en-GB")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_others_wrote_is_quoted_and_ends_before_the_advice(language: str) -> None:
    """A publisher's or the engine's words may be in another language and without a full stop."""
    for rule in ("invariant", "profile-broken", "invariant-not-run"):
        assert re.search(r"[„“]\{(human|reason)\}[“”]\.$", sentences(language)[rule].wrong), rule


def test_a_missing_fact_and_an_unknown_rule_do_not_fail() -> None:
    assert "–" in told(Finding("error", "structure", "Patient", "cardinality-min"), "de").wrong
    assert "surprise" in told(Finding("error", "structure", "Patient", "surprise"), "fr").wrong
