"""German for the sentences with which other houses refuse: reasons, rules and next steps, keyed by the
English sentence.

Reports and errors stay English on the wire. What has no German here is shown in English and marked so,
never half translated. Files: `mihub/content/texts/reasons`; above: the pages that show a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markupsafe import Markup, escape

from mihub.portals.shell.texts import FOLDER, Language, read_document

REASONS: Final = FOLDER / "reasons"
_PLACE: Final = re.compile(r"\{(\w+)\}")
# A place takes one word over; `names` takes a list of words.
_WORD, _LIST, _ANY = r"\S+", r"\S+(?:, \S+)*", r".+"


@dataclass(frozen=True, slots=True)
class _Template:
    pattern: re.Pattern[str]
    german: str


class Catalogue:
    """The German of whole sentences. A place named like a group of `parts` must have its German there."""

    def __init__(self, sentences: Mapping[str, str], parts: Mapping[str, Mapping[str, str]]) -> None:
        self._words = {"": sentences, **parts}
        self._templates = {
            group: [
                _Template(_compiled(english, parts), german)
                for english, german in words.items()
                if _PLACE.search(english)
            ]
            for group, words in self._words.items()
        }

    @classmethod
    def load(cls, folder: Path) -> Catalogue:
        """All files of the folder as one catalogue."""
        sentences: dict[str, str] = {}
        parts: dict[str, dict[str, str]] = {}
        for path in sorted(folder.glob("*.de.yaml")):
            document = read_document(path)
            sentences |= document["sentences"]
            for group, words in document.get("parts", {}).items():
                parts.setdefault(group, {}).update(words)
        return cls(sentences, parts)

    def german(self, english: str, group: str = "") -> str | None:
        """The sentence in German, or None."""
        found = self._words[group].get(english)
        if found is not None:
            return found
        filled = (self._filled(template, english) for template in self._templates[group])
        return next((german for german in filled if german is not None), None)

    def entries(self) -> list[tuple[str, str]]:
        """Every English key with its German, parts included."""
        return [pair for words in self._words.values() for pair in words.items()]

    def _filled(self, template: _Template, english: str) -> str | None:
        match = template.pattern.fullmatch(english)
        if match is None:
            return None
        values: dict[str, str] = {}
        for name, value in match.groupdict().items():
            told = self.german(value, name) if name in self._words else value
            if told is None:
                return None
            values[name] = told
        return template.german.format(**values)


def _compiled(english: str, parts: Mapping[str, object]) -> re.Pattern[str]:
    pieces = _PLACE.split(english)
    for at in range(0, len(pieces), 2):
        pieces[at] = re.escape(pieces[at])
    for at in range(1, len(pieces), 2):
        name = pieces[at]
        taken = _ANY if name in parts else _LIST if name == "names" else _WORD
        pieces[at] = f"(?P<{name}>{taken})"
    return re.compile("".join(pieces))


@cache
def catalogue() -> Catalogue:
    """The catalogue that ships with the package."""
    return Catalogue.load(REASONS)


def told(language: Language, english: str) -> Markup:
    """The sentence for a page in this language. A single word is a name and belongs to no language."""
    german = catalogue().german(english) if language == "de" else None
    if german is not None:
        return escape(german)
    if language == "en" or " " not in english:
        return escape(english)
    return Markup('<span lang="en">{}</span>').format(english)
