"""The board's catalogues as typed values: required items, boards, the words of a decision, text blocks.

Each catalogue says where it comes from, which version it is and who approved it; without an approver it is
not verified and the page says so. It never holds a rule in code that could stand in the data file. Source:
`content/board/*.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from mihub.core.policy.actor import MemberId
from mihub.errors import ConfigurationError, InvalidInput


@dataclass(frozen=True, slots=True)
class Label:
    """One text in the languages of the pages; a missing language falls back to German."""

    de: str
    en: str

    def in_language(self, language: str) -> str:
        """The text for "de" or "en"."""
        return self.en if language == "en" else self.de


@dataclass(frozen=True, slots=True)
class Edition:
    """Which version of a catalogue spoke, where it comes from and who approved it."""

    id: str
    version: str
    sources: tuple[str, ...]
    approver: str
    verified: bool


@dataclass(frozen=True, slots=True)
class RequiredItem:
    """One thing a board wants to see. `only_for` limits it to diagnoses whose ICD-10 code starts so; empty
    means all."""

    id: str
    label: Label
    reader: str
    codes: tuple[str, ...]
    icd10_prefixes: tuple[str, ...]
    categories: tuple[str, ...]
    prefixes: tuple[tuple[str, str], ...]
    supplier: Label
    supplied_by: tuple[str, ...]
    only_for: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A board that meets weekly. `weekday` counts from Monday = 0; `time` is local, "15:00"."""

    id: str
    member: MemberId
    name: Label
    icd10_prefixes: tuple[str, ...]
    weekday: int
    time: str


@dataclass(frozen=True, slots=True)
class Term:
    """A code with its label. `days`: until a recommendation is due; `wish`: the oBDS answer that a reason
    implies."""

    code: str
    label: Label
    days: int = 0
    wish: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """The words a board decides with."""

    edition: Edition
    conferences: tuple[Term, ...]
    therapies: tuple[Term, ...]
    patient_wish: tuple[Term, ...]
    reasons: tuple[Term, ...]
    disciplines: tuple[Term, ...]
    evidence: tuple[Term, ...]


@cache
def required_items() -> tuple[Edition, tuple[RequiredItem, ...]]:
    """The catalogue of required items with its edition, in the order in which a case is presented."""
    document = _load("required-items")
    return _edition(document), tuple(_item(entry) for entry in document["items"])


@cache
def answers() -> dict[str, Label]:
    """Words for coded answers whose display is English only."""
    return {code: _label(texts) for code, texts in _load("required-items")["answers"].items()}


@cache
def boards() -> tuple[Board, ...]:
    """All boards of the region."""
    return tuple(
        Board(
            id=entry["id"],
            member=MemberId(entry["member"]),
            name=_label(entry["name"]),
            icd10_prefixes=tuple(entry["icd10_prefixes"]),
            weekday=entry["weekday"],
            time=entry["time"],
        )
        for entry in _load("boards")["boards"]
    )


def board(board_id: str) -> Board:
    """The board with this id. Raises `InvalidInput` when the region has none."""
    for known in boards():
        if known.id == board_id:
            return known
    raise InvalidInput(
        "The region has no tumour board with this id.",
        rule="content/board/boards.yaml",
        next_step="Choose one of the boards in the list.",
    )


@cache
def words() -> Words:
    """The catalogues of a decision."""
    document = _load("decision")
    return Words(
        edition=_edition(document),
        conferences=_terms(document["conferences"]),
        therapies=_terms(document["therapies"]),
        patient_wish=_terms(document["patient_wish"]),
        reasons=_terms(document["reasons"]),
        disciplines=_terms(document["disciplines"]),
        evidence=_terms(document["evidence"]),
    )


@cache
def letters() -> dict[str, Any]:
    """The text blocks as they stand in the file; `letters.py` puts them together."""
    return _load("letters")


def term(terms: tuple[Term, ...], code: str, what: str) -> Term:
    """The term with this code. Raises `InvalidInput` naming the catalogue, never the code that was sent."""
    for known in terms:
        if known.code == code:
            return known
    raise InvalidInput(
        f"This {what} is not in the catalogue.",
        rule="content/board/decision.yaml",
        next_step="Choose one of the entries in the list.",
    )


def _load(name: str) -> dict[str, Any]:
    text = files("mihub").joinpath("content", "board", f"{name}.yaml").read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    if not isinstance(document, dict):
        raise ConfigurationError(f"The catalogue content/board/{name}.yaml is not a mapping.")
    return document


def _edition(document: dict[str, Any]) -> Edition:
    return Edition(
        id=document["id"],
        version=document["version"],
        sources=tuple(document["source"]),
        approver=document["approver"],
        verified=bool(document["verified"] and document["approver"]),
    )


def _item(entry: dict[str, Any]) -> RequiredItem:
    return RequiredItem(
        id=entry["id"],
        label=_label(entry["label"]),
        reader=entry["reader"],
        codes=tuple(entry.get("codes", ())),
        icd10_prefixes=tuple(entry.get("icd10_prefixes", ())),
        categories=tuple(entry.get("categories", ())),
        prefixes=tuple(entry.get("prefixes", {}).items()),
        supplier=_label(entry["supplier"]),
        supplied_by=tuple(entry["supplied_by"]),
        only_for=tuple(entry.get("only_for", ())),
    )


def _terms(entries: list[dict[str, Any]]) -> tuple[Term, ...]:
    return tuple(
        Term(entry["code"], _label(entry["label"]), entry.get("days", 0), entry.get("wish", ""))
        for entry in entries
    )


def _label(texts: dict[str, str]) -> Label:
    return Label(de=texts["de"], en=texts.get("en", texts["de"]))
