"""The report that § 2 (1) 3 asks for, and the record of the information given (No. 4), as FHIR documents.

The report carries the receipt's own sentences, so that the radiologist can redo the arithmetic. In German:
it is a document between physicians in Germany. Neighbours: `referral` (sends them), `core.rules` (the
receipt).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from html import escape, unescape
from typing import Final

from mihub.care.referrals.terms import author, concept
from mihub.care.screening.assessment import Assessment
from mihub.care.screening.rule import screening_rule
from mihub.core.fhir import Json, Resource
from mihub.core.policy.actor import Actor
from mihub.core.rules.receipt import Criterion, Receipt

DOCUMENT: Final = "https://mihub.example/fhir/CodeSystem/document"
REPORT: Final = "lung-screening-report"
QUESTIONNAIRE: Final = "https://mihub.example/fhir/Questionnaire/lung-screening-information"
CESSATION: Final = "cessation-offered"
_PARAGRAPH: Final = re.compile(r"<p\b[^>]*>(.*?)</p>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")


def screening_report(
    assessment: Assessment,
    suitability: str,
    history: str,
    actor: Actor,
    now: datetime,
    subject: Json,
    report_id: str,
) -> Resource:
    """The Composition; its sections are smoking, suitability, history and the rule that spoke."""
    rule = screening_rule()
    receipt = assessment.receipt
    smoking = [*_words(receipt.criterion("duration")), *_words(receipt.criterion("pack-years"))]
    source = [
        f"{receipt.rule_id}, Fassung {receipt.rule_version}",
        rule.source.title,
        _verified(rule.approval.verified),
    ]
    return {
        "resourceType": "Composition",
        "id": report_id,
        "status": "final",
        "type": concept(DOCUMENT, REPORT, "Bericht zur Lungenkrebs-Früherkennung"),
        "subject": subject,
        "date": now.isoformat(timespec="seconds"),
        "author": [author(actor)],
        "title": f"Bericht nach {rule.citations['report']}",
        "section": [
            _section("smoking", "Zigarettenkonsum: Dauer und Packungsjahre", [*smoking, *_notes(receipt)]),
            _section("suitability", "Medizinische Eignung", suitability.strip().splitlines()),
            _section("history", "Vorgeschichte", history.strip().splitlines() or ["Keine Angaben."]),
            _section("rule", "Angewendete Regel", source),
        ],
    }


def information_record(
    checked: Collection[str],
    cessation_offered: bool,
    actor: Actor,
    now: datetime,
    subject: Json,
    record_id: str,
) -> Resource:
    """The QuestionnaireResponse that says which information was given; one yes or no per item."""
    items = [
        (item.id, screening_rule().sentence(f"check.{item.id}", {}, "de"), item.id in checked)
        for item in screening_rule().checklist
    ]
    items.append((CESSATION, "Hilfe beim Aufhören angeboten", cessation_offered))
    return {
        "resourceType": "QuestionnaireResponse",
        "id": record_id,
        "questionnaire": f"{QUESTIONNAIRE}|{screening_rule().version}",
        "status": "completed",
        "subject": subject,
        "authored": now.isoformat(timespec="seconds"),
        "author": author(actor),
        "item": [
            {"linkId": key, "text": text, "answer": [{"valueBoolean": value}]} for key, text, value in items
        ],
    }


def report_sections(composition: Resource) -> list[tuple[str, list[str]]]:
    """Title and lines of each section, as plain text, for pages that show a report."""
    return [
        (str(section.get("title", "")), _lines(str(section.get("text", {}).get("div", ""))))
        for section in composition.get("section", [])
    ]


def _lines(div: str) -> list[str]:
    # Only paragraphs are read, and their tags dropped: foreign markup never reaches a page.
    paragraphs = _PARAGRAPH.findall(div)
    return [unescape(_TAG.sub("", each)).strip() for each in paragraphs]


def _words(criterion: Criterion) -> list[str]:
    return [screening_rule().step(step, "de") for step in criterion.steps]


def _notes(receipt: Receipt) -> list[str]:
    return [screening_rule().step(note, "de") for note in receipt.notes]


def _verified(verified: bool) -> str:
    return "Inhalt fachlich freigegeben" if verified else "Inhalt noch nicht fachlich freigegeben"


def _section(code: str, title: str, lines: list[str]) -> Json:
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines)
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'
    return {"title": title, "code": concept(DOCUMENT, code), "text": {"status": "generated", "div": div}}
