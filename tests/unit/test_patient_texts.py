"""Patient texts stay readable: short sentences, short words, no codes, the same blocks in both languages."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from mihub.care.journeys import vocabulary
from mihub.care.journeys.explain import explain, explanations
from mihub.portals.shell.texts import FOLDER, LANGUAGES, Language, Texts

_ROOMS = (
    "condition",
    "procedure",
    "observation",
    "report",
    "modality",
    "medication",
    "task",
    "communication",
)
_TEXTS = Texts.load(FOLDER)


def _patient_texts(language: Language) -> list[str]:
    keys = [
        key for key in _TEXTS.keys(language) if key.startswith(("patient.", "shell.start.", "shell.failure."))
    ]
    blocks = [block.texts[language]["text"] for block in explanations().blocks]
    return [_TEXTS._catalogues[language][key] for key in keys] + blocks


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_short(language: Language) -> None:
    sentences = [
        one for text in _patient_texts(language) for one in re.split(r"[.!?:]\s+", text) if one.strip()
    ]
    lengths = sorted(len(sentence.split()) for sentence in sentences)
    assert sum(lengths) / len(lengths) <= 10
    assert lengths[-1] <= 20, max(sentences, key=lambda sentence: len(sentence.split()))


def test_german_explanations_reach_the_reading_level() -> None:
    """Flesch reading ease for German (Amstad): 180 - words per sentence - 58.5 x syllables per word; 60 is plain."""
    text = " ".join(block.texts["de"]["text"] for block in explanations().blocks)
    words = re.findall(r"[A-Za-zÄÖÜäöüß]+", text)
    sentences = len(re.findall(r"[.!?]", text))
    syllables = sum(len(re.findall(r"[aeiouyäöü]+", word.lower())) for word in words)
    assert 180 - len(words) / sentences - 58.5 * syllables / len(words) >= 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_codes_in_patient_texts(language: Language) -> None:
    for text in _patient_texts(language):
        assert not re.search(r"\b[A-Z]\d{2}\.\d|\bFHIR\b|\bTNM\b|\bLOINC\b|\bICD\b|http", text), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_event_has_words(language: Language) -> None:
    kinds = {rule.kind for room in _ROOMS for rule in vocabulary.rules(room)}
    missing = {kind for kind in kinds if not _TEXTS.has(language, f"journey.event.{kind}")}
    assert missing == set()


def test_a_gene_that_is_not_changed_is_not_explained() -> None:
    gene = {"code": {"coding": [{"system": "http://loinc.org", "code": "48018-6"}]}}
    studied = {"coding": [{"system": "http://www.genenames.org/geneId", "code": "HGNC:3236"}]}
    base = {"resourceType": "Observation", "component": [{**gene, "valueCodeableConcept": studied}]}
    present = {"coding": [{"system": "http://loinc.org", "code": "LA9633-4"}]}
    absent = {"coding": [{"system": "http://loinc.org", "code": "LA9634-2"}]}
    assert [block.id for block in explain([{**base, "valueCodeableConcept": present}])] == ["egfr"]
    assert explain([{**base, "valueCodeableConcept": absent}]) == []


def test_a_stage_is_read_only_from_a_staging_system() -> None:
    route = {
        "resourceType": "Observation",
        "valueCodeableConcept": {"coding": [{"system": "http://x/route", "code": "IV"}]},
    }
    assert explain([route]) == []


def test_blocks_have_unique_ids_and_stay_unverified_without_approver() -> None:
    ids = sorted(block.id for block in explanations().blocks)
    assert all(first != second for first, second in pairwise(ids))
    assert explanations().is_verified == bool(explanations().approver)
