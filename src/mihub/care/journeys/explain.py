"""Explain a result by text blocks bound to its codes: deterministic, versioned, with source and approver.

A block speaks only when one of its codes stands in the result. No text is generated, nothing is inferred
from values. Texts: `content/texts/explanations.yaml`. Source of the approach: patient letters from text
blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from mihub.care.journeys import facts
from mihub.core.fhir import Resource

# LOINC "Absent", SNOMED CT "Not detected" and "Negative", oBDS wild type, HL7 v3 "Negative".
_NEGATIVE: Final = frozenset({"LA9634-2", "260415000", "260385009", "W", "NEG", "ND"})
FILE: Final = Path(__file__).resolve().parents[2] / "content" / "texts" / "explanations.yaml"


@dataclass(frozen=True, slots=True)
class Block:
    """One explanation: `texts` by language, each with `title` and `text`."""

    id: str
    codes: tuple[tuple[str, str], ...]
    texts: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Explanations:
    """All blocks with what a reader must know about them."""

    version: str
    approver: str
    is_verified: bool
    source: tuple[str, ...]
    blocks: tuple[Block, ...]


@cache
def explanations() -> Explanations:
    """The catalogue of this installation."""
    document = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    approver = str(document.get("approver") or "")
    return Explanations(
        str(document["version"]),
        approver,
        bool(document.get("verified")) and bool(approver),
        tuple(document.get("source", ())),
        tuple(_block(entry) for entry in document["blocks"]),
    )


def explain(resources: Iterable[Resource]) -> list[Block]:
    """The blocks for all codes of a result and its parts, in the order of the catalogue."""
    # A finding that is absent must never be explained as if it were there.
    found = {pair for resource in resources if not _is_negative(resource) for pair in _codes(resource)}
    return [block for block in explanations().blocks if any(_speaks(rule, found) for rule in block.codes)]


def _speaks(rule: tuple[str, str], found: set[tuple[str, str]]) -> bool:
    system, wanted = rule
    if system == "*":
        return any(code == wanted for _, code in found)
    # A diagnosis block speaks for the whole three-character category.
    is_category = system == "icd-10-gm"
    return any(
        known == system and (code == wanted or (is_category and code.startswith(f"{wanted}.")))
        for known, code in found
    )


def _is_negative(resource: Resource) -> bool:
    said = facts.codings(resource.get("valueCodeableConcept"), resource.get("interpretation"))
    return any(code in _NEGATIVE for _, code, _ in said)


def _codes(resource: Resource) -> Iterable[tuple[str, str]]:
    parts: list[Any] = [resource, *map(facts.mapping, facts.items(resource.get("component")))]
    for part in parts:
        names = ("code", "conclusionCode", "valueCodeableConcept")
        for system, code, _ in facts.codings(*(part.get(name) for name in names)):
            yield system.rstrip("/").rpartition("/")[2].lower(), code


def _block(entry: Mapping[str, Any]) -> Block:
    codes = tuple((str(system), str(code)) for system, listed in entry["codes"].items() for code in listed)
    return Block(str(entry["id"]), codes, {"de": entry["de"], "en": entry["en"]})
