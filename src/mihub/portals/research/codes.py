"""The short list of codes to choose from, and the names of the systems that a criterion speaks.

A code that is not in the list may be typed. Source and version stand in `content/research/codes.yaml`.
Above: `cohort`, `documents`, the builder's page.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

CODED_KINDS: Final = ("diagnosis", "procedure", "lab", "consent")


@dataclass(frozen=True, slots=True)
class KnownCode:
    """One entry of the list. `unit` is the UCUM unit that a laboratory value usually has."""

    code: str
    de: str
    en: str
    unit: str = ""

    def in_language(self, language: str) -> str:
        """The name for "de" or "en"."""
        return self.en if language == "en" else self.de


@cache
def document() -> dict[str, Any]:
    """The list as it stands in the file."""
    text = files("mihub").joinpath("content", "research", "codes.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@cache
def known(kind: str) -> tuple[KnownCode, ...]:
    """The entries for one kind of criterion."""
    return tuple(KnownCode(**entry) for entry in document()[kind])


def find(kind: str, wanted: str, language: str, limit: int = 12) -> tuple[KnownCode, ...]:
    """Entries whose code begins with the text or whose name holds it; empty for an empty text."""
    text = wanted.strip().casefold()
    if not text:
        return ()
    hits = (
        each
        for each in known(kind)
        if each.code.casefold().startswith(text) or text in each.in_language(language).casefold()
    )
    return tuple(hits)[:limit]


def name_of(kind: str, code: str, language: str = "de") -> str:
    """The name of a code; the code itself when the list does not hold it."""
    return next((each.in_language(language) for each in known(kind) if each.code == code), code)


def unit_of(code: str) -> str:
    """The usual unit of a laboratory value; empty when the list does not hold it."""
    return next((each.unit for each in known("lab") if each.code == code), "")
